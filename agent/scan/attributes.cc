#include "agent/scan/attributes.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>

namespace fleetsweep::scan {
namespace {

constexpr std::string_view kCapabilities[] = {"cap_chown",
                                              "cap_dac_override",
                                              "cap_dac_read_search",
                                              "cap_fowner",
                                              "cap_fsetid",
                                              "cap_kill",
                                              "cap_setgid",
                                              "cap_setuid",
                                              "cap_setpcap",
                                              "cap_linux_immutable",
                                              "cap_net_bind_service",
                                              "cap_net_broadcast",
                                              "cap_net_admin",
                                              "cap_net_raw",
                                              "cap_ipc_lock",
                                              "cap_ipc_owner",
                                              "cap_sys_module",
                                              "cap_sys_rawio",
                                              "cap_sys_chroot",
                                              "cap_sys_ptrace",
                                              "cap_sys_pacct",
                                              "cap_sys_admin",
                                              "cap_sys_boot",
                                              "cap_sys_nice",
                                              "cap_sys_resource",
                                              "cap_sys_time",
                                              "cap_sys_tty_config",
                                              "cap_mknod",
                                              "cap_lease",
                                              "cap_audit_write",
                                              "cap_audit_control",
                                              "cap_setfcap",
                                              "cap_mac_override",
                                              "cap_mac_admin",
                                              "cap_syslog",
                                              "cap_wake_alarm",
                                              "cap_block_suspend",
                                              "cap_audit_read",
                                              "cap_perfmon",
                                              "cap_bpf",
                                              "cap_checkpoint_restore"};

std::int64_t nanoseconds(std::int64_t seconds, std::int64_t rest) {
  return seconds * 1'000'000'000 + rest;
}

// What a kernel or a file system without it says; EOVERFLOW: a capability of another user
// namespace, where alone it gives anything.
bool keeps_none(int error) {
  return error == ENODATA || error == EOPNOTSUPP || error == EOVERFLOW || error == ENOTTY ||
         error == EINVAL || error == ENOSYS;
}

}  // namespace

std::span<const std::string_view> known_capabilities() {
  return kCapabilities;
}

Result<FileAttributes> attributes_of(int fd, const struct stat& status) {
  FileAttributes result;
  struct statx more {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BTIME, &more) == 0) {
    result.is_immutable = more.stx_attributes & STATX_ATTR_IMMUTABLE;
    result.is_append_only = more.stx_attributes & STATX_ATTR_APPEND;
    if (more.stx_mask & STATX_BTIME)
      result.mtime_delta_to_birth_ms =
          (nanoseconds(status.st_mtim.tv_sec, status.st_mtim.tv_nsec) -
           nanoseconds(more.stx_btime.tv_sec, more.stx_btime.tv_nsec)) /
          1'000'000;
  }
  // Not every file system tells its flags to statx(2).
  constexpr std::uint64_t kBoth = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;
  if (long flags = 0; (more.stx_attributes_mask & kBoth) != kBoth) {
    if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
      result.is_immutable = flags & FS_IMMUTABLE_FL;
      result.is_append_only = flags & FS_APPEND_FL;
    } else if (!keeps_none(errno)) {
      return fail(Code::kUnavailable, "{}", std::strerror(errno));
    }
  }
  std::uint8_t attribute[XATTR_CAPS_SZ_3];
  const ssize_t size = ::fgetxattr(fd, "security.capability", attribute, sizeof attribute);
  if (size > 0)
    result.capabilities = capability_names(BytesView(attribute, static_cast<std::size_t>(size)));
  else if (size < 0 && !keeps_none(errno))
    return fail(Code::kUnavailable, "{}", std::strerror(errno));
  return result;
}

std::vector<std::string> capability_names(BytesView attribute) {
  const auto word = [&](std::size_t index) -> std::uint32_t {
    const BytesView four = attribute.subspan(4 * index, 4);
    return four[0] | four[1] << 8 | four[2] << 16 | static_cast<std::uint32_t>(four[3]) << 24;
  };
  if (attribute.size() < 4) return {};
  std::size_t words = 0;
  const std::uint32_t revision = word(0) & VFS_CAP_REVISION_MASK;
  if (revision == VFS_CAP_REVISION_1 && attribute.size() == XATTR_CAPS_SZ_1) words = 1;
  if (revision == VFS_CAP_REVISION_2 && attribute.size() == XATTR_CAPS_SZ_2) words = 2;
  if (revision == VFS_CAP_REVISION_3 && attribute.size() == XATTR_CAPS_SZ_3) words = 2;
  std::vector<std::string> result;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint32_t both = word(1 + 2 * i) | word(2 + 2 * i);  // permitted, inheritable
    for (std::size_t bit = 0; bit < 32; ++bit) {
      if (!(both >> bit & 1)) continue;
      const std::size_t number = 32 * i + bit;
      result.push_back(number < std::size(kCapabilities) ? std::string(kCapabilities[number])
                                                         : "cap_" + std::to_string(number));
    }
  }
  return result;
}

}  // namespace fleetsweep::scan
