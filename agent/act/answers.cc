#include "agent/act/answers.h"

#include "agent/act/executor.h"
#include "agent/plan/guard.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {

using model::ActDone;
using model::HostState;

namespace {

// What is done with its object for good: a rescan that finds it again finds that it came back.
bool is_removed(const Step& step) {
  const auto action = step.item.action;
  const bool removes = action == model::ActionKind::kRemove || plan::takes_files(action) ||
                       action == model::ActionKind::kKill;
  return removes &&
         (step.item.outcome == model::Outcome::kDone || step.item.reason == Reason::kGone);
}

}  // namespace

ActDone refused(const DocumentId& order, Reason reason, std::string detail) {
  ActDone done;
  done.state = HostState::kRefused;
  done.reason = reason;
  done.detail = std::move(detail);
  done.order = order;
  return done;
}
ActDone refused(const DocumentId& order, const Refusal& refusal) {
  return refused(order, refusal.reason, refusal.detail);
}

Reason reason_of_state(const Error& error) {
  return error.code == Code::kUnavailable  ? Reason::kDiskFull
         : error.code == Code::kInvalid    ? Reason::kPermission
         : error.code == Code::kOverloaded ? Reason::kVaultFull
                                           : Reason::kIo;
}

ActDone failed(ActDone done, const Error& error) {
  done.state = HostState::kFailed;
  done.reason = reason_of_state(error);
  done.detail = error.message;
  return done;
}

ActDone answer(const Transaction& transaction, bool local) {
  ActDone done;
  done.undo = transaction.undo.has_value();
  done.local = local;
  done.order = done.undo && !transaction.undo->order.is_zero() ? transaction.undo->order
                                                               : transaction.begin.order;
  const auto steps = done.undo ? undo_outcomes(transaction) : outcomes(transaction);
  for (const auto& step : steps) {
    // What an undo did not come to is still done.
    const bool has_acted = step.item.outcome == model::Outcome::kUndone ||
                           (step.item.outcome == model::Outcome::kDone && !done.undo);
    done.acted += has_acted && plan::is_intrusive(step.item.action);
    done.items.push_back(step.item);
    done.paths.push_back(step.path);
    if (!done.undo && is_removed(step)) done.removed.push_back(step.object);
  }
  const auto take = [&](const auto& end) {
    done.state = end.state;
    done.reason = end.reason;
    done.detail = end.detail;
  };
  if (done.undo && transaction.undo_end)
    take(*transaction.undo_end);
  else if (!done.undo && transaction.end)
    take(*transaction.end);
  else
    done.state = HostState::kFailed;
  return done;
}

ActDone answer_undo(const std::vector<const Transaction*>& rounds, const DocumentId& applied,
                    const DocumentId& order) {
  ActDone all;
  all.state = HostState::kUndone;
  for (const Transaction* round : rounds) {
    const ActDone one = answer(*round, order.is_zero());
    all.acted += one.acted;
    all.items.insert(all.items.end(), one.items.begin(), one.items.end());
    all.paths.insert(all.paths.end(), one.paths.begin(), one.paths.end());
    const bool is_first_failure =
        one.state != HostState::kUndone && all.state == HostState::kUndone;
    if (is_first_failure || all.detail.empty()) all.detail = one.detail;
    if (!is_first_failure) continue;
    all.state = one.state;
    all.reason = one.reason;
  }
  if (all.items.size() > limits::kFindings) {
    all.items.resize(limits::kFindings);
    all.paths.resize(limits::kFindings);
  }
  all.undo = true;
  all.local = order.is_zero();
  all.order = order.is_zero() ? applied : order;
  return all;
}

}  // namespace fleetsweep::act
