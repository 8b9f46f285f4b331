#pragma once

// Transactions, as the journal tells them. Pure: records in, state out.

#include <optional>
#include <variant>
#include <vector>

#include "agent/act/operation.h"
#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/model/plan.h"

namespace fleetsweep::act {

// Records. Each but Begin belongs to the transaction it names.
struct Begin {
  DocumentId order;
  std::uint64_t slot = 0;
  std::uint8_t round = 0;  // n: what this order had removed came back for the nth time
  Digest policy;
  Timestamp at;
  Seconds undo_ttl{};  // so long its policy has its evidence kept; 0: it says nothing
  std::vector<Step> steps;
  std::vector<Op> ops;
  BootId boot;  // in which what they tell of files was read; zero: it was not told
  bool operator==(const Begin&) const = default;
};
struct Intended {
  std::uint32_t op = 0;
  Intent intent;
  bool operator==(const Intended&) const = default;
};
struct FrozenOne {
  std::uint32_t op = 0;
  Frozen process;
  bool operator==(const FrozenOne&) const = default;
};
struct Done {
  std::uint32_t op = 0;
  Post post;
  bool operator==(const Done&) const = default;
};
struct Failed {  // nothing of it remains on the host
  std::uint32_t op = 0;
  Reason reason = Reason::kNone;
  bool operator==(const Failed&) const = default;
};
struct End {
  model::HostState state = model::HostState::kCleaned;
  Reason reason = Reason::kNone;
  std::string detail;
  Timestamp at;  // the retention of its evidence counts from here
  bool operator==(const End&) const = default;
};
struct UndoBegin {
  DocumentId order;  // zero: the host's own root
  bool operator==(const UndoBegin&) const = default;
};
struct UndoIntended {
  std::uint32_t op = 0;
  UndoIntent intent;
  bool operator==(const UndoIntended&) const = default;
};
struct Undone {
  std::uint32_t op = 0;
  Reason reason = Reason::kNone;  // not kNone: it could not be taken back
  bool operator==(const Undone&) const = default;
};
struct UndoEnd {
  model::HostState state = model::HostState::kUndone;
  Reason reason = Reason::kNone;
  std::string detail;
  bool operator==(const UndoEnd&) const = default;
};
struct Purged {  // its evidence is, or is about to be, gone from the vault
  Timestamp at;
  std::uint32_t files = 0;
  std::uint64_t bytes = 0;
  bool operator==(const Purged&) const = default;
};
using Event = std::variant<Begin, Intended, FrozenOne, Done, Failed, End, UndoBegin, UndoIntended,
                           Undone, UndoEnd, Purged>;
struct Record {
  Nonce transaction;
  Event event;
  bool operator==(const Record&) const = default;
};
Bytes encode(const Record& record);
Result<Record> decode_record(BytesView bytes);

enum class OpStage : std::uint8_t {
  kPending,
  kIntended,
  kDone,
  kFailed,
  kUndoIntended,
  kUndone,
  kUndoFailed,
};

struct OpState {
  OpStage stage = OpStage::kPending;
  Reason reason = Reason::kNone;
  Intent intent;
  Post post;
  std::optional<UndoIntent> undo;
  std::vector<Frozen> frozen;
};

struct Transaction {
  Nonce id;
  Begin begin;
  std::vector<OpState> ops;
  std::optional<End> end;
  std::optional<UndoBegin> undo;
  std::optional<UndoEnd> undo_end;
  std::optional<Purged> purged;

  bool is_open() const { return !end || (undo && !undo_end); }
};

// The id of an execution's transaction: the same round of an order and slot never begins twice.
Nonce transaction_id(const DocumentId& order, std::uint64_t slot, std::uint8_t round);

// kInvalid: a record that cannot follow the ones before it.
Status apply(std::vector<Transaction>& history, const Record& record);
Result<std::vector<Transaction>> fold(const std::vector<Bytes>& records);

// The content of what is purged is kept nowhere; all else that is known of it is.
bool keeps_content(const Begin& begin, const Op& op);

// The steps with their outcomes, from the stages of their operations.
std::vector<Step> outcomes(const Transaction& transaction);

}  // namespace fleetsweep::act
