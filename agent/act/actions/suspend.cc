// Keeps a process from running until an undo: with its program's other processes and its
// descendants, so that a watchdog cannot answer what follows.

#include "agent/act/actions/freeze.h"

namespace fleetsweep::act {

namespace {

Checked<void> freeze_wholly(Context& context, std::uint32_t index) {
  FS_TRY(const Family family, freeze(context, index));
  return check_spared(context.op(index), family);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  if (const auto frozen = freeze_wholly(context, index); !frozen) {
    (void)thaw(context, index);  // a step that failed leaves nothing half frozen
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

const Action kSuspendAction{prepare_process, perform, recover, plan_undo, thaw};

}  // namespace fleetsweep::act
