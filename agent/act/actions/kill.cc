// Ends a process for good; the only thing undo cannot bring back.

#include <signal.h>

#include "agent/act/actions/freeze.h"
#include "agent/act/faults.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {

namespace {

template <class T>
bool has_failed(const Checked<T>& done) {
  return !done && done.error().reason != Reason::kGone;
}

// Each is known to be who is meant before the first signal. From then on there is no way back, so
// whoever does not die is tried once more, and keeps nobody else alive. All have the signal before
// anybody is waited for: who is not frozen sees the others die.
Checked<void> end_all(Context& context, const Op& op, const Family& family) {
  std::vector<std::pair<ProcessKey, model::FileIdentity>> doomed;
  for (const auto& member : family.reached) doomed.push_back({member, {}});
  doomed.push_back({{op.pid, op.start_ticks}, op.file});
  for (const auto& [process, exe] : doomed)
    if (const auto there = open_process(process, exe); has_failed(there))
      return fail(there.error());
  for (const auto& [process, exe] : doomed)
    if (const auto there = open_process(process, exe)) (void)send_signal(there->get(), SIGKILL);
  Checked<void> result;
  for (const auto& [process, unused] : doomed) {
    auto ended = end(context, process);
    if (has_failed(ended) && ended.error().reason != Reason::kTimeout)
      ended = end(context, process);
    if (has_failed(ended) && result) result = ended;
  }
  return result;
}

// Nobody of the family sees another one die: all are frozen first. Who cannot be is killed as he
// runs, and may have started others meanwhile: then it is looked again.
Checked<Family> end_family(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  Family family;
  for (unsigned pass = 0; pass < limits::kFreezePasses; ++pass) {
    std::set<std::int32_t> unfrozen;
    FS_TRY(const Family seen, freeze(context, index, &unfrozen));
    const auto ended = end_all(context, op, seen);
    family.spared.insert(family.spared.end(), seen.spared.begin(), seen.spared.end());
    if (!unfrozen.empty())
      context.notes.push_back(fmt::format(
          "not all that belong to process {} could be frozen before they were killed: what ran on "
          "may have answered",
          op.pid));
    // Once more also if one does not die: others may have been started.
    if (unfrozen.empty() || pass > 0) FS_CHECK(ended);
    if (unfrozen.empty()) return family;
  }
  return refuse(Reason::kTimeout, "process {}: others are started faster than they are killed",
                op.pid);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const auto family = end_family(context, index);
  if (!family) (void)thaw(context, index);  // a step that failed leaves nothing half frozen
  if (!family) return fail(family.error());
  hold_of(context).remove();
  fault_point("killed");
  FS_CHECK(check_spared(context.op(index), *family));
  return Post{};
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const auto pidfd = open_process({op.pid, op.start_ticks}, {});
  const bool gone = !pidfd && pidfd.error().reason == Reason::kGone;
  return Recovery{gone && frozen_family(context, index).reached.empty(), {}};
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

// Nothing is started again: what ran is in the vault, not in memory.
Checked<void> undo(Context&, std::uint32_t) {
  return {};
}

}  // namespace

const Action kKillAction{prepare_process, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
