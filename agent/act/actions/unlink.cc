// Takes a symbolic link away (a unit's place in *.wants, an init script's in rcN.d).

#include <climits>

#include "agent/act/actions/action.h"
#include "agent/act/faults.h"

namespace fleetsweep::act {

namespace {

// Of an open link `name` is empty.
bool leads_there(int folder, const std::string& name, const Op& op) {
  char target[PATH_MAX];
  const auto size = ::readlinkat(folder, name.c_str(), target, sizeof target);
  return size >= 0 && std::string_view(target, static_cast<std::size_t>(size)) == op.text;
}

bool is_our_link(const Parent& parent, const std::string& name, const Op& op, Device device) {
  struct stat status {};
  if (::fstatat(parent.folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISLNK(status.st_mode) || !is_same_inode(status, op.file, device))
    return false;
  return leads_there(parent.folder.get(), name, op);
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
  if (is_there(parent, parent.leaf) &&
      !leads_there(parent.folder.get(), parent.leaf, context.op(index)))
    return refuse(Reason::kConflict, "{}: something else has this name now",
                  escaped(context.op(index).file.path));
  UndoIntent intent;
  intent.restore_parent_mtime = may_restore_time(context.op_state(index), parent);
  return intent;
}

// Of an undo that was interrupted, or of this one; not what somebody put in its place.
void remove_temporary(const Op& op, const Parent& parent) {
  const std::string temporary = temporary_name(op);
  if (leads_there(parent.folder.get(), temporary, op))
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
  if (!S_ISLNK(status.st_mode) || status.st_uid != ::geteuid() || status.st_nlink != 1 ||
      !leads_there(link.get(), "", op))
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
  if (!is_there(parent, parent.leaf)) {
    if (const auto restored = restore(op, parent); !restored) {
      remove_temporary(op, parent);
      return restored;
    }
  } else if (!leads_there(parent.folder.get(), parent.leaf, op)) {
    return refuse(Reason::kConflict, "{}: something else has this name now", escaped(op.file.path));
  }  // else an undo that was interrupted had come so far
  return restore_time(context.op_state(index), parent);
}

}  // namespace

const Action kUnlinkAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
