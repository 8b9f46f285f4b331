// Takes a line out of a file: the new content goes to a temporary file with the old
// one's owner, mode and attributes, the two swap places, and what came out must be what was read.
// A registry hive is edited the same way; what it becomes a process of its own says.

#include <sys/stat.h>

#include "agent/act/actions/action.h"
#include "agent/act/actions/beside.h"
#include "agent/act/faults.h"
#include "agent/act/lines.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::act {

namespace {

Digest digest_of_text(std::string_view text) {
  return crypto::sha256(as_bytes(text));
}

Checked<std::string> stored_text(Context& context, std::uint32_t store) {
  std::string text;
  FS_CHECK(load_stored(context, store, [&](BytesView piece) -> Status {
    text += as_text(piece);
    return {};
  }));
  return text;
}

// Zero: the file is not there.
Checked<Digest> current_digest(Context& context, const Parent& parent, const Op& op) {
  const auto file = context.tree.file(parent, op.file.path);
  if (!file && file.error().reason == Reason::kGone) return Digest{};
  if (!file) return fail(file.error());
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  if (static_cast<std::uint64_t>(status.st_size) > edit_bytes(op))
    return refuse(Reason::kConflict, "{}: something of more than {} bytes has this name now",
                  escaped(op.file.path), edit_bytes(op));
  return digest_of(file->get(), edit_bytes(op));
}

struct Edit {
  std::string before, after;
  bool removes = false;
};

Checked<Edit> edit_of(Context& context, const Op& op, const Parent& parent) {
  Edit edit;
  FS_TRY(edit.before, stored_text(context, op.store));
  if (!op.what.empty()) {
    FS_TRY(const hive::Change change, hive_change(context, op));
    FS_TRY(edit.after, context.hives->edited(parent, op.file.path, edit.before, change));
    return edit;
  }
  auto after = without_line(edit.before, op.text, op.rest, op.join);
  if (!after)
    return refuse(Reason::kGone, "{}: the line is not there any more", escaped(op.file.path));
  edit.after = std::move(*after);
  edit.removes = edit.after.empty() && op.may_empty;
  return edit;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const UniqueFd file, context.tree.file(parent, op.file.path));
  FS_TRY(const std::uint32_t locks, locks_of(op, file.get()));
  FS_CHECK(must_take_names(parent, op));
  FS_TRY(const Edit edit, edit_of(context, op, parent));
  FS_TRY(const Digest now, digest_of(file.get(), edit_bytes(op)));
  Intent intent = intent_in(parent);
  intent.locks = locks;
  intent.before = context.op_state(op.store).post.digest;
  intent.after = edit.removes ? Digest{} : digest_of_text(edit.after);
  if (now != intent.before)
    return refuse(Reason::kChanged, "{}: changed while we acted", escaped(op.file.path));
  return intent;
}

