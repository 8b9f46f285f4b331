#pragma once

// Carries a transaction out, finishes one that a crash interrupted, takes one back. Every step ends
// fully done or fully undone. Between two steps it may be told to end; in between only a journal
// that cannot be written stops it: then the transaction stays open and a later start finishes it.

#include <functional>
#include <map>
#include <optional>

#include "agent/act/actions/action.h"

namespace fleetsweep::act {

class UnitReload;

class Executor {
 public:
  using OnStep = std::function<void(std::uint32_t number, const Step& step)>;
  // Asked before each step: an answer ends the transaction where it stands.
  using MustEnd = std::function<std::optional<Refusal>()>;
  // Borrows all of them. `proc` as in still_active.h.
  Executor(const Tree& tree, Vault& vault, Ledger& ledger, HiveEditor* hives, Firewall& firewall,
           ServiceManager* services, std::string proc, OnStep on_step, MustEnd must_end);

  // To its End: forward, from wherever it stands.
  Status run(const Nonce& transaction);
  // Ends it where it stands: the step in the middle is undone, stopped processes are continued.
  Status abandon(const Nonce& transaction, Reason reason, const std::string& detail);
  // Written down that it is to be undone: from here on a crash is resumed.
  Status begin_undo(const Nonce& transaction, const DocumentId& order);
  // Backwards, the last operation first. `order` is zero for the host's own root.
  Status undo(const Nonce& transaction, const DocumentId& order);

 private:
  Context context_of(const Nonce& transaction);
  Status run_step(Context& context, std::uint32_t step, bool forward);
  Status run_op(Context& context, std::uint32_t op, bool forward);
  Status recover_op(Context& context, std::uint32_t op, bool& settled);
  Status undo_op(Context& context, std::uint32_t op);
  Status roll_back(Context& context, std::uint32_t step);
  void keep_isolated(Context& context);
  Status finish(Context& context, const UnitReload& reload);
  // The sentence to the reason of a step that failed: of the operation that made it fail.
  std::string detail_of(const Context& context, std::uint32_t step) const;

  const Tree& tree_;
  Vault& vault_;
  Ledger& ledger_;
  HiveEditor* hives_;
  Firewall& firewall_;
  ServiceManager* services_;
  std::string proc_;
  Provenance provenance_;
  const BootId boot_;
  std::map<std::uint32_t, std::string> details_;  // of the transaction's operations that failed
  std::vector<std::string> notes_;                // Context::notes
  OnStep on_step_;
  MustEnd must_end_;
};

// The steps after an undo: what had never been done is not a failure of the undo.
std::vector<Step> undo_outcomes(const Transaction& transaction);

}  // namespace fleetsweep::act
