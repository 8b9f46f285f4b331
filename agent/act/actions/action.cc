#include "agent/act/actions/action.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"

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
    case OpKind::kMode:
      return kModeAction;
    case OpKind::kCollect:
      return kCollectAction;
    case OpKind::kSuspend:
      return kSuspendAction;
    case OpKind::kBlock:
    case OpKind::kIsolate:
      return kNetworkAction;
    case OpKind::kRestart:
      return kRestartAction;
    case OpKind::kKill:
      break;
  }
  FS_ASSERT(kind == OpKind::kKill);
  return kKillAction;
}

Device Context::device() const {
  const BootId& begun = state().begin.boot;
  return begun == boot || begun == BootId{} || boot == BootId{} ? Device::kCounts
                                                                : Device::kMayDiffer;
}

std::uint64_t edit_bytes(const Op& op) {
  return op.what.empty() ? limits::kEditBytes : limits::kHiveBytes;
}

Checked<hive::Change> hive_change(const Context& context, const Op& op) {
  const auto name = std::ranges::find(kChangeNames, op.what.front());
  if (name == std::end(kChangeNames) || context.hives == nullptr)
    return refuse(Reason::kCapability, "{}: no hive of a volume of Windows", escaped(op.file.path));
  return hive::Change{static_cast<hive::Change::Kind>(name - std::begin(kChangeNames)), op.text,
                      op.rest};
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

namespace {

// Of a folder that is gone: whether the file system that it lay in is there.
bool is_mounted(const Tree& tree, std::string path, std::uint64_t device) {
  for (auto end = path.rfind('/'); end != 0 && end != std::string::npos; end = path.rfind('/')) {
    path.resize(end);
    if (const auto above = tree.parent(path)) return above->device == device;
  }
  return false;
}

}  // namespace

Checked<Parent> recovery_parent(Context& context, std::uint32_t op) {
  const std::string& path = context.op(op).file.path;
  auto parent = context.tree.parent(path);
  const Intent& intent = context.op_state(op).intent;
  const bool may_differ = context.device() == Device::kMayDiffer;
  if (!parent && (!may_differ || !is_absent(parent.error()) ||
                  is_mounted(context.tree, path, intent.parent_device)))
    return parent;
  if (parent && parent->inode == intent.parent_inode &&
      (may_differ || parent->device == intent.parent_device))
    return parent;
  return refuse(Reason::kConflict, "the folder of {} is not the one of before the crash",
                escaped(path));
}

Checked<Parent> undo_parent(Context& context, std::uint32_t op) {
  FS_TRY(Parent parent, context.tree.parent(context.op(op).file.path));
  const Intent& intent = context.op_state(op).intent;
  struct stat status {};
  if (::fstat(parent.folder.get(), &status) != 0) return refuse_errno("stat", "a folder", errno);
  if (context.device() == Device::kMayDiffer) parent.device = intent.parent_device;
  const bool same = parent.device == intent.parent_device && parent.inode == intent.parent_inode;
  const bool only_roots = status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!same && !only_roots)
    return refuse(Reason::kConflict, "the folder of {} is another one now",
                  escaped(context.op(op).file.path));
  return parent;
}

std::string vault_name(std::uint32_t op) {
  return std::to_string(op);
}

