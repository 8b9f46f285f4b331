// Starts a service again that still has in memory what was taken from the disk. Undo does not take
// it back: the service runs, and has nothing of what undo puts back.

#include <set>

#include "agent/act/actions/action.h"
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
  const std::string& unit = context.op(index).text;
  FS_CHECK(context.services->restart(unit));
  const auto still = loaded_by(unit, files_of(context).taken);
  if (!still.empty())
    return refuse(
        Reason::kConflict,
        "restart {}: done, but processes {} of it live on with what was removed: end them "
        "by hand",
        unit, fmt::join(still, ", "));
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

const Action kRestartAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
