#include "agent/act/executor.h"

#include <algorithm>
#include <set>
#include <vector>

#include "agent/act/actions/freeze.h"
#include "agent/act/actions/network.h"
#include "agent/act/actions/restart.h"
#include "agent/act/clock.h"
#include "agent/act/faults.h"
#include "agent/act/loader_cache.h"
#include "agent/act/still_active.h"
#include "agent/act/unit_reload.h"
#include "agent/plan/guard.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

using model::HostState;
using model::Outcome;

// Nothing of this step has been taken back yet.
bool is_untouched_by_undo(const Context& context, std::uint32_t step) {
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    const OpStage stage = context.op_state(i).stage;
    if (context.op(i).step == step &&
        (stage == OpStage::kUndoIntended || stage == OpStage::kUndone))
      return false;
  }
  return true;
}

bool has_failed(const Context& context, std::uint32_t step) {
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i)
    if (context.op(i).step == step && context.op_state(i).stage == OpStage::kFailed) return true;
  return false;
}

// A disk or a right, not what somebody did to the object: it may be tried again.
bool may_pass(Reason reason) {
  return reason == Reason::kIo || reason == Reason::kDiskFull || reason == Reason::kPermission ||
         reason == Reason::kTimeout;
}

// And says more of the host than of its object.
bool is_of_host(const model::ReceiptItem& item) {
  return item.outcome == Outcome::kFailed &&
         (item.reason == Reason::kIo || item.reason == Reason::kDiskFull ||
          item.reason == Reason::kTimeout);
}

std::string restarted_services(const Context& context) {
  std::string names;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    const OpStage stage = context.op_state(i).stage;
    if (context.op(i).kind == OpKind::kRestart &&
        (stage == OpStage::kDone || stage == OpStage::kUndone))
      names += (names.empty() ? "" : ", ") + context.op(i).text;
  }
  return names;
}

// Removed libraries that the loader knows by path; empty: none.
std::string still_in_loader_cache(const Context& context) {
  std::vector<std::string> taken;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i)
    if (context.op(i).kind == OpKind::kTake && context.op_state(i).stage == OpStage::kDone)
      taken.push_back(context.op(i).file.path);
  if (taken.empty()) return {};
  const auto cache =
      files::read_file(context.tree.root() + "/etc/ld.so.cache", limits::kLoaderCacheBytes);
  if (!cache) return {};
  std::string names;
  for (const auto& path : paths_in_cache(*cache, taken))
    names += (names.empty() ? "" : ", ") + escaped(path);
  return names;
}

// Processes of a family that the plan did not know.
std::size_t started_since(const Context& context) {
  std::set<std::int32_t> planned, stopped;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    planned.insert(context.op(i).pid);
    for (const auto& process : context.op_state(i).frozen) stopped.insert(process.pid);
  }
  return static_cast<std::size_t>(std::count_if(
      stopped.begin(), stopped.end(), [&](std::int32_t pid) { return !planned.contains(pid); }));
}

// By any round of it: the next one stands on what the one before it left.
std::set<std::int32_t> held_by_order(const Context& context) {
  std::set<std::int32_t> pids;
  for (const Nonce& id : context.ledger.rounds(context.state().begin.order)) {
    Context round = context;
    round.transaction = id;
    pids.merge(held(round));
  }
  return pids;
}

// systemd answers with its units: what it still knows it starts again.
bool ends_processes(const Context& context, std::uint32_t step) {
  for (const Op& op : context.state().begin.ops)
    if (op.step == step && (op.kind == OpKind::kKill || op.kind == OpKind::kRestart)) return true;
  return false;
}

std::string text_of(const std::vector<std::string>& paths) {
  return fmt::format("{}{}", paths.front(),
                     paths.size() > 1 ? fmt::format(", and {} more", paths.size() - 1) : "");
}

bool is_purged(const Step& step) {
  return step.item.action == model::ActionKind::kPurge && step.item.outcome == Outcome::kDone;
}

void add_sentence(std::string& text, const std::string& sentence) {
  if (!sentence.empty()) text += (text.empty() ? "" : "; ") + sentence;
}

// Each once.
void add_sentences(std::string& text, const std::vector<std::string>& all) {
  for (const auto& sentence : std::set<std::string>(all.begin(), all.end()))
    add_sentence(text, sentence);
}

// A clock that was set back does not have evidence purged sooner.
Timestamp ended_at(const Context& context) {
  return std::max(read_clock().local, context.state().begin.at);
}

}  // namespace

