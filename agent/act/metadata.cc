#include "agent/act/metadata.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "agent/act/pack.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {

namespace {

constexpr std::uint8_t kFormat = 4;
// Before a rule told where its strings were found.
constexpr std::uint8_t kFormatOldest = 3;
// A file in more pieces is kept as one without holes.
constexpr std::size_t kExtents = 4096;

// What chattr may set, without the locking flags and without j, which takes CAP_SYS_RESOURCE.
constexpr std::uint32_t kSettableFlags = FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL |
                                         FS_NODUMP_FL | FS_NOATIME_FL | FS_NOCOMP_FL |
                                         FS_NOTAIL_FL | FS_NOCOW_FL;

tl::unexpected<Refusal> refuse_attributes(std::string_view path) {
  return refuse(Reason::kLimit, "{}: its extended attributes are more than {} bytes", escaped(path),
                limits::kAttributeBytes);
}

Checked<std::vector<std::string>> xattr_names(int fd, std::string_view path) {
  std::vector<std::string> result;
  std::string names(XATTR_LIST_MAX, '\0');
  const auto size = ::flistxattr(fd, names.data(), names.size());
  if (size < 0 && errno == ENOTSUP) return result;
  // The names alone are more than the kernel tells.
  if (size < 0 && errno == E2BIG) return refuse_attributes(path);
  if (size < 0) return refuse_errno("attributes of", path, errno);
  for (std::size_t at = 0; at < static_cast<std::size_t>(size); at += result.back().size() + 1)
    result.emplace_back(names.c_str() + at);
  return result;
}

Checked<std::map<std::string, std::string>> read_xattrs(int fd, std::string_view path) {
  std::map<std::string, std::string> result;
  FS_TRY(const auto names, xattr_names(fd, path));
  std::string buffer(XATTR_SIZE_MAX, '\0');
  std::size_t bytes = 0;
  for (const auto& name : names) {
    const auto length = ::fgetxattr(fd, name.c_str(), buffer.data(), buffer.size());
    if (length < 0 && errno == ENODATA) continue;
    if (length < 0) return refuse_errno("attribute of", path, errno);
    bytes += name.size() + static_cast<std::size_t>(length);
    if (bytes > limits::kAttributeBytes) return refuse_attributes(path);
    result.emplace(name, buffer.substr(0, static_cast<std::size_t>(length)));
  }
  return result;
}

std::vector<Extent> extents_of(int fd, std::uint64_t size) {
  const std::vector<Extent> whole = {{0, size}};
  std::vector<Extent> extents;
  for (off_t at = 0; static_cast<std::uint64_t>(at) < size;) {
    const off_t from = ::lseek(fd, at, SEEK_DATA);
    if (from < 0 && errno == ENXIO) break;  // the rest is a hole
    const off_t to = from < 0 ? -1 : ::lseek(fd, from, SEEK_HOLE);
    if (to <= from || extents.size() == kExtents) return whole;
    extents.push_back({static_cast<std::uint64_t>(from), static_cast<std::uint64_t>(to - from)});
    at = to;
  }
  return extents;
}

}  // namespace

bool Metadata::has_data(std::uint64_t at, std::uint64_t bytes) const {
  return std::any_of(data.begin(), data.end(), [&](const Extent& extent) {
    return extent.at < at + bytes && at < extent.at + extent.bytes;
  });
}

Bytes encode(const Metadata& metadata) {
  Packer out;
  out.u8(kFormat);
  out.text(metadata.path);
  out.u32(static_cast<std::uint32_t>(metadata.names.size()));
  for (const auto& name : metadata.names) out.text(name);
  out.u64(metadata.device);
  out.u64(metadata.inode);
  out.u32(metadata.mode);
  out.u32(metadata.uid);
  out.u32(metadata.gid);
  out.u32(metadata.links);
  out.text(metadata.user);
  out.text(metadata.group);
  out.u64(metadata.size);
  out.u64(metadata.blocks);
  out.u32(static_cast<std::uint32_t>(metadata.data.size()));
  for (const auto& extent : metadata.data) {
    out.u64(extent.at);
    out.u64(extent.bytes);
  }
  out.i64(metadata.mtime_ns);
  out.i64(metadata.atime_ns);
  out.i64(metadata.ctime_ns);
  out.i64(metadata.btime_ns);
  out.u32(metadata.flags);
  out.u32(static_cast<std::uint32_t>(metadata.xattrs.size()));
  for (const auto& [name, value] : metadata.xattrs) {
    out.text(name);
    out.text(value);
  }
  out.fixed(metadata.sha256);
  out.fixed(metadata.sha1);
  out.fixed(metadata.md5);
  out.text(metadata.verdict);
  out.text(metadata.detection);
  pack(out, metadata.rule);
  out.text(metadata.package);
  out.u32(static_cast<std::uint32_t>(metadata.pids.size()));
  for (const auto pid : metadata.pids) out.u32(static_cast<std::uint32_t>(pid));
  out.text(metadata.container);
  out.u64(metadata.mount_namespace);
  return out.take();
}

