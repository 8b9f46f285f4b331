// Takes permissions or capabilities away from a file that stays (`disable` of what only starts with
// them), and gives exactly these back.

#include <sys/xattr.h>

#include "agent/act/actions/action.h"
#include "agent/act/faults.h"

namespace fleetsweep::act {

namespace {

constexpr std::uint32_t kBits = 07777;

struct Look {
  UniqueFd file;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::string capability;
  bool is_unchanged = false;
};

Checked<Look> look(Context& context, const Op& op) {
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(UniqueFd file, context.tree.file(parent, op.file.path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  if (!is_same_file(status, op.file, context.device()))
    return refuse(Reason::kChanged, "{}: no longer the file that was found", escaped(op.file.path));
  FS_TRY(std::string capability, capability_of(file.get(), op.file.path));
  return Look{std::move(file),       status.st_mode & kBits,
              status.st_uid,         status.st_gid,
              std::move(capability), is_unchanged(status, op.file, context.device())};
}

// An operation takes one or the other.
bool is_off(const Look& now, const Op& op) {
  return op.text.empty() ? now.mode == (op.mode & ~op.clears) : now.capability.empty();
}
bool is_on(const Look& now, const Op& op) {
  return op.text.empty() ? now.mode == op.mode : now.capability == op.text;
}

Checked<void> settle(const Look& now, const Op& op, const Intent& intent, bool on) {
  FS_TRY(const std::uint32_t flags, flags_of(now.file.get(), op.file.path));
  const std::uint32_t locks = intent.locks | (flags & kLockingFlags);
  FS_CHECK(unlock(op, now.file.get()));
  const bool done = op.text.empty()
                        ? ::fchmod(now.file.get(), on ? op.mode : op.mode & ~op.clears) == 0
                    : on ? ::fsetxattr(now.file.get(), kCapabilityAttribute, op.text.data(),
                                       op.text.size(), 0) == 0
                         : ::fremovexattr(now.file.get(), kCapabilityAttribute) == 0;
  const int error = errno;
  FS_CHECK(lock(op, now.file.get(), locks));
  if (!done) return refuse_errno("change the rights of", op.file.path, error);
  if (::fsync(now.file.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
  return {};
}

// An operation of this plan that took other rights of the same file, or the same under another
// name: since then the ctime cannot vouch for the content.
const OpState* earlier(const Context& context, std::uint32_t index) {
  for (std::uint32_t i = index; i-- > 0;) {
    const Op& other = context.op(i);
    if (other.kind == OpKind::kMode && other.file.device == context.op(index).file.device &&
        other.file.inode == context.op(index).file.inode &&
        context.op_state(i).stage == OpStage::kDone)
      return &context.op_state(i);
  }
  return nullptr;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Look first, look(context, op));
  // Rights are given back to this content alone.
  Intent intent;
  FS_TRY(intent.before, digest_of(first.file.get(), op.file.size));
  FS_TRY(const Look now, look(context, op));
  const OpState* const other = earlier(context, index);
  const bool is_same = other ? intent.before == other->intent.before : now.is_unchanged;
  if (!is_same || !(is_on(now, op) || (other && is_off(now, op))))
    return refuse(Reason::kChanged, "{}: changed while we acted", escaped(op.file.path));
  FS_TRY(intent.locks, locks_of(op, now.file.get()));
  return intent;
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Look now, look(context, op));
  if (is_off(now, op) && earlier(context, index)) return Post{};
  if (!is_on(now, op))
    return refuse(Reason::kRaced, "{}: its rights changed while we acted", escaped(op.file.path));
  FS_CHECK(settle(now, op, context.op_state(index).intent, false));
  return Post{};
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Look now, look(context, op));
  FS_CHECK(lock(op, now.file.get(), context.op_state(index).intent.locks));
  return Recovery{is_off(now, op), Post{}};
}

Checked<void> must_have_content(const Look& now, const Op& op, const Intent& intent) {
  FS_TRY(const Digest digest, digest_of(now.file.get(), op.file.size));
  if (digest == intent.before) return {};
  return refuse(Reason::kConflict, "{}: its content was changed after cleaning",
                escaped(op.file.path));
}

// Another file may have its number, size and time. A journal from before owners were told says
// root's: whoever owns the file then gets back what he may give himself.
bool has_its_owner(const Look& now, const Op& op) {
  if (now.uid == op.uid && now.gid == op.gid) return true;
  return op.uid == 0 && op.gid == 0 && op.text.empty() && (op.mode & op.clears & S_ISGID) == 0;
}

// Off, and with the content it had: who may write a file gets no rights for what he put there.
// False: an undo that was interrupted, or that of its other name, gave them back.
Checked<bool> must_be_given_back(const Look& now, Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  if (!has_its_owner(now, op))
    return refuse(Reason::kConflict, "{}: belongs to somebody else since cleaning",
                  escaped(op.file.path));
  if (is_on(now, op)) return false;
  if (!is_off(now, op))
    return refuse(Reason::kConflict, "{}: its rights were changed after cleaning",
                  escaped(op.file.path));
  FS_CHECK(must_have_content(now, op, context.op_state(index).intent));
  return true;
}

Checked<UndoIntent> plan_undo(Context& context, std::uint32_t index) {
  const auto now = look(context, context.op(index));
  if (!now && now.error().reason != Reason::kChanged && now.error().reason != Reason::kGone)
    return fail(now.error());
  if (!now)
    return refuse(Reason::kConflict, "{}: it is not the file any more that was disabled",
                  escaped(context.op(index).file.path));
  FS_CHECK(must_be_given_back(*now, context, index));
  return UndoIntent{};
}

Checked<void> undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const Intent& intent = context.op_state(index).intent;
  FS_TRY(const Look now, look(context, op));
  FS_TRY(const bool must, must_be_given_back(now, context, index));
  if (!must) return lock(op, now.file.get(), intent.locks);
  fault_point("rights-due");
  auto given = settle(now, op, intent, true);
  // Who has it open may have written since it was looked at.
  if (given) given = must_have_content(now, op, intent);
  if (!given) FS_CHECK(settle(now, op, intent, false));
  return given;
}

}  // namespace

const Action kModeAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
