// Takes one name of a stored file away: rename to a hidden name, look whether it is really that
// file, only then unlink. Whoever swaps the file in between gets it back.

#include "agent/act/actions/action.h"
#include "agent/act/actions/beside.h"
#include "agent/act/faults.h"

namespace fleetsweep::act {

namespace {

Checked<bool> has_content(int file, std::uint64_t size, const Digest& wanted) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return refuse_errno("stat", "a file", errno);
  if (static_cast<std::uint64_t>(status.st_size) != size) return false;
  FS_TRY(const Digest digest, digest_of(file, size));
  return digest == wanted;
}

Checked<bool> has_stored_content(const Context& context, const Op& op, int file) {
  return has_content(file, op.file.size, context.op_state(op.store).post.digest);
}

Checked<UniqueFd> open_at(Context& context, const std::string& path) {
  FS_TRY(const Parent parent, context.tree.parent(path));
  return context.tree.file(parent, path);
}

// Open, and still what was stored.
Checked<UniqueFd> open_stored(Context& context, const Op& op, const Parent& parent) {
  FS_TRY(UniqueFd file, context.tree.file(parent, op.file.path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  const Device device = context.device();
  const bool same = op.is_first_take ? is_unchanged(status, op.file, device)
                                     : is_same_file(status, op.file, device);
  if (!same)
    return refuse(Reason::kChanged, "{}: no longer the file that was found", escaped(op.file.path));
  // Unlinking another of its names changed the ctime, which then cannot vouch for the content.
  if (!op.is_first_take) {
    FS_TRY(const bool has, has_stored_content(context, op, file.get()));
    if (!has)
      return refuse(Reason::kChanged, "{}: its content is not what was stored",
                    escaped(op.file.path));
  }
  return file;
}

bool is_last_name(Context& context, std::uint32_t index) {
  const auto& ops = context.state().begin.ops;
  for (std::uint32_t i = 0; i < ops.size(); ++i)
    if (i != index && ops[i].kind == OpKind::kTake && ops[i].store == ops[index].store &&
        context.op_state(i).stage == OpStage::kDone)
      return false;
  return true;
}

// All but its content.
Checked<bool> has_stored_rest(const Metadata& stored, int file) {
  const auto now = read_metadata(file, stored.path);
  if (!now && now.error().reason == Reason::kLimit) return false;  // nothing like it is stored
  if (!now) return fail(now.error());
  return is_as(*now, stored);
}

Checked<bool> is_stored(const Metadata& stored, int file) {
  FS_TRY(const bool has, has_content(file, stored.size, stored.sha256));
  return has ? has_stored_rest(stored, file) : false;
}

// Immutable and append-only as they were stored, once no name of the file is missing: it takes no
// further one then. What is another file by now has the flags that somebody gave it.
Checked<void> lock_again(Context& context, std::uint32_t index, const Metadata& stored, int file) {
  const std::uint32_t locks = stored.flags & kLockingFlags;
  if (locks == 0 || !is_last_name(context, index)) return {};
  FS_TRY(const bool same, is_stored(stored, file));
  return same ? lock(context.op(index), file, locks) : Checked<void>();
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const UniqueFd file, open_stored(context, op, parent));
  FS_CHECK(locks_of(op, file.get()));
  FS_CHECK(must_take_names(parent, op));
  return intent_in(parent);
}

// A hidden name that is not our file, or cannot go, goes back to where it was.
Checked<Post> finish(Context& context, std::uint32_t index, const Parent& parent) {
  const Op& op = context.op(index);
  const Intent& intent = context.op_state(index).intent;
  const auto hidden = stat_in(parent, hidden_name(op));
  const auto is_ours = [&](const std::optional<struct stat>& status) {
    return status && S_ISREG(status->st_mode) && is_same_file(*status, op.file, context.device());
  };
  if (!hidden || !is_ours(*hidden)) {
    put_back(op, intent, parent);
    if (!hidden) return fail(hidden.error());
    return refuse_raced(op, parent, hidden_name(op));
  }
  if (::unlinkat(parent.folder.get(), hidden_name(op).c_str(), 0) != 0) {
    const int error = errno;
    put_back(op, intent, parent);
    return refuse_errno("unlink", op.file.path, error);
  }
  fault_point("unlinked");
  if (::fsync(parent.folder.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
  return post_in(parent);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const UniqueFd file, open_stored(context, op, parent));
  FS_TRY(const std::uint32_t locks, locks_of(op, file.get()));
  FS_CHECK(unlock(op, file.get()));
  fault_point("before-rename");
  const auto taken = [&]() -> Checked<Post> {
    if (rename_in(parent.folder.get(), parent.leaf, hidden_name(op), RENAME_NOREPLACE) != 0)
      return refuse_errno("take", op.file.path, errno);
    fault_point("renamed");
    return finish(context, index, parent);
  }();
  if (!taken) lock_unless_under(op, parent, hidden_name(op), file.get(), locks);
  return taken;
}

// Under its name, whatever number its file system or, where that keeps none (vfat), the file itself
// has by now; nothing: what is there, if anything, is another file.
Checked<UniqueFd> still_there(Context& context, const Op& op, const Parent& parent) {
  auto file = context.tree.file(parent, op.file.path);
  if (!file && (is_absent(file.error()) || file.error().reason == Reason::kChanged))
    return UniqueFd();  // kChanged: a link, a folder
  if (!file) return file;
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  if (is_same_inode(status, op.file) || is_same_file(status, op.file, Device::kMayDiffer))
    return file;
  FS_TRY(const bool has, has_stored_content(context, op, file->get()));
  return has ? std::move(file) : UniqueFd();
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, recovery_parent(context, index));
  FS_TRY(const auto hidden, stat_in(parent, hidden_name(op)));
  if (hidden) {
    const auto post = finish(context, index, parent);
    if (post) return Recovery{true, *post};
    // It may be back where it was.
    if (const auto stored = stored_metadata(context, op.store))
      if (const auto file = context.tree.file(parent, op.file.path))
        (void)lock_again(context, index, *stored, file->get());
    return fail(post.error());
  }
  FS_TRY(const UniqueFd file, still_there(context, op, parent));
  if (!file) return Recovery{true, post_in(parent)};
  FS_TRY(const Metadata stored, stored_metadata(context, op.store));
  FS_CHECK(lock_again(context, index, stored, file.get()));
  return Recovery{};
}

// Somebody put it back: a later round of the same order, whose undo comes first, or a person.
bool is_back(Context& context, const Op& op, const Parent& parent) {
  const auto file = context.tree.file(parent, op.file.path);
  return file && has_stored_content(context, op, file->get()).value_or(false);
}

Checked<UndoIntent> plan_undo(Context& context, std::uint32_t index) {
  FS_TRY(const Parent parent, undo_parent(context, index));
  FS_TRY(const auto there, stat_in(parent, parent.leaf));
  if (there && !is_back(context, context.op(index), parent))
    return refuse(Reason::kConflict, "{}: something else has this name now",
                  escaped(context.op(index).file.path));
  UndoIntent intent;
  intent.restore_parent_mtime = may_restore_time(context.op_state(index), parent);
  return intent;
}

// What is open at another of its names: the file that this one is a link to, if it is the one that
// was stored. Whoever owns the folder of that name may have put a file of his own there.
Checked<UniqueFd> other_name(Context& context, std::uint32_t index, const Metadata& stored) {
  const auto& ops = context.state().begin.ops;
  for (std::uint32_t i = 0; i < ops.size(); ++i) {
    if (i == index || ops[i].kind != OpKind::kTake || ops[i].store != ops[index].store) continue;
    const OpStage stage = context.op_state(i).stage;
    if (stage != OpStage::kUndone && stage != OpStage::kPending && stage != OpStage::kFailed)
      continue;
    auto file = open_at(context, ops[i].file.path);
    if (file) {
      FS_TRY(const bool same, is_stored(stored, file->get()));
      if (same) return file;
    } else if (file.error().reason != Reason::kGone && file.error().reason != Reason::kChanged) {
      return file;
    }
  }
  return UniqueFd();
}

Checked<std::uint32_t> unlock_copy(const Op& op, int copy) {
  FS_TRY(const std::uint32_t flags, flags_of(copy, op.file.path));
  FS_CHECK(unlock(op, copy));
  return flags & kLockingFlags;
}

// Under the temporary name. Of three names one may have come back before, and locked it.
Checked<UniqueFd> link_again(const Op& op, const Parent& parent, UniqueFd other) {
  FS_TRY(const std::uint32_t locks, unlock_copy(op, other.get()));
  if (::linkat(AT_FDCWD, descriptor_link(other.get()).c_str(), parent.folder.get(),
               temporary_name(op).c_str(), AT_SYMLINK_FOLLOW) == 0)
    return other;
  const int error = errno;
  (void)lock(op, other.get(), locks);
  return refuse_errno("link", op.file.path, error);
}

Checked<UniqueFd> write_again(Context& context, const Op& op, const Parent& parent) {
  return write_beside(op, parent, temporary_name(op), [&](int file) -> Checked<void> {
    FS_TRY(const Metadata metadata, restore_content(context, op.store, file));
    return apply_metadata(file, metadata);
  });
}

// Under the temporary name: only what has the content that is in the vault is deleted. What a race
// has left there goes back to where it was.
Checked<void> remove_copy(const Context& context, const Op& op, const Parent& parent) {
  const std::string temporary = temporary_name(op);
  FS_TRY(const auto there, stat_in(parent, temporary));
  if (!there) return {};
  const Digest& stored = context.op_state(op.store).post.digest;
  FS_TRY(const Under found, look_under(parent, temporary, op.file.size));
  bool is_copy = !found.digest.is_zero() && found.digest == stored;
  if (is_copy) {
    FS_TRY(is_copy, is_under(parent, temporary, found.file.get()));
  }
  if (is_copy && ::unlinkat(parent.folder.get(), temporary.c_str(), 0) == 0) return {};
  if (is_copy) return refuse_errno("restore", op.file.path, errno);
  (void)give_back(parent, temporary, stored, op.file.size);
  return refuse_raced(op, parent, temporary);
}

// What came out for it must be no more than a copy, or goes back, locked as it was.
Checked<void> replace(const Context& context, const Op& op, const Parent& parent, int copy,
                      int made) {
  const std::string temporary = temporary_name(op);
  const auto locks = unlock_copy(op, copy);
  if (!locks) {
    discard(parent, temporary, made);
    return fail(locks.error());
  }
  const auto replaced = [&]() -> Checked<void> {
    FS_TRY(const bool exchanged, exchange(op, parent, temporary, made));
    return exchanged ? remove_copy(context, op, parent) : Checked<void>();
  }();
  if (!replaced) lock_unless_under(op, parent, temporary, copy, *locks);
  return replaced;
}

// `copy`: what has its name and its content, and is otherwise another file.
Checked<UniqueFd> restore(Context& context, std::uint32_t index, const Parent& parent,
                          const Metadata& stored, int copy) {
  const Op& op = context.op(index);
  const std::string temporary = temporary_name(op);
  FS_TRY(UniqueFd other, other_name(context, index, stored));
  auto made = other ? link_again(op, parent, std::move(other)) : write_again(context, op, parent);
  if (!made) return made;
  fault_point("restored");
  const auto placed = [&]() -> Checked<void> {
    if (copy >= 0) return replace(context, op, parent, copy, made->get());
    if (rename_in(parent.folder.get(), temporary, parent.leaf, RENAME_NOREPLACE) == 0) return {};
    return refuse_errno("restore", op.file.path, errno);
  }();
  if (!placed) {
    // It may have been unlocked to be linked.
    if (remove_copy(context, op, parent)) (void)lock_again(context, index, stored, made->get());
    return fail(placed.error());
  }
  fault_point("back");
  FS_CHECK(must_be_there(parent, made->get(), op.file.path));
  return made;
}

Checked<void> undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, undo_parent(context, index));
  FS_TRY(const Metadata stored, stored_metadata(context, op.store));
  // What an undo has left that was interrupted.
  FS_CHECK(remove_unfinished(op, parent, stored.uid));
  FS_CHECK(remove_copy(context, op, parent));
  auto file = context.tree.file(parent, op.file.path);
  if (!file && file.error().reason != Reason::kGone) return fail(file.error());
  bool is_done = false;
  if (file) {
    FS_TRY(const bool has, has_content(file->get(), stored.size, stored.sha256));
    if (!has)
      return refuse(Reason::kConflict, "{}: something else has this name now",
                    escaped(op.file.path));
    FS_TRY(is_done, has_stored_rest(stored, file->get()));
  }
  if (!is_done)  // else an undo that was interrupted had come so far
    file = restore(context, index, parent, stored, file ? file->get() : -1);
  if (!file) return fail(file.error());
  FS_CHECK(restore_time(context.op_state(index), parent));
  return lock_again(context, index, stored, file->get());
}

}  // namespace

const Action kTakeAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
