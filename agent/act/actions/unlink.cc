// Takes a symbolic link away (a unit's place in *.wants, an init script's in rcN.d).

#include <climits>

#include "agent/act/actions/action.h"
#include "agent/act/actions/beside.h"
#include "agent/act/faults.h"

namespace fleetsweep::act {

namespace {

// Of an open link `name` is empty.
Checked<bool> leads_there(int folder, const std::string& name, const Op& op) {
  char target[PATH_MAX];
  const auto size = ::readlinkat(folder, name.c_str(), target, sizeof target);
  if (size >= 0) return std::string_view(target, static_cast<std::size_t>(size)) == op.text;
  if (errno == ENOENT || errno == EINVAL) return false;  // it is not there, or no link
  return refuse_errno("read", op.file.path, errno);
}

Checked<bool> is_our_link(const Parent& parent, const std::string& name, const Op& op,
                          Device device) {
  FS_TRY(const auto status, stat_in(parent, name));
  if (!status || !S_ISLNK(status->st_mode) || !is_same_inode(*status, op.file, device))
    return false;
  return leads_there(parent.folder.get(), name, op);
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const auto there, stat_in(parent, parent.leaf));
  if (!there) return refuse(Reason::kGone, "{}: gone", escaped(op.file.path));
  FS_TRY(const bool ours, is_our_link(parent, parent.leaf, op, context.device()));
  if (!ours)
    return refuse(Reason::kChanged, "{}: no longer the link that was found", escaped(op.file.path));
  return intent_in(parent);
}

Checked<Post> finish(Context& context, std::uint32_t index, const Parent& parent) {
  const Op& op = context.op(index);
  const Intent& intent = context.op_state(index).intent;
  const auto ours = is_our_link(parent, hidden_name(op), op, context.device());
  if (!ours || !*ours) {
    put_back(op, intent, parent);
    if (!ours) return fail(ours.error());
    return refuse_raced(op, parent, hidden_name(op));
  }
  if (::unlinkat(parent.folder.get(), hidden_name(op).c_str(), 0) != 0) {
    const int error = errno;
    put_back(op, intent, parent);
    return refuse_errno("unlink", op.file.path, error);
  }
  if (::fsync(parent.folder.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
  return post_in(parent);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  if (rename_in(parent.folder.get(), parent.leaf, hidden_name(op), RENAME_NOREPLACE) != 0)
    return refuse_errno("take", op.file.path, errno);
  return finish(context, index, parent);
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, recovery_parent(context, index));
  FS_TRY(const auto hidden, stat_in(parent, hidden_name(op)));
  if (hidden) {
    FS_TRY(const Post post, finish(context, index, parent));
    return Recovery{true, post};
  }
  // One that is there is not done, whatever number its file system has.
  FS_TRY(const bool there, is_our_link(parent, parent.leaf, op, Device::kMayDiffer));
  return Recovery{!there, post_in(parent)};
}

// kConflict: its name leads to something else. False: it is there.
Checked<bool> must_come_back(const Parent& parent, const Op& op) {
  FS_TRY(const auto there, stat_in(parent, parent.leaf));
  if (!there) return true;
  FS_TRY(const bool same, leads_there(parent.folder.get(), parent.leaf, op));
  if (same) return false;
  return refuse(Reason::kConflict, "{}: something else has this name now", escaped(op.file.path));
}

Checked<UndoIntent> plan_undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, undo_parent(context, index));
  FS_CHECK(must_come_back(parent, op));
  UndoIntent intent;
  intent.restore_parent_mtime = may_restore_time(context.op_state(index), parent);
  return intent;
}

// Of an undo that was interrupted, or of this one; not what somebody put in its place.
void remove_temporary(const Op& op, const Parent& parent) {
  const std::string temporary = temporary_name(op);
  if (leads_there(parent.folder.get(), temporary, op).value_or(false))
    (void)::unlinkat(parent.folder.get(), temporary.c_str(), 0);
}

// Under the temporary name, and open: whoever owns the folder may put something else there, and
// that must not become his.
Checked<UniqueFd> make_link(const Op& op, const Parent& parent) {
  const std::string temporary = temporary_name(op);
  if (::symlinkat(op.text.c_str(), parent.folder.get(), temporary.c_str()) != 0)
    return refuse_errno("restore", op.file.path, errno);
  fault_point("link-made");
  UniqueFd link(::openat(parent.folder.get(), temporary.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!link || ::fstat(link.get(), &status) != 0)
    return refuse_errno("restore", op.file.path, errno);
  FS_TRY(const bool leads, leads_there(link.get(), "", op));
  if (!S_ISLNK(status.st_mode) || status.st_uid != ::geteuid() || status.st_nlink != 1 || !leads)
    return refuse(Reason::kConflict, "{}: another file was put in its place while we acted",
                  escaped(op.file.path));
  return link;
}

Checked<void> restore(const Op& op, const Parent& parent) {
  FS_TRY(const UniqueFd link, make_link(op, parent));
  const timespec times[2] = {to_timespec(op.file.mtime_ns), to_timespec(op.file.mtime_ns)};
  if (::fchownat(link.get(), "", op.uid, op.gid, AT_EMPTY_PATH) != 0 ||
      ::utimensat(AT_FDCWD, descriptor_link(link.get()).c_str(), times, 0) != 0 ||
      rename_in(parent.folder.get(), temporary_name(op), parent.leaf, RENAME_NOREPLACE) != 0)
    return refuse_errno("restore", op.file.path, errno);
  return must_be_there(parent, link.get(), op.file.path);
}

Checked<void> undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, undo_parent(context, index));
  remove_temporary(op, parent);
  FS_TRY(const bool must, must_come_back(parent, op));
  if (must) {
    if (const auto restored = restore(op, parent); !restored) {
      remove_temporary(op, parent);
      return restored;
    }
  }  // else an undo that was interrupted had come so far
  return restore_time(context.op_state(index), parent);
}

}  // namespace

const Action kUnlinkAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