Result<Metadata> decode_metadata(BytesView bytes) {
  Unpacker in(bytes);
  Metadata metadata;
  const auto format = in.u8();
  metadata.path = in.text();
  for (auto left = in.count(); left > 0 && in.ok(); --left) metadata.names.push_back(in.text());
  metadata.device = in.u64();
  metadata.inode = in.u64();
  metadata.mode = in.u32();
  metadata.uid = in.u32();
  metadata.gid = in.u32();
  metadata.links = in.u32();
  metadata.user = in.text();
  metadata.group = in.text();
  metadata.size = in.u64();
  metadata.blocks = in.u64();
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    const std::uint64_t at = in.u64();
    metadata.data.push_back({at, in.u64()});
  }
  metadata.mtime_ns = in.i64();
  metadata.atime_ns = in.i64();
  metadata.ctime_ns = in.i64();
  metadata.btime_ns = in.i64();
  metadata.flags = in.u32();
  for (auto left = in.count(); left > 0 && in.ok(); --left) {
    std::string name = in.text();
    metadata.xattrs[std::move(name)] = in.text();
  }
  metadata.sha256 = in.fixed<Digest>();
  metadata.sha1 = in.fixed<Sha1>();
  metadata.md5 = in.fixed<Md5>();
  metadata.verdict = in.text();
  metadata.detection = in.text();
  metadata.rule = unpack_rule(in, format != kFormatOldest);
  metadata.package = in.text();
  for (auto left = in.count(); left > 0 && in.ok(); --left)
    metadata.pids.push_back(static_cast<std::int32_t>(in.u32()));
  metadata.container = in.text();
  metadata.mount_namespace = in.u64();
  if (!in.done() || format < kFormatOldest || format > kFormat)
    return fail(Code::kInvalid, "vault: metadata does not parse");
  return metadata;
}

Checked<std::string> capability_of(int fd, std::string_view path) {
  char value[64];
  const auto size = ::fgetxattr(fd, kCapabilityAttribute, value, sizeof value);
  if (size >= 0) return std::string(value, static_cast<std::size_t>(size));
  if (errno == ENODATA || errno == ENOTSUP) return std::string();
  return refuse_errno("capabilities of", path, errno);
}

Checked<Metadata> read_metadata(int fd, std::string_view path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return refuse_errno("stat", path, errno);
  Metadata metadata;
  metadata.path = std::string(path);
  metadata.device = status.st_dev;
  metadata.inode = status.st_ino;
  metadata.mode = status.st_mode & 07777;
  metadata.uid = status.st_uid;
  metadata.gid = status.st_gid;
  metadata.links = static_cast<std::uint32_t>(status.st_nlink);
  metadata.size = static_cast<std::uint64_t>(status.st_size);
  metadata.blocks = static_cast<std::uint64_t>(status.st_blocks);
  metadata.mtime_ns = nanoseconds(status.st_mtim);
  metadata.atime_ns = nanoseconds(status.st_atim);
  metadata.ctime_ns = nanoseconds(status.st_ctim);
  struct statx birth {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &birth) == 0 &&
      (birth.stx_mask & STATX_BTIME) != 0)
    metadata.btime_ns = nanoseconds({birth.stx_btime.tv_sec, birth.stx_btime.tv_nsec});
  metadata.data = extents_of(fd, metadata.size);
  FS_TRY(metadata.flags, flags_of(fd, path));
  FS_TRY(metadata.xattrs, read_xattrs(fd, path));
  return metadata;
}

Checked<void> apply_metadata(int fd, const Metadata& metadata) {
  const std::string& path = metadata.path;
  // A new file has what its folder hands down. An access list goes before the mode opens the file
  // to whom it names.
  FS_TRY(const auto names, xattr_names(fd, path));
  for (const auto& name : names)
    if (!metadata.xattrs.contains(name) && ::fremovexattr(fd, name.c_str()) != 0 &&
        errno != ENODATA)
      return refuse_errno("attribute of", path, errno);
  // chown clears set-id bits and capabilities: so it comes before them.
  if (::fchown(fd, metadata.uid, metadata.gid) != 0) return refuse_errno("owner of", path, errno);
  if (::fchmod(fd, metadata.mode) != 0) return refuse_errno("mode of", path, errno);
  for (const auto& [name, value] : metadata.xattrs)
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) != 0)
      return refuse_errno("attribute of", path, errno);
  const timespec times[2] = {to_timespec(metadata.atime_ns), to_timespec(metadata.mtime_ns)};
  if (::futimens(fd, times) != 0) return refuse_errno("times of", path, errno);
  return {};
}

bool is_as(const Metadata& now, const Metadata& wanted) {
  return now.mode == wanted.mode && now.uid == wanted.uid && now.gid == wanted.gid &&
         now.mtime_ns == wanted.mtime_ns && now.xattrs == wanted.xattrs &&
         ((now.flags ^ wanted.flags) & kSettableFlags) == 0;
}

Checked<void> apply_flags(int fd, const Metadata& metadata) {
  FS_TRY(const std::uint32_t now, flags_of(fd, metadata.path));
  const std::uint32_t wanted = (now & ~kSettableFlags) | (metadata.flags & kSettableFlags);
  if (wanted == now) return {};
  return set_flags(fd, wanted, metadata.path);
}

Checked<std::uint32_t> flags_of(int fd, std::string_view path) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) return static_cast<std::uint32_t>(flags);
  if (errno == ENOTTY || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) return 0;
  return refuse_errno("flags of", path, errno);
}

Checked<void> set_flags(int fd, std::uint32_t flags, std::string_view path) {
  int value = static_cast<int>(flags);
  if (::ioctl(fd, FS_IOC_SETFLAGS, &value) != 0) return refuse_errno("flags of", path, errno);
  return {};
}

}  // namespace fleetsweep::act