// Under `name`, what we have read or written goes; the digest says which. What somebody has swapped
// in goes back to where it was.
Checked<Digest> clear(const Op& op, const Intent& intent, const Parent& parent,
                      const std::string& name) {
  const auto found = [&]() -> Checked<Digest> {
    FS_TRY(const Under under, look_under(parent, name, edit_bytes(op)));
    if (under.digest.is_zero()) return under.digest;
    FS_TRY(const bool same, is_under(parent, name, under.file.get()));
    return same ? under.digest : Digest{};
  }();
  const auto is_now = [&](const Digest& digest) {
    return found && !found->is_zero() && *found == digest;
  };
  const bool is_written = is_now(intent.after), is_known = is_written || is_now(intent.before);
  if (is_known && ::unlinkat(parent.folder.get(), name.c_str(), 0) == 0) return found;
  const int error = errno;
  if (!is_written) (void)give_back(parent, name, intent.after, edit_bytes(op));
  (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
  if (!found) return found;
  if (is_known) return refuse_errno("edit", op.file.path, error);
  return refuse_raced(op, parent, name);
}

// What came out must be what we read. Whoever has taken that away himself left us nothing to give
// back, and the file is edited. `written`: -1 where it goes.
Checked<void> settle(const Op& op, const Intent& intent, const Parent& parent,
                     const std::string& name, int written) {
  FS_TRY(const auto out, stat_in(parent, name));
  FS_TRY(const bool is_there, written < 0 ? true : is_under(parent, parent.leaf, written));
  if (out || !is_there) {
    FS_TRY(const Digest removed, clear(op, intent, parent, name));
    if (removed != intent.before) {  // ours again: the two were swapped once more
      (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
      return refuse_raced(op, parent, name);
    }
  }
  if (::fsync(parent.folder.get()) != 0) return refuse_errno("fsync", op.file.path, errno);
  return {};
}

// Owner, mode and attributes of the old file, a modification time of its own: cron and systemd
// notice edits by it. With `times` it is the old one's in every respect.
Checked<UniqueFd> write_file(const Op& op, const Parent& parent, const std::string& name,
                             std::string_view text, const Metadata& metadata, bool times) {
  return write_beside(op, parent, name, [&](int file) -> Checked<void> {
    FS_CHECK(apply_flags(file, metadata));
    if (!write_all(file, as_bytes(text))) return refuse_errno("write", op.file.path, errno);
    const std::int64_t now = mtime_of(file);
    FS_CHECK(apply_metadata(file, metadata));
    return times ? Checked<void>() : set_mtime(file, now);
  });
}

// Only what was read; with the flags it had, for when it stays.
Checked<std::uint32_t> unlock_read(const Op& op, int file, const Digest& read) {
  FS_TRY(const std::uint32_t flags, flags_of(file, op.file.path));
  const std::uint32_t locks = flags & kLockingFlags;
  if (locks == 0) return locks;
  FS_TRY(const Digest now, digest_of(file, edit_bytes(op)));
  if (now != read)
    return refuse(Reason::kRaced, "{}: changed while we acted", escaped(op.file.path));
  FS_CHECK(unlock(op, file));
  return locks;
}

Checked<void> take_out(const Op& op, const Intent& intent, const Parent& parent) {
  if (rename_in(parent.folder.get(), parent.leaf, hidden_name(op), RENAME_NOREPLACE) != 0)
    return refuse_errno("edit", op.file.path, errno);
  fault_point("edit-renamed");
  return settle(op, intent, parent, hidden_name(op), -1);
}

Checked<void> replace(Context& context, std::uint32_t index, const Parent& parent,
                      std::string_view text) {
  const Op& op = context.op(index);
  const Intent& intent = context.op_state(index).intent;
  const std::string temporary = hidden_name(op);
  FS_TRY(const Metadata metadata, stored_metadata(context, op.store));
  const auto file = write_file(op, parent, temporary, text, metadata, false);
  if (!file) {
    (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
    return fail(file.error());
  }
  fault_point("edit-written");
  const auto now = current_digest(context, parent, op);
  const bool was_swapped = now && *now == intent.after;  // by somebody, before we did
  if (!was_swapped && (!now || *now != intent.before)) {
    discard(parent, temporary, file->get());
    (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
    if (!now) return fail(now.error());
    return refuse(Reason::kRaced, "{}: changed while we acted", escaped(op.file.path));
  }
  const auto exchanged =
      was_swapped ? Checked<bool>(true) : exchange(op, parent, temporary, file->get());
  if (!exchanged) {
    (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
    return fail(exchanged.error());
  }
  if (*exchanged) {
    FS_CHECK(settle(op, intent, parent, temporary, file->get()));
  } else if (::fsync(parent.folder.get()) != 0) {
    return refuse_errno("fsync", op.file.path, errno);
  }
  return lock(op, file->get(), intent.locks);
}

// There was nothing to take out of a hive: it stays as it is, and nothing is put back.
bool changes_nothing(const Intent& intent) {
  return intent.before == intent.after;
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const Intent intent = context.op_state(index).intent;
  FS_TRY(const Parent parent, context.tree.parent(op.file.path));
  FS_TRY(const Edit edit, edit_of(context, op, parent));
  if (changes_nothing(intent)) return post_in(parent);
  FS_TRY(const UniqueFd old, context.tree.file(parent, op.file.path));
  FS_TRY(const std::uint32_t locks, unlock_read(op, old.get(), intent.before));
  const auto edited =
      edit.removes ? take_out(op, intent, parent) : replace(context, index, parent, edit.after);
  if (!edited) {
    lock_unless_under(op, parent, hidden_name(op), old.get(), locks);
    return fail(edited.error());
  }
  return post_in(parent);
}

// What a crash has left unlocked, while it still holds this.
Checked<void> lock_again(const Context& context, std::uint32_t index, const Parent& parent,
                         const Digest& holds) {
  const Op& op = context.op(index);
  const std::uint32_t locks = context.op_state(index).intent.locks;
  if (locks == 0) return {};
  FS_TRY(const UniqueFd file, context.tree.file(parent, op.file.path));
  FS_TRY(const Digest now, digest_of(file.get(), edit_bytes(op)));
  return now == holds ? lock(op, file.get(), locks) : Checked<void>();
}

Checked<bool> has_line(Context& context, const Op& op, const Parent& parent, const Digest& now) {
  if (now.is_zero()) return false;
  FS_TRY(const UniqueFd file, context.tree.file(parent, op.file.path));
  FS_TRY(const std::string text, read_text(file.get(), op.file.path, limits::kEditBytes));
  return without_line(text, op.text, op.rest, op.join).has_value();
}

// Somebody changed the file since we began. A line that is gone is taken out, and undo puts it back
// into what the file holds then; of a hive, `removed` tells: what we read came out.
Checked<Recovery> recover_changed(Context& context, std::uint32_t index, const Parent& parent,
                                  const Digest& now, const Digest& removed) {
  const Op& op = context.op(index);
  const Intent intent = context.op_state(index).intent;
  if (!now.is_zero() && intent.locks != 0)
    context.notes.push_back(
        fmt::format("{}: was changed since its flags were cleared, and does not get them again",
                    escaped(op.file.path)));
  bool is_done = removed == intent.before;
  if (op.what.empty()) {
    FS_TRY(const bool has, has_line(context, op, parent, now));
    is_done = !has;
  }
  if (!is_done) return Recovery{};
  context.notes.push_back(fmt::format("{}: the entry was taken out, and the file was changed since",
                                      escaped(op.file.path)));
  return Recovery{true, post_in(parent)};
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const Intent intent = context.op_state(index).intent;
  FS_TRY(const Parent parent, recovery_parent(context, index));
  FS_TRY(const Metadata stored, stored_metadata(context, op.store));
  FS_TRY(bool was_beside, remove_unfinished(op, parent, stored.uid));
  FS_TRY(const auto hidden, stat_in(parent, hidden_name(op)));
  Digest removed;
  if (hidden) {
    const auto cleared = clear(op, intent, parent, hidden_name(op));
    if (!cleared) {
      (void)lock_again(context, index, parent, intent.before);
      return fail(cleared.error());
    }
    removed = *cleared;
    was_beside = true;
  }
  FS_TRY(const Digest now, current_digest(context, parent, op));
  if (now == intent.after) {
    if (removed == intent.before && ::fsync(parent.folder.get()) != 0)
      return refuse_errno("fsync", op.file.path, errno);
    if (!now.is_zero()) FS_CHECK(lock_again(context, index, parent, now));
    return Recovery{true, post_in(parent)};
  }
  if (now != intent.before) return recover_changed(context, index, parent, now, removed);
  if (was_beside) FS_CHECK(set_mtime(parent.folder.get(), intent.parent_mtime_ns));
  FS_CHECK(lock_again(context, index, parent, now));
  return Recovery{};
}

// Whoever owns the folder may have put or linked a stranger's file there: we left one of one name,
// and what is made of it must not have more rights than that had.
Checked<void> must_be_edited(Context& context, const Op& op, int file) {
  constexpr std::uint32_t kSetId = S_ISUID | S_ISGID;
  FS_TRY(const Metadata now, read_metadata(file, op.file.path));
  FS_TRY(const Metadata stored, stored_metadata(context, op.store));
  if (now.links > 1)
    return refuse(Reason::kConflict, "{}: was changed after cleaning, and has {} names now",
                  escaped(op.file.path), now.links);
  const bool may_more =
      (now.mode & kSetId & ~stored.mode) != 0 ||
      (now.xattrs.contains(kCapabilityAttribute) && !stored.xattrs.contains(kCapabilityAttribute));
  if (now.uid != stored.uid || now.gid != stored.gid || may_more)
    return refuse(Reason::kConflict, "{}: has another owner or more rights than before cleaning",
                  escaped(op.file.path));
  return {};
}

// The file was edited since we did: what was taken out goes back, the rest stays. What held `now`
// is what is merged with: whoever swaps it has not had the last word by then.
Checked<std::string> merged(Context& context, const Op& op, const Parent& parent, int file,
                            const Digest& now, const std::string& before) {
  FS_TRY(const std::string current, read_text(file, op.file.path, edit_bytes(op)));
  if (digest_of_text(current) != now)
    return refuse(Reason::kRaced, "{}: changed while we acted", escaped(op.file.path));
  if (!op.what.empty()) {
    FS_TRY(const hive::Change change, hive_change(context, op));
    return context.hives->taken_back(parent, op.file.path, before, current, change);
  }
  FS_CHECK(must_be_edited(context, op, file));
  auto text = with_line_back(before, current, op.text, op.rest, op.join);
  if (!text)
    return refuse(Reason::kConflict, "{}: was edited after cleaning where the line stood",
                  escaped(op.file.path));
  return std::move(*text);
}

// The content of before, or, where the file was edited since, what was taken out in that.
struct Back {
  std::string text;
  Metadata metadata;
};

Checked<Back> back_for(Context& context, std::uint32_t index, const Parent& parent,
                       const Digest& now) {
  const Op& op = context.op(index);
  Back back;
  FS_TRY(back.text, stored_text(context, op.store));
  FS_TRY(back.metadata, stored_metadata(context, op.store));
  if (now == context.op_state(index).intent.after) {
    if (op.what.empty()) return back;
    // Windows may have written to a log since, and would write that into the older hive.
    FS_CHECK(hive_change(context, op));
    FS_CHECK(context.hives->check_logs(parent, op.file.path, back.text));
    return back;
  }
  if (now.is_zero())
    return refuse(Reason::kConflict, "{}: was removed after cleaning", escaped(op.file.path));
  FS_TRY(const UniqueFd file, context.tree.file(parent, op.file.path));
  FS_TRY(back.text, merged(context, op, parent, file.get(), now, back.text));
  FS_TRY(back.metadata, read_metadata(file.get(), op.file.path));
  return back;
}

Checked<UndoIntent> plan_undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const OpState& state = context.op_state(index);
  if (changes_nothing(state.intent)) return UndoIntent{};
  FS_TRY(const Parent parent, undo_parent(context, index));
  FS_TRY(const Digest now, current_digest(context, parent, op));
  FS_TRY(const Back back, back_for(context, index, parent, now));
  UndoIntent intent;
  intent.restore_parent_mtime = now == state.intent.after && may_restore_time(state, parent);
  intent.before = now;
  intent.after = digest_of_text(back.text);
  return intent;
}

// The edited file, which may be locked, goes for what is written under the temporary name.
Checked<void> change_back(const Op& op, const Intent& back, const Parent& parent, int edited,
                          int written) {
  const std::string temporary = temporary_name(op);
  const auto locks = unlock_read(op, edited, back.before);
  if (!locks) {
    discard(parent, temporary, written);
    return fail(locks.error());
  }
  const auto changed = [&]() -> Checked<void> {
    FS_TRY(const bool exchanged, exchange(op, parent, temporary, written));
    return exchanged ? settle(op, back, parent, temporary, written) : Checked<void>();
  }();
  if (!changed) lock_unless_under(op, parent, temporary, edited, *locks);
  return changed;
}

Checked<void> undo(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const OpState& state = context.op_state(index);
  if (changes_nothing(state.intent)) return {};
  FS_TRY(const Parent parent, undo_parent(context, index));
  const std::string temporary = temporary_name(op);
  Intent back = intent_in(parent);
  back.before = state.undo->before.value_or(state.intent.after);
  back.after = state.undo->after;
  // What an undo has left that was interrupted.
  FS_TRY(const Metadata stored, stored_metadata(context, op.store));
  FS_CHECK(remove_unfinished(op, parent, stored.uid));
  // A hive that is merged keeps the owner that it has by now.
  FS_TRY(const auto there, stat_in(parent, parent.leaf));
  if (there && !op.what.empty()) FS_CHECK(remove_unfinished(op, parent, there->st_uid));
  FS_TRY(const auto beside, stat_in(parent, temporary));
  if (beside) FS_CHECK(clear(op, back, parent, temporary));
  FS_TRY(const Digest now, current_digest(context, parent, op));
  if (now == back.after) {  // it had come so far
    FS_CHECK(lock_again(context, index, parent, now));
    return restore_time(state, parent);
  }
  if (now != back.before)
    return refuse(Reason::kConflict, "{}: changed while we acted", escaped(op.file.path));
  FS_TRY(const Back written, back_for(context, index, parent, now));
  if (digest_of_text(written.text) != back.after)
    return refuse(Reason::kConflict, "{}: changed while we acted", escaped(op.file.path));
  UniqueFd edited;
  if (!now.is_zero()) {
    FS_TRY(edited, context.tree.file(parent, op.file.path));
  }
  FS_TRY(const UniqueFd file, write_file(op, parent, temporary, written.text, written.metadata,
                                         now == state.intent.after));
  fault_point("edit-undo-written");
  if (now.is_zero()) {
    if (rename_in(parent.folder.get(), temporary, parent.leaf, RENAME_NOREPLACE) != 0) {
      const int error = errno;
      discard(parent, temporary, file.get());
      return refuse_errno("restore", op.file.path, error);
    }
  } else {
    FS_CHECK(change_back(op, back, parent, edited.get(), file.get()));
  }
  FS_CHECK(lock(op, file.get(), state.intent.locks));
  return restore_time(state, parent);
}

}  // namespace

const Action kEditAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
