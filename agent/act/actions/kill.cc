// Ends a process for good; the only thing undo cannot bring back.

#include <signal.h>

#include "agent/act/actions/action.h"
#include "agent/act/faults.h"
#include "agent/act/process.h"

namespace fleetsweep::act {

namespace {

constexpr int kExitSeconds = 10;

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const UniqueFd pidfd, open_process({op.pid, op.start_ticks}, op.file));
  return Intent{};
}

Checked<void> end(const Frozen& process, const model::FileIdentity& exe) {
  FS_TRY(const UniqueFd pidfd, open_process(process, exe));
  FS_CHECK(send_signal(pidfd.get(), SIGKILL));
  return wait_exit(pidfd.get(), kExitSeconds);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  Family family;
  if (op.tree) family = family_of(context.tree, op);  // while their parent still names them
  for (const auto& child : family.reached)
    if (const auto ended = end(child, {}); !ended && ended.error().reason != Reason::kGone)
      return fail(ended.error());
  FS_CHECK(end({op.pid, op.start_ticks}, op.file));
  fault_point("killed");
  FS_CHECK(check_spared(family));
  return Post{};
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const auto pidfd = open_process({op.pid, op.start_ticks}, {});
  return Recovery{!pidfd && pidfd.error().reason == Reason::kGone, {}};
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

// Nothing is started again: what ran is in the vault, not in memory.
Checked<void> undo(Context&, std::uint32_t) {
  return {};
}

}  // namespace

const Action kKillAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