std::vector<Step> undo_outcomes(const Transaction& transaction) {
  auto steps = outcomes(transaction);
  std::vector<bool> undo_failed(steps.size(), false);
  for (std::size_t i = 0; i < transaction.ops.size(); ++i)
    if (transaction.ops[i].stage == OpStage::kUndoFailed)
      undo_failed[transaction.begin.ops[i].step] = true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].item.outcome == Outcome::kFailed && !undo_failed[i])
      steps[i].item.outcome = Outcome::kSkipped;
    if (!is_purged(steps[i])) continue;
    steps[i].item.outcome = Outcome::kSkipped;
    steps[i].item.reason = Reason::kExpired;
  }
  return steps;
}

Executor::Executor(const Tree& tree, Vault& vault, Ledger& ledger, HiveEditor* hives,
                   Firewall& firewall, ServiceManager* services, std::string proc, OnStep on_step,
                   MustEnd must_end)
    : tree_(tree),
      vault_(vault),
      ledger_(ledger),
      hives_(hives),
      firewall_(firewall),
      services_(services),
      proc_(std::move(proc)),
      provenance_(tree),
      boot_(read_clock().boot),
      on_step_(std::move(on_step)),
      must_end_(std::move(must_end)) {}

Context Executor::context_of(const Nonce& transaction) {
  return {tree_,  vault_,    ledger_,   provenance_, transaction,
          hives_, firewall_, services_, notes_,      boot_};
}

Status Executor::run(const Nonce& transaction) {
  Context context = context_of(transaction);
  const auto steps = static_cast<std::uint32_t>(context.state().begin.steps.size());
  details_.clear();
  notes_.clear();
  provenance_.note_processes();
  UnitReload reload(tree_, services_);
  for (const Op& op : context.state().begin.ops)
    if (op.pid == 0 && !op.file.path.empty()) tree_.call_lease_back(op.file.path);
  unsigned failures = 0;
  for (std::uint32_t step = 0; step < steps; ++step) {
    // A host on which nothing works is left alone: what follows stays pending.
    if (failures > limits::kFailuresInARow) break;
    if (const auto end = must_end_()) return abandon(transaction, end->reason, end->detail);
    if (ends_processes(context, step)) reload.tell(context.state());
    FS_CHECK(run_step(context, step, true));
    const Step result = outcomes(context.state())[step];
    failures = is_of_host(result.item) ? failures + 1 : 0;
    on_step_(step, result);
  }
  reload.tell(context.state());
  keep_isolated(context);
  return finish(context, reload);
}

// Core counts from the end of this. The rules may be gone by then: the host was started again in
// the midst of it, or it took longer than the kernel waits for word of the controller.
void Executor::keep_isolated(Context& context) {
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    if (context.op(i).kind != OpKind::kIsolate || context.op_state(i).stage != OpStage::kDone)
      continue;
    if (const auto kept = isolate_again(firewall_, context.op(i)); !kept)
      notes_.push_back("it may be no longer isolated: " + kept.error().detail);
  }
}

Status Executor::run_step(Context& context, std::uint32_t step, bool forward) {
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i)
    if (context.op(i).step == step && !has_failed(context, step))
      FS_CHECK(run_op(context, i, forward));
  if (has_failed(context, step)) return roll_back(context, step);
  return {};
}

Status Executor::recover_op(Context& context, std::uint32_t index, bool& settled) {
  const auto recovery = action_of(context.op(index).kind).recover(context, index);
  settled = true;
  if (!recovery) {
    details_[index] = recovery.error().detail;
    return ledger_.write(context.transaction, Failed{index, recovery.error().reason});
  }
  if (recovery->done) return ledger_.write(context.transaction, Done{index, recovery->post});
  settled = false;
  return {};
}

Status Executor::run_op(Context& context, std::uint32_t index, bool forward) {
  const Action& action = action_of(context.op(index).kind);
  OpStage stage = context.op_state(index).stage;
  if (stage == OpStage::kIntended) {
    bool settled = false;
    FS_CHECK(recover_op(context, index, settled));
    if (settled) return {};
    if (!forward) return ledger_.write(context.transaction, Failed{index, Reason::kStopped});
    stage = OpStage::kPending;
  }
  if (stage != OpStage::kPending || !forward) return {};

  const auto intent = action.prepare(context, index);
  if (!intent) {
    details_[index] = intent.error().detail;
    return ledger_.write(context.transaction, Failed{index, intent.error().reason});
  }
  FS_CHECK(ledger_.write(context.transaction, Intended{index, *intent}));
  const auto post = action.perform(context, index);
  fault_point("performed");
  if (post) return ledger_.write(context.transaction, Done{index, *post});
  // It may have failed past the point of no return: then it is done all the same.
  if (may_pass(post.error().reason))
    if (const auto recovery = action.recover(context, index); recovery && recovery->done)
      return ledger_.write(context.transaction, Done{index, recovery->post});
  details_[index] = post.error().detail;
  return ledger_.write(context.transaction, Failed{index, post.error().reason});
}

