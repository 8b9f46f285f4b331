// Ends a process for good; the only thing undo cannot bring back.

#include "agent/act/actions/freeze.h"
#include "agent/act/faults.h"

namespace fleetsweep::act {

namespace {

template <class T>
bool has_failed(const Checked<T>& done) {
  return !done && done.error().reason != Reason::kGone;
}

// Nobody of the family sees another one die: all are frozen first, and each is known to be who is
// meant before the first signal. From then on there is no way back, so whoever does not die is
// tried once more, and keeps nobody else alive.
Checked<Family> end_family(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(Family family, freeze(context, index));
  std::vector<std::pair<ProcessKey, model::FileIdentity>> doomed;
  for (const auto& member : family.reached) doomed.push_back({member, {}});
  doomed.push_back({{op.pid, op.start_ticks}, op.file});
  for (const auto& [process, exe] : doomed)
    if (const auto there = open_process(process, exe); has_failed(there))
      return fail(there.error());
  Checked<void> result;
  for (const auto& [process, exe] : doomed) {
    auto ended = end(context, process, exe);
    if (has_failed(ended) && ended.error().reason != Reason::kTimeout)
      ended = end(context, process, exe);
    if (has_failed(ended) && result) result = ended;
  }
  FS_CHECK(result);
  return family;
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
