// Ends a process for good; the only thing undo cannot bring back.

#include "agent/act/actions/freeze.h"
#include "agent/act/faults.h"

namespace fleetsweep::act {

namespace {

// Nobody of the family sees another one die: all are frozen first.
Checked<Family> end_family(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(Family family, freeze(context, index));
  const auto ended = [&](const ProcessKey& process,
                         const model::FileIdentity& exe) -> Checked<void> {
    const auto done = end(context, process, exe);
    if (!done && done.error().reason != Reason::kGone) return done;
    return {};
  };
  for (const auto& member : family.reached) FS_CHECK(ended(member, {}));
  FS_CHECK(ended({op.pid, op.start_ticks}, op.file));
  return family;
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const auto family = end_family(context, index);
  if (!family) (void)thaw(context, index);  // a step that failed leaves nothing half frozen
  if (!family) return fail(family.error());
  hold_of(context).remove();
  fault_point("killed");
  FS_CHECK(check_spared(*family));
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