Status Executor::roll_back(Context& context, std::uint32_t step) {
  bool is_without_file = false;
  for (auto i = static_cast<std::uint32_t>(context.state().ops.size()); i-- > 0;) {
    const OpStage stage = context.op_state(i).stage;
    if (context.op(i).step != step || (stage != OpStage::kDone && stage != OpStage::kUndoIntended))
      continue;
    const bool is_take = context.op(i).kind == OpKind::kTake;
    if (!is_take && is_without_file) continue;  // as in undo()
    FS_CHECK(undo_op(context, i));
    is_without_file |= is_take && context.op_state(i).stage == OpStage::kUndoFailed;
  }
  return {};
}

Status Executor::undo_op(Context& context, std::uint32_t index) {
  const Action& action = action_of(context.op(index).kind);
  const OpState& state = context.op_state(index);
  if (state.stage == OpStage::kUndoFailed && state.undo && may_pass(state.reason)) {
    // It may have come far: by the same plan it goes on from there.
    FS_CHECK(ledger_.write(context.transaction, UndoIntended{index, *state.undo}));
  } else if (state.stage != OpStage::kUndoIntended) {
    const auto intent = action.plan_undo(context, index);
    if (!intent) {
      details_[index] = intent.error().detail;
      return ledger_.write(context.transaction, Undone{index, intent.error().reason});
    }
    FS_CHECK(ledger_.write(context.transaction, UndoIntended{index, *intent}));
  }
  const auto undone = action.undo(context, index);
  fault_point("undone");
  if (!undone) details_[index] = undone.error().detail;
  return ledger_.write(context.transaction,
                       Undone{index, undone ? Reason::kNone : undone.error().reason});
}

std::string Executor::detail_of(const Context& context, std::uint32_t step) const {
  for (const auto& [index, detail] : details_) {
    const OpStage stage = context.op_state(index).stage;
    if (context.op(index).step == step &&
        (stage == OpStage::kFailed || stage == OpStage::kUndoFailed))
      return detail;
  }
  return {};
}

Status Executor::finish(Context& context, const UnitReload& reload) {
  const Refusal& untold = reload.untold();
  End end;
  std::uint32_t acted = 0;
  Reason skipped = Reason::kNone;
  std::vector<std::string> left;
  const auto steps = outcomes(context.state());
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    acted += step.item.outcome == Outcome::kDone && plan::is_intrusive(step.item.action);
    if (step.item.outcome == Outcome::kFailed && end.reason == Reason::kNone)
      end = {HostState::kFailed, step.item.reason, detail_of(context, i)};
    if (step.item.outcome == Outcome::kSkipped && step.item.reason != Reason::kGone &&
        plan::is_intrusive(step.item.action))
      skipped = step.item.reason;
    if (step.item.outcome == Outcome::kSkipped && step.item.reason == Reason::kProtected)
      left.push_back(escaped(step.path));
  }
  if (end.reason == Reason::kNone && untold.reason != Reason::kNone)
    end = {HostState::kFailed, untold.reason, ""};
  // Nothing could be touched although something was to be.
  if (end.state == HostState::kCleaned && acted == 0 && skipped != Reason::kNone)
    end = {HostState::kFailed, skipped,
           left.empty() ? "no object was still what the dry run had found" : ""};
  const StillActive active = still_active(context, proc_);
  if (end.state == HostState::kCleaned && active.until_start) end.state = HostState::kNeedsReboot;
  if (const auto count = started_since(context); end.detail.empty() && count > 0)
    end.detail =
        fmt::format("{} processes were stopped that the scan had not found: started since", count);
  add_sentences(end.detail, notes_);
  add_sentence(end.detail, untold.detail);
  add_sentence(end.detail, reload.untold_to_users(context.state()));
  if (const std::string pids = left_running(context); !pids.empty())
    add_sentence(
        end.detail,
        "processes of restarted services live on with what was removed, end them by hand: " + pids);
  if (const std::string named = still_in_loader_cache(context); !named.empty())
    add_sentence(end.detail, fmt::format("the loader's cache still names {}: run ldconfig", named));
  add_sentence(end.detail, active.detail);
  hold_of(context).remove();  // a crash may have come between its last process and it
  const auto pids = held_by_order(context);
  if (!pids.empty())
    add_sentence(end.detail,
                 fmt::format("{} processes stay stopped until an undo lets them run again: {}",
                             pids.size(), fmt::join(pids, ", ")));
  if (!left.empty()) add_sentence(end.detail, "not touched: " + text_of(left));
  // A rescan need not find who is not of the malware itself, or what makes no verdict alone.
  if (end.state == HostState::kCleaned && !(pids.empty() && left.empty()))
    end.state = HostState::kResidual;
  end.at = ended_at(context);
  return ledger_.write(context.transaction, end);
}

