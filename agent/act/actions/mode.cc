// Takes permissions or capabilities away from a file that stays (`disable` of what only starts with
// them), and gives exactly these back.

#include <sys/xattr.h>

#include "agent/act/actions/action.h"

namespace fleetsweep::act {

namespace {

constexpr const char* kCapability = "security.capability";
constexpr std::uint32_t kBits = 07777;

std::string capability_of(int fd) {
  char value[64];
  const auto size = ::fgetxattr(fd, kCapability, value, sizeof value);
  return size > 0 ? std::string(value, static_cast<std::size_t>(size)) : std::string();
}

struct Look {
  UniqueFd file;
  std::uint32_t mode = 0;
  std::string capability;
  bool is_unchanged = false;
};

Checked<Look> look(Context& context, const Op& op) {
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(UniqueFd file, context.tree.file(parent, op.file.path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  if (!is_same_file(status, op.file))
    return refuse(Reason::kChanged, "{}: no longer the file that was found", escaped(op.file.path));
  std::string capability = capability_of(file.get());
  return Look{std::move(file), status.st_mode & kBits, std::move(capability),
              is_unchanged(status, op.file)};
}

// An operation takes one or the other.
bool is_off(const Look& now, const Op& op) {
  return op.text.empty() ? now.mode == (op.mode & ~op.clears) : now.capability.empty();
}
bool is_on(const Look& now, const Op& op) {
  return op.text.empty() ? now.mode == op.mode : now.capability == op.text;
}

Checked<void> settle(const Look& now, const Op& op, bool on) {
  const bool done =
      op.text.empty() ? ::fchmod(now.file.get(), on ? op.mode : op.mode & ~op.clears) == 0
      : on ? ::fsetxattr(now.file.get(), kCapability, op.text.data(), op.text.size(), 0) == 0
           : ::fremovexattr(now.file.get(), kCapability) == 0;
  if (!done) return refuse_errno("change the rights of", op.file.path, errno);
  if (::fsync(now.file.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
  return {};
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Look now, look(context, op));
  if (!now.is_unchanged || !is_on(now, op))
    return refuse(Reason::kChanged, "{}: changed while we acted", escaped(op.file.path));
  if ((flags_of(now.file.get()) & kLockingFlags) != 0)
    return refuse(Reason::kImmutable, "{}: immutable or append-only", escaped(op.file.path));
  return Intent{};
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Look now, look(context, op));
  if (!is_on(now, op))
    return refuse(Reason::kRaced, "{}: its rights changed while we acted", escaped(op.file.path));
  FS_CHECK(settle(now, op, false));
  return Post{};
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  FS_TRY(const Look now, look(context, context.op(index)));
  return Recovery{is_off(now, context.op(index)), Post{}};
}

Checked<UndoIntent> plan_undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const auto now = look(context, op);
  if (!now)
    return refuse(Reason::kConflict, "{}: it is not the file any more that was disabled",
                  escaped(op.file.path));
  if (!is_off(*now, op) && !is_on(*now, op))
    return refuse(Reason::kConflict, "{}: its rights were changed after cleaning",
                  escaped(op.file.path));
  return UndoIntent{};
}

Checked<void> undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Look now, look(context, op));
  if (is_on(now, op)) return {};  // an undo that was interrupted had come so far
  if (!is_off(now, op))
    return refuse(Reason::kConflict, "{}: its rights were changed after cleaning",
                  escaped(op.file.path));
  return settle(now, op, true);
}

}  // namespace

const Action kModeAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
