#include "agent/act/actions/action.h"

#include <algorithm>

#include "protocol/base/assert.h"

namespace fleetsweep::act {

const Action& action_of(OpKind kind) {
  switch (kind) {
    case OpKind::kStore:
      return kStoreAction;
    case OpKind::kTake:
      return kTakeAction;
    case OpKind::kUnlink:
      return kUnlinkAction;
    case OpKind::kEdit:
      return kEditAction;
    case OpKind::kCollect:
      return kCollectAction;
    case OpKind::kSuspend:
      return kSuspendAction;
    case OpKind::kBlock:
    case OpKind::kIsolate:
      return kNetworkAction;
    case OpKind::kKill:
      break;
  }
  FS_ASSERT(kind == OpKind::kKill);
  return kKillAction;
}

Intent intent_in(const Parent& parent) {
  Intent intent;
  intent.parent_mtime_ns = parent.mtime_ns;
  intent.parent_device = parent.device;
  intent.parent_inode = parent.inode;
  return intent;
}

Post post_in(const Parent& parent) {
  Post post;
  post.parent_mtime_ns = mtime_of(parent.folder.get());
  return post;
}

bool may_restore_time(const OpState& op, const Parent& parent) {
  return parent.inode == op.intent.parent_inode && parent.device == op.intent.parent_device &&
         parent.mtime_ns == op.post.parent_mtime_ns;
}

Checked<void> restore_time(const OpState& op, const Parent& parent) {
  if (op.undo->restore_parent_mtime)
    FS_CHECK(set_mtime(parent.folder.get(), op.intent.parent_mtime_ns));
  if (::fsync(parent.folder.get()) != 0) return refuse_errno("fsync", "a folder", errno);
  return {};
}

Checked<Parent> undo_parent(Context& context, std::uint32_t op) {
  FS_TRY(Parent parent, context.tree.parent(context.op(op).file.path));
  const Intent& intent = context.op_state(op).intent;
  struct stat status {};
  if (::fstat(parent.folder.get(), &status) != 0) return refuse_errno("stat", "a folder", errno);
  const bool same = parent.device == intent.parent_device && parent.inode == intent.parent_inode;
  const bool only_roots = status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!same && !only_roots)
    return refuse(Reason::kConflict, "the folder of {} is another one now",
                  escaped(context.op(op).file.path));
  return parent;
}

std::string hidden_name(const Op& op) {
  return fmt::format(".fsq-{:016x}", op.token);
}

void put_back(const Op& op, const Intent& intent, const Parent& parent) {
  if (rename_in(parent.folder.get(), hidden_name(op), parent.leaf, RENAME_NOREPLACE) == 0)
    (void)set_mtime(parent.folder.get(), intent.parent_mtime_ns);
}

std::string temporary_name(const Op& op) {
  return fmt::format(".fsr-{:016x}", op.token);
}

std::string vault_name(std::uint32_t op) {
  return std::to_string(op);
}

namespace {

void add_reason(const Context& context, std::uint32_t index, Metadata& metadata) {
  const Op& op = context.op(index);
  const Step& step = context.state().begin.steps[op.step];
  metadata.verdict = step.item.verdict;
  metadata.detection = step.item.detection;
  metadata.rule = step.rule;
  for (const Op& other : context.state().begin.ops)
    if (other.kind == OpKind::kTake && other.store == index)
      metadata.names.push_back(other.file.path);
  auto& pids = metadata.pids;
  if (op.pid != 0 && std::find(pids.begin(), pids.end(), op.pid) == pids.end())
    pids.push_back(op.pid);
}

}  // namespace

Metadata evidence(Context& context, std::uint32_t index) {
  Metadata metadata;
  metadata.path = context.op(index).file.path;
  add_reason(context, index, metadata);
  return metadata;
}

Checked<Metadata> evidence(Context& context, std::uint32_t index, int fd) {
  FS_TRY(Metadata metadata, read_metadata(fd, context.op(index).file.path));
  context.provenance.fill(metadata);
  add_reason(context, index, metadata);
  return metadata;
}

Checked<Metadata> stored_metadata(Context& context, std::uint32_t store) {
  auto metadata = context.vault.load(context.transaction, vault_name(store),
                                     [](BytesView) -> Status { return {}; });
  if (!metadata) return refuse_error(metadata.error());
  return *metadata;
}

Checked<Metadata> restore_content(Context& context, std::uint32_t store, int fd) {
  FS_TRY(const Metadata metadata, stored_metadata(context, store));
  FS_CHECK(apply_flags(fd, metadata));
  std::uint64_t at = 0;
  const auto is_zero = [](BytesView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](auto byte) { return byte == 0; });
  };
  // Pages of nothing are left out; a file that was not sparse gets them back below.
  bool skipped = false;
  const auto loaded =
      context.vault.load(context.transaction, vault_name(store), [&](BytesView piece) -> Status {
        if (is_zero(piece)) {
          skipped = true;
          at += piece.size();
          return {};
        }
        while (!piece.empty()) {
          const auto put = ::pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(at));
          if (put < 0 && errno == EINTR) continue;
          if (put <= 0) return fail(Code::kUnavailable, "restore: write failed: {}", errno);
          at += static_cast<std::uint64_t>(put);
          piece = piece.subspan(static_cast<std::size_t>(put));
        }
        return {};
      });
  if (!loaded) return refuse_error(loaded.error());
  if (::ftruncate(fd, static_cast<off_t>(at)) != 0)
    return refuse_errno("restore", metadata.path, errno);
  if (skipped && !metadata.is_sparse() && ::posix_fallocate(fd, 0, static_cast<off_t>(at)) != 0)
    return refuse(Reason::kDiskFull, "no room to restore {}", escaped(metadata.path));
  return metadata;
}

}  // namespace fleetsweep::act
