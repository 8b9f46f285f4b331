// Starts a service again that still has in memory what was taken from the disk. Undo does not take
// it back: the service runs, and has nothing of what undo puts back.

#include "agent/act/actions/restart.h"

#include <set>

#include "agent/act/services.h"

namespace fleetsweep::act {

namespace {

using Inode = std::pair<std::uint64_t, std::uint64_t>;

// Processes of the service that have one of these files loaded.
std::set<std::int32_t> loaded_by(const std::string& unit, const std::set<Inode>& files) {
  std::set<std::int32_t> pids;
  const Mappings mappings = mappings_of_host();
  for (const Inode& file : files)
    if (const auto found = mappings.find(file); found != mappings.end())
      for (const auto& service : found->second)
        if (service.unit == unit) pids.insert(service.pids.begin(), service.pids.end());
  return pids;
}

struct Files {
  std::set<Inode> taken, left;
  Reason why_left = Reason::kStopped;  // not reached
};

Files files_of(const Context& context) {
  Files files;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    const Op& op = context.op(i);
    if (op.kind != OpKind::kTake) continue;
    const OpState& state = context.op_state(i);
    const bool is_taken = state.stage == OpStage::kDone;
    (is_taken ? files.taken : files.left).emplace(op.file.device, op.file.inode);
    if (state.stage == OpStage::kFailed) files.why_left = state.reason;
  }
  return files;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const std::string& unit = context.op(index).text;
  if (context.services == nullptr)
    return refuse(Reason::kCapability, "restart {}: there is no line to systemd any more", unit);
  // Begun before a crash: whether it came to its end nobody knows, so it begins again.
  if (context.op_state(index).stage == OpStage::kIntended) return Intent{};
  const Files files = files_of(context);
  if (!loaded_by(unit, files.taken).empty()) return Intent{};
  if (!loaded_by(unit, files.left).empty())
    return refuse(files.why_left, "restart {}: what it has loaded was not taken away", unit);
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
    if (const auto pids = loaded_by(unit, files_of(context).taken); !pids.empty())
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", unit, fmt::join(pids, ", "));
  }
  return text;
}

const Action kRestartAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
