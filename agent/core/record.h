#pragma once

// What the core remembers, as typed records. The driver commits all records of a turn in one
// transaction before it sends or starts anything; after a crash the same records make the same
// core.

#include <array>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/model/local.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/log_view.h"

namespace fleetsweep::agent {

// How far one run of one order is.
enum class Phase : std::uint8_t {
  kHeld,       // refused for now, for a reason that may pass, or before another round; asked again
               // when something changes
  kActing,     // handed to act: after a crash it is resumed, never begun anew
  kVerifying,  // cleaned; rescans are due
  kDone,
};

struct Job {
  DocumentId order;
  std::uint64_t slot = 0;
  std::uint8_t round = 0;  // n: what was cleaned came back for the nth time
  Phase phase = Phase::kHeld;
  model::Mode mode = model::Mode::kDryRun;
  Digest policy;
  std::uint16_t wave = 0;
  Timestamp started;
  Timestamp cleaned;          // when the rescans count from
  std::uint32_t rescans = 0;  // done and clean
  BootId boot;                // when act began: numbers of processes are of this one
  BootId ended_in;            // when act ended; a rescan after reboot looks for another
  bool reboot_rescan = false;
  // object_digest()s of what was found, then of what is left of that: until the last rescan.
  std::vector<Digest> remaining;
  model::HostState state = model::HostState::kRefused;  // newest reported
  model::Reason reason = model::Reason::kNone;
  std::uint64_t reported = 0;  // bit n: refusal with Reason n has a receipt (once per order)
  std::uint32_t acted = 0;     // objects, as act said; of all rounds
  std::vector<model::HealthMark> health;  // what was good before the cleaning
  std::string said;                       // the newest word of why(), for people
  std::string ahead;                      // what it saw before its time; empty: it has not looked
  std::string cut_off;                    // what it keeps from the network, in act's words
  bool is_unreached = false;              // it isolated the host, and nobody was heard since
  Duration isolated_at{};                 // when, as uptime of `ended_in`
  bool has_left = false;  // what no rescan has to find: something protected, stopped processes
  bool operator==(const Job&) const = default;
};

struct PutEntry {
  std::uint64_t index = 0;
  Timestamp seen;
  Bytes entry;
};
struct PutLog {
  trust::LogView::Saved log;
};
struct PutPolicy {
  Digest digest;
  Bytes bytes;
};
struct DropPolicy {
  Digest digest;
};
struct PutHashPart {  // of a policy's hash sets
  Digest digest;
  Bytes bytes;
};
struct DropHashPart {
  Digest digest;
};
// The sealed findings are for act: an apply order touches only what stands in them.
struct PutDryRun {
  trust::DryRun run;
  std::vector<model::SealedFinding> findings;
};
struct PutJob {
  Job job;
};
struct DropJob {  // with its dry run
  DocumentId order;
};
struct PutStop {  // that came without the log
  DocumentId id;
  std::uint64_t log_size = 0;  // when it was taken
  Timestamp seen;
  Bytes envelope;
};
struct PutReceipt {
  std::uint64_t seq = 0;
  DocumentId id;
  Bytes envelope;
};
struct DropReceipts {
  std::vector<std::uint64_t> seqs;  // acked; the newest seq and id stay known
};
// A key of the private line, never an authority.
struct TransportKey {
  CurveKey pub;
  std::array<std::uint8_t, 32> secret{};
  Timestamp issued;
  bool operator==(const TransportKey&) const = default;
};
struct Transport {
  TransportKey current;              // of the last welcome
  std::optional<TransportKey> next;  // offered, see rekey.h
  Bytes offer;                       // the envelope that offers it
  bool operator==(const Transport&) const = default;
};
struct PutTransport {
  Transport transport;
};
using Record =
    std::variant<PutEntry, PutLog, PutPolicy, DropPolicy, PutHashPart, DropHashPart, PutDryRun,
                 PutJob, DropJob, PutStop, PutReceipt, DropReceipts, PutTransport>;

// What the gates and the runs need of a policy; small, so the bytes can stay on disk.
struct PolicyBrief {
  trust::PolicyFacts facts;
  model::Verify verify;
  Seconds timeout{};  // of a scan; 0: none
};
trust::Checked<PolicyBrief> brief_of(BytesView policy_bytes);

// All records of a store, as the core wants them back.
struct Stored {
  struct Entry {
    Bytes entry;
    Timestamp seen;
  };
  struct Waiting {
    std::uint64_t seq = 0;
    DocumentId id;
    std::size_t size = 0;
  };
  struct Stop {
    std::uint64_t log_size = 0;
    Bytes envelope;
    Timestamp seen;
  };
  std::vector<Entry> entries;
  std::vector<Stop> stops;  // by log_size
  std::optional<trust::LogView::Saved> log;
  std::vector<PolicyBrief> policies;
  std::vector<Digest> hash_parts;
  std::vector<trust::DryRun> dry_runs;
  std::vector<Job> jobs;
  std::vector<Waiting> outbox;
  std::uint64_t seq = 0;               // of the newest receipt ever made
  DocumentId previous;                 // its id
  std::optional<Transport> transport;  // none: the key of the enrolment is still in use
};

}  // namespace fleetsweep::agent
