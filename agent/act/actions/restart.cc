// Starts a service again that still has in memory what was taken from the disk. Undo does not take
// it back: the service runs, and has nothing of what undo puts back.

#include "agent/act/actions/restart.h"

#include <sys/stat.h>

#include <set>

#include "agent/act/actions/beside.h"
#include "agent/act/services.h"

namespace fleetsweep::act {

namespace {

// Processes of the service that have one of these files loaded.
std::set<std::int32_t> loaded_by(const Tree& tree, const std::string& unit,
                                 const std::vector<MappedFile>& files) {
  for (const auto& service : services_of(mappings_of_host(tree), files))
    if (service.unit == unit) return {service.pids.begin(), service.pids.end()};
  return {};
}

bool is_same(const model::FileIdentity& a, const model::FileIdentity& b) {
  return a.device == b.device && a.inode == b.inode;
}

// Files that are not on the disk any more: what was taken, and what this service is restarted for.
// What maps one calls it by the last name that it had.
std::vector<MappedFile> gone_files(const Context& context, std::uint32_t index) {
  const auto& own = context.op(index).file;
  std::vector<MappedFile> files = {{own.inode, own.device, own.path}};
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i)
    if (const Op& op = context.op(i);
        op.kind == OpKind::kTake && context.op_state(i).stage == OpStage::kDone) {
      const std::string folder = op.file.path.substr(0, op.file.path.rfind('/') + 1);
      for (const auto& path : {op.file.path, folder + hidden_name(op)})
        files.push_back({op.file.inode, op.file.device, path});
    }
  return files;
}

// Of the step that was to take the file away. Where that says nothing, or that the file was gone,
// somebody has put it there since.
Reason why_there(const Context& context, std::uint32_t index) {
  const auto steps = outcomes(context.state());
  const Op& restart = context.op(index);
  const auto reason_of_step = [&](std::uint32_t step) {
    const Reason reason = step == restart.step ? Reason::kNone : steps[step].item.reason;
    return reason == Reason::kGone ? Reason::kNone : reason;
  };
  for (std::uint32_t i = 0; i < steps.size(); ++i)  // it may have no operation at all
    if (steps[i].object == steps[restart.step].object && reason_of_step(i) != Reason::kNone)
      return reason_of_step(i);
  for (const Op& op : context.state().begin.ops)
    if (op.kind == OpKind::kTake && is_same(op.file, restart.file) &&
        reason_of_step(op.step) != Reason::kNone)
      return reason_of_step(op.step);
  return Reason::kChanged;
}

// kGone: nothing has this name.
Checked<void> look(const Context& context, const std::string& path) {
  FS_TRY(const Parent parent, context.tree.parent(path));
  struct stat status {};
  if (::fstatat(parent.folder.get(), parent.leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return refuse_errno("stat", path, errno);
  return {};
}

// The service would load it again: also what a step put back that could not be done in full.
Checked<void> check_gone(const Context& context, std::uint32_t index) {
  const Op& restart = context.op(index);
  std::set<std::string> names = {restart.file.path};
  for (const Op& op : context.state().begin.ops)
    if (op.kind == OpKind::kTake && is_same(op.file, restart.file)) names.insert(op.file.path);
  for (const auto& name : names) {
    const auto there = look(context, name);
    if (there)
      return refuse(why_there(context, index), "restart {}: {} is still there", restart.text,
                    escaped(name));
    if (there.error().reason != Reason::kGone) return there;
  }
  return {};
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const std::string& unit = context.op(index).text;
  if (context.services == nullptr)
    return refuse(Reason::kCapability, "restart {}: there is no line to systemd any more", unit);
  FS_CHECK(check_gone(context, index));
  // Begun before a crash: whether it came to its end nobody knows, so it begins again. A service
  // that a person has stopped since stays so.
  if (context.op_state(index).stage == OpStage::kIntended) return Intent{};
  if (!loaded_by(context.tree, unit, gone_files(context, index)).empty()) return Intent{};
  return refuse(Reason::kGone, "restart {}: it has nothing of it loaded any more", unit);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  FS_CHECK(context.services->restart(context.op(index).text));
  return Post{};
}

Checked<Recovery> recover(Context&, std::uint32_t) {
  return Recovery{};
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

Checked<void> undo(Context&, std::uint32_t) {
  return {};
}

}  // namespace

std::string left_running(const Context& context) {
  std::string text;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    if (context.op(i).kind != OpKind::kRestart || context.op_state(i).stage != OpStage::kDone)
      continue;
    const auto& unit = context.op(i).text;
    if (const auto pids = loaded_by(context.tree, unit, gone_files(context, i)); !pids.empty())
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", unit, fmt::join(pids, ", "));
  }
  return text;
}

const Action kRestartAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