Checked<void> must_be_there(const Parent& parent, int file, std::string_view path) {
  struct stat ours {};
  struct stat there {};
  if (::fstat(file, &ours) != 0 ||
      ::fstatat(parent.folder.get(), parent.leaf.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
    return refuse_errno("stat", path, errno);
  if (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) return {};
  return refuse(Reason::kConflict, "{}: something else has this name now", escaped(path));
}

namespace {

void add_reason(Context& context, std::uint32_t index, Metadata& metadata) {
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
  context.provenance.fill_place(metadata);
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

Checked<void> must_take_names(const Parent& parent, const Op& op) {
  FS_TRY(const std::uint32_t flags, flags_of(parent.folder.get(), op.file.path));
  if ((flags & kLockingFlags) == 0) return {};
  return refuse(Reason::kImmutable, "the folder of {} is immutable or append-only",
                escaped(op.file.path));
}

Checked<std::uint32_t> locks_of(const Op& op, int file) {
  FS_TRY(const std::uint32_t flags, flags_of(file, op.file.path));
  const std::uint32_t locks = flags & kLockingFlags;
  if (locks != 0 && !op.clear_flags)
    return refuse(Reason::kImmutable,
                  "{}: immutable or append-only, and the policy does not say "
                  "that the flag may be cleared",
                  escaped(op.file.path));
  return locks;
}

Checked<void> unlock(const Op& op, int file) {
  FS_TRY(const std::uint32_t flags, flags_of(file, op.file.path));
  if (!op.clear_flags || (flags & kLockingFlags) == 0) return {};
  return set_flags(file, flags & ~kLockingFlags, op.file.path);
}

Checked<void> lock(const Op& op, int file, std::uint32_t locks) {
  FS_TRY(const std::uint32_t flags, flags_of(file, op.file.path));
  if ((flags | locks) == flags) return {};
  return set_flags(file, flags | locks, op.file.path);
}

Checked<Metadata> load_stored(Context& context, std::uint32_t store, const Vault::Sink& sink) {
  // Also what a crash left of it: half of a cleaning must not come back.
  if (context.state().purged)
    return refuse(Reason::kExpired, "what undo needs of {} was purged from the vault on {}",
                  escaped(context.op(store).file.path), to_rfc3339(context.state().purged->at));
  auto metadata = context.vault.load(context.transaction, vault_name(store), sink);
  if (!metadata) return refuse_error(metadata.error());
  return std::move(*metadata);
}

Checked<Metadata> stored_metadata(Context& context, std::uint32_t store) {
  return load_stored(context, store, [](BytesView) -> Status { return {}; });
}

namespace {

constexpr std::size_t kPageBytes = 4096;

Status write_at(int fd, BytesView bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail(Code::kUnavailable, "restore: write failed: {}", errno);
    at += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

// All but holes. What is not zero in one was written after it was measured.
Status write_data(int fd, const Metadata& metadata, BytesView piece, std::uint64_t at) {
  const auto page_at = [&](std::size_t offset) {
    return piece.subspan(offset, std::min(kPageBytes, piece.size() - offset));
  };
  for (std::size_t begin = 0; begin < piece.size();) {
    std::size_t end = begin;
    for (; end < piece.size(); end += page_at(end).size()) {
      const BytesView page = page_at(end);
      if (!metadata.has_data(at + end, page.size()) &&
          std::all_of(page.begin(), page.end(), [](auto byte) { return byte == 0; }))
        break;
    }
    FS_CHECK(write_at(fd, piece.subspan(begin, end - begin), at + begin));
    begin = end + (end < piece.size() ? page_at(end).size() : 0);
  }
  return {};
}

}  // namespace

Checked<Metadata> restore_content(Context& context, std::uint32_t store, int fd) {
  FS_TRY(const Metadata metadata, stored_metadata(context, store));
  // Between two names of a file that is purged somebody moved or changed the one that was left.
  if (!metadata.has_content)
    return refuse(Reason::kRaced,
                  "{}: its other names changed while we acted, and nothing keeps it",
                  escaped(metadata.path));
  FS_CHECK(apply_flags(fd, metadata));
  std::uint64_t at = 0;
  FS_CHECK(load_stored(context, store, [&](BytesView piece) -> Status {
    FS_CHECK(write_data(fd, metadata, piece, at));
    at += piece.size();
    return {};
  }));
  if (::ftruncate(fd, static_cast<off_t>(at)) != 0)
    return refuse_errno("restore", metadata.path, errno);
  return metadata;
}

}  // namespace fleetsweep::act
