// Takes a symbolic link away (a unit's place in *.wants, an init script's in rcN.d).

#include <climits>

#include "agent/act/actions/action.h"

namespace fleetsweep::act {

namespace {

bool leads_there(const Parent& parent, const std::string& name, const Op& op) {
  char target[PATH_MAX];
  const auto size = ::readlinkat(parent.folder.get(), name.c_str(), target, sizeof target);
  return size >= 0 && std::string_view(target, static_cast<std::size_t>(size)) == op.text;
}

bool is_our_link(const Parent& parent, const std::string& name, const Op& op, Device device) {
  struct stat status {};
  if (::fstatat(parent.folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISLNK(status.st_mode) || !is_same_inode(status, op.file, device))
    return false;
  return leads_there(parent, name, op);
}

bool is_there(const Parent& parent, const std::string& name) {
  struct stat status {};
  return ::fstatat(parent.folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  if (!is_there(parent, parent.leaf))
    return refuse(Reason::kGone, "{}: gone", escaped(op.file.path));
  if (!is_our_link(parent, parent.leaf, op, context.device()))
    return refuse(Reason::kChanged, "{}: no longer the link that was found", escaped(op.file.path));
  return intent_in(parent);
}

Checked<Post> finish(Context& context, std::uint32_t index, const Parent& parent) {
  const Op& op = context.op(index);
  const Intent& intent = context.op_state(index).intent;
  if (!is_our_link(parent, hidden_name(op), op, context.device())) {
    put_back(op, intent, parent);
    return refuse(Reason::kRaced, "{}: replaced while we acted", escaped(op.file.path));
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
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  if (is_there(parent, hidden_name(op))) {
    FS_TRY(const Post post, finish(context, index, parent));
    return Recovery{true, post};
  }
  // One that is there is not done, whatever number its file system has.
  return Recovery{!is_our_link(parent, parent.leaf, op, Device::kMayDiffer), post_in(parent)};
}

Checked<UndoIntent> plan_undo(Context& context, std::uint32_t index) {
  FS_TRY(const Parent parent, undo_parent(context, index));
  if (is_there(parent, parent.leaf) && !leads_there(parent, parent.leaf, context.op(index)))
    return refuse(Reason::kConflict, "{}: something else has this name now",
                  escaped(context.op(index).file.path));
  UndoIntent intent;
  intent.restore_parent_mtime = may_restore_time(context.op_state(index), parent);
  return intent;
}

Checked<void> undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, undo_parent(context, index));
  const std::string temporary = temporary_name(op);
  (void)::unlinkat(parent.folder.get(), temporary.c_str(), 0);
  if (is_there(parent, parent.leaf)) {  // or an undo that was interrupted had come so far
    if (!leads_there(parent, parent.leaf, op))
      return refuse(Reason::kConflict, "{}: something else has this name now",
                    escaped(op.file.path));
  } else {
    if (::symlinkat(op.text.c_str(), parent.folder.get(), temporary.c_str()) != 0)
      return refuse_errno("restore", op.file.path, errno);
    const timespec times[2] = {to_timespec(op.file.mtime_ns), to_timespec(op.file.mtime_ns)};
    if (::fchownat(parent.folder.get(), temporary.c_str(), op.uid, op.gid, AT_SYMLINK_NOFOLLOW) !=
            0 ||
        ::utimensat(parent.folder.get(), temporary.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0 ||
        rename_in(parent.folder.get(), temporary, parent.leaf, RENAME_NOREPLACE) != 0) {
      const int error = errno;
      (void)::unlinkat(parent.folder.get(), temporary.c_str(), 0);
      return refuse_errno("restore", op.file.path, error);
    }
  }
  return restore_time(context.op_state(index), parent);
}

}  // namespace

const Action kUnlinkAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
