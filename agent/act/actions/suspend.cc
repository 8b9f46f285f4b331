// Stops a process, and its descendants if asked, so that a watchdog cannot answer what follows.
// Each is in the journal before its signal: a dead transaction's processes can be continued.

#include <signal.h>

#include <algorithm>

#include "agent/act/actions/action.h"
#include "agent/act/faults.h"
#include "agent/act/process.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {

namespace {

constexpr int kStopSeconds = 5;

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const UniqueFd pidfd, open_process({op.pid, op.start_ticks}, op.file));
  return Intent{};
}

// One that somebody else had stopped before stays out of the record: undo must not continue it.
Checked<bool> freeze(Context& context, std::uint32_t index, const Frozen& process,
                     const model::FileIdentity& exe) {
  const auto pidfd = open_process(process, exe);
  if (!pidfd) return fail(pidfd.error());
  FS_TRY(const ProcessStat stat, process_stat(process.pid));
  const auto& known = context.op_state(index).frozen;
  const bool ours = std::find(known.begin(), known.end(), process) != known.end();
  if (stat.state == 'T') return false;
  if (!ours)
    if (const auto written = context.ledger.write(context.transaction, FrozenOne{index, process});
        !written)
      return refuse_error(written.error());
  FS_CHECK(send_signal(pidfd->get(), SIGSTOP));
  FS_CHECK(wait_stopped(process.pid, kStopSeconds));
  fault_point("frozen");
  return true;
}

Checked<void> freeze_family(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(bool found, freeze(context, index, {op.pid, op.start_ticks}, op.file));
  // A child forked before its parent stopped appears only in the next pass.
  unsigned quiet = found ? 0 : 1;
  for (unsigned pass = 0; op.tree && quiet < 2 && pass < limits::kFreezePasses; ++pass) {
    const Family family = family_of(context.tree, op);
    FS_CHECK(check_spared(family));
    bool grew = false;
    for (const auto& child : family.reached) {
      const auto frozen = freeze(context, index, child, {});
      if (!frozen && frozen.error().reason != Reason::kGone) return fail(frozen.error());
      grew = grew || (frozen && *frozen);
    }
    quiet = grew ? 0 : quiet + 1;
  }
  return {};
}

Checked<void> undo(Context& context, std::uint32_t index) {
  for (const auto& process : context.op_state(index).frozen) {
    const auto pidfd = open_process(process, {});
    if (!pidfd) continue;  // killed by this transaction, or gone by itself
    if (const auto sent = send_signal(pidfd->get(), SIGCONT);
        !sent && sent.error().reason != Reason::kGone)
      return sent;
  }
  return {};
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  if (const auto frozen = freeze_family(context, index); !frozen) {
    (void)undo(context, index);  // a step that failed leaves nothing half frozen
    return fail(frozen.error());
  }
  return Post{};
}

Checked<Recovery> recover(Context&, std::uint32_t) {
  return Recovery{};  // stopping a stopped process again changes nothing
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

}  // namespace

const Action kSuspendAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
