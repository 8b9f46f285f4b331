// Copies a file into the vault before anything is taken from it; of one that is purged all but its
// content.

#include "agent/act/actions/action.h"
#include "agent/act/process.h"

namespace fleetsweep::act {

namespace {

// The file, and its folder where it lies in one.
Checked<UniqueFd> open_it(Context& context, const Op& op, Parent& parent) {
  if (op.pid != 0) return open_program({op.pid, op.start_ticks}, op.file);
  FS_TRY(parent, context.tree.parent(op.file.path));
  return context.tree.file(parent, op.file.path);
}

Checked<UniqueFd> open_expected(Context& context, const Op& op, Parent& parent) {
  FS_TRY(UniqueFd file, open_it(context, op, parent));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", op.file.path, errno);
  if (!op.any_content && !is_unchanged(status, op.file, context.device()))
    return refuse(Reason::kChanged, "{}: no longer the file that was found", escaped(op.file.path));
  if (op.any_content && op.mode != 0 && owner_of(status) != Owner{op.uid, op.gid, op.mode})
    return refuse(Reason::kChanged, "{}: by now of another owner, or for others to read",
                  escaped(op.file.path));
  if (op.any_content && status.st_nlink > 1)
    return refuse(Reason::kHardLinks, "{}: has {} names, a line cannot be taken out of one",
                  escaped(op.file.path), status.st_nlink);
  if (op.any_content && static_cast<std::uint64_t>(status.st_size) > edit_bytes(op))
    return refuse(Reason::kLimit, "{}: larger than {} bytes", escaped(op.file.path),
                  edit_bytes(op));
  return file;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  Parent parent;
  FS_TRY(const UniqueFd file, open_expected(context, op, parent));
  if (keeps_content(context.state().begin, op)) FS_CHECK(context.vault.room_for(op.file.size));
  return intent_in(parent);
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  Parent parent;
  FS_TRY(const UniqueFd file, open_expected(context, op, parent));
  FS_TRY(Metadata metadata, evidence(context, index, file.get()));
  metadata.has_content = keeps_content(context.state().begin, op);
  // How much of it fits is the quota's to say, which prepare() has asked.
  FS_TRY(metadata, context.vault.store(context.transaction, vault_name(index), file.get(), metadata,
                                       op.any_content ? Digest{} : op.file.sha256,
                                       op.any_content ? edit_bytes(op) : op.file.size));
  Post post = op.pid != 0 ? Post{} : post_in(parent);
  post.digest = metadata.sha256;
  post.bytes = metadata.size;
  return post;
}

// A copy without its final chunk is no copy.
Checked<Recovery> recover(Context& context, std::uint32_t index) {
  const auto metadata = context.vault.load(context.transaction, vault_name(index),
                                           [](BytesView) -> Status { return {}; });
  if (!metadata) {
    context.vault.drop(context.transaction, vault_name(index));
    return Recovery{};
  }
  Recovery recovery{true, {}};
  recovery.post.digest = metadata->sha256;
  recovery.post.bytes = metadata->size;
  return recovery;
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

// The copy stays as evidence; the host was not changed.
Checked<void> undo(Context&, std::uint32_t) {
  return {};
}

}  // namespace

const Action kStoreAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