Status Executor::abandon(const Nonce& transaction, Reason reason, const std::string& detail) {
  Context context = context_of(transaction);
  const auto steps = static_cast<std::uint32_t>(context.state().begin.steps.size());
  for (std::uint32_t step = 0; step < steps; ++step) {
    FS_CHECK(run_step(context, step, false));
    bool all = true, any = false;
    for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
      if (context.op(i).step != step) continue;
      any = any || context.op_state(i).stage == OpStage::kDone;
      all = all && context.op_state(i).stage == OpStage::kDone;
    }
    if (any && !all) FS_CHECK(roll_back(context, step));
  }
  // A transaction that will not go on must not leave a host half frozen.
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i)
    if (context.op(i).kind == OpKind::kSuspend && context.op_state(i).stage == OpStage::kDone)
      FS_CHECK(undo_op(context, i));
    else
      (void)thaw(context, i);
  hold_of(context).remove();
  UnitReload reload(tree_, services_);
  reload.tell(context.state());
  End end{HostState::kFailed, reason, detail, ended_at(context)};
  add_sentences(end.detail, notes_);
  add_sentence(end.detail, reload.untold().detail);
  add_sentence(end.detail, reload.untold_to_users(context.state()));
  return ledger_.write(transaction, end);
}

Status Executor::begin_undo(const Nonce& transaction, const DocumentId& order) {
  Context context = context_of(transaction);
  if (!context.state().end)  // a crash came first: know what was done before taking it back
    FS_CHECK(abandon(transaction, Reason::kStopped, "undone before it was finished"));
  if (!context.state().undo || context.state().undo_end)
    FS_CHECK(ledger_.write(transaction, UndoBegin{order}));
  return {};
}

Status Executor::undo(const Nonce& transaction, const DocumentId& order) {
  FS_CHECK(begin_undo(transaction, order));
  details_.clear();
  notes_.clear();
  Context context = context_of(transaction);

  UndoEnd end;
  const auto done = outcomes(context.state());
  std::set<std::uint32_t> stuck, without_file;
  for (auto i = static_cast<std::uint32_t>(context.state().ops.size()); i-- > 0;) {
    const OpStage stage = context.op_state(i).stage;
    if (stage != OpStage::kDone && stage != OpStage::kUndoIntended && stage != OpStage::kUndoFailed)
      continue;
    if (is_purged(done[context.op(i).step])) continue;  // nothing brings that back
    if (is_untouched_by_undo(context, context.op(i).step))
      if (const auto stop = must_end_()) {
        end = {HostState::kFailed, stop->reason, stop->detail};
        break;
      }
    // What stopped one operation of a step stops those before it, which built on each other: the
    // next undo goes on there. A conflict is final, and the rest comes back all the same.
    if (stuck.contains(context.op(i).step)) continue;
    // A link that started what did not come back would start what lies there now.
    const bool is_take = context.op(i).kind == OpKind::kTake;
    if (!is_take && without_file.contains(context.op(i).step)) continue;
    FS_CHECK(undo_op(context, i));
    const OpState& state = context.op_state(i);
    if (state.stage != OpStage::kUndoFailed) continue;
    if (may_pass(state.reason)) stuck.insert(context.op(i).step);
    if (is_take) without_file.insert(context.op(i).step);
  }

  bool killed = false;
  std::vector<std::string> purged;
  const auto steps = undo_outcomes(context.state());
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    killed = killed || steps[i].item.action == model::ActionKind::kKill;
    if (is_purged(done[i])) purged.push_back(escaped(steps[i].path));
    if (steps[i].item.outcome == Outcome::kFailed && end.reason == Reason::kNone)
      end = {HostState::kFailed, steps[i].item.reason, detail_of(context, i)};
    on_step_(i, steps[i]);
  }
  UnitReload reload(tree_, services_);
  reload.tell(context.state());
  if (end.reason == Reason::kNone && reload.untold().reason != Reason::kNone)
    end = {HostState::kFailed, reload.untold().reason, ""};
  if (end.state == HostState::kUndone && killed)
    end.detail = purged.empty()
                     ? "everything is back but the processes that were killed: they are not "
                       "started again"
                     : "the processes that were killed are not started again";
  if (!purged.empty())
    add_sentence(end.detail, "purged and gone for good, that is not undone: " + text_of(purged));
  if (const std::string restarted = restarted_services(context); !restarted.empty())
    add_sentence(end.detail,
                 "services that were restarted run on, that is not undone: " + restarted);
  add_sentences(end.detail, notes_);
  add_sentence(end.detail, reload.untold().detail);
  add_sentence(end.detail, reload.untold_to_users(context.state()));
  hold_of(context).remove();
  return ledger_.write(transaction, end);
}

}  // namespace fleetsweep::act
