#include "protocol/runtime/sandbox/sandbox.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace fleetsweep::runtime {
namespace {

tl::unexpected<Error> failed(const char* call) {
  return fail(Code::kInternal, "sandbox: {}: {}", call, std::strerror(errno));
}

// Newer than the headers of Debian 12, whose struct stops at handled_access_fs.
struct Ruleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};
constexpr std::uint64_t kTruncate = 1u << 14;        // ABI 3
constexpr std::uint64_t kDeviceIoctl = 1u << 15;     // ABI 5
constexpr std::uint64_t kBindAndConnect = 0b11;      // ABI 4
constexpr std::uint64_t kAbstractAndSignals = 0b11;  // ABI 6
constexpr std::uint64_t kReads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

std::uint64_t all_file_rights(int abi) {
  std::uint64_t rights = (1u << 13) - 1;
  if (abi >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) rights |= kTruncate;
  if (abi >= 5) rights |= kDeviceIoctl;
  return rights;
}

}  // namespace

Status drop_privileges(const User& user) {
  if (user.uid == 0 || user.gid == 0)
    return fail(Code::kInvalid, "sandbox: uid {} and gid {}: neither may be 0", user.uid, user.gid);
  if (::setgroups(0, nullptr) != 0) return failed("setgroups");
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return failed("setresgid");
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return failed("setresuid");
  if (::setuid(0) == 0 || ::getuid() != user.uid || ::getegid() != user.gid)
    return fail(Code::kInternal, "sandbox: still able to become root after dropping to uid {}",
                user.uid);
  return {};
}

Status keep_capabilities(std::initializer_list<int> capabilities) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct have[2] = {};
  if (::syscall(SYS_capget, &header, have) != 0) return failed("capget");
  if (have[0].permitted == 0 && have[1].permitted == 0) return {};

  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    // Without CAP_SETPCAP the bounding set stays; the sets below are what counts once
    // no_new_privileges() holds.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM)
      return failed("prctl(PR_CAPBSET_DROP)");
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return failed("prctl(PR_CAP_AMBIENT)");

  __user_cap_data_struct kept[2] = {};
  for (const int capability : capabilities) {
    const std::uint32_t bit = 1u << (capability % 32);
    kept[capability / 32].permitted |= have[capability / 32].permitted & bit;
  }
  for (auto& word : kept) word.effective = word.permitted;
  if (::syscall(SYS_capset, &header, kept) != 0) return failed("capset");
  return {};
}

Status no_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("prctl(PR_SET_NO_NEW_PRIVS)");
  return {};
}

Status close_all_but(std::span<const int> keep) {
  std::vector<unsigned> sorted(keep.begin(), keep.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.push_back(~0u);
  unsigned from = 0;
  for (const unsigned fd : sorted) {
    if (fd > from && ::syscall(SYS_close_range, from, fd - 1, 0) != 0) return failed("close_range");
    from = fd + 1;
  }
  return {};
}

Status limit_resources(const Resources& resources) {
  const auto limit = [](auto resource, std::uint64_t value) {
    const rlimit both{value, value};
    return ::setrlimit(resource, &both) == 0;
  };
#if defined(FS_SANITIZED)
  const bool memory = true;  // its shadow memory alone is 20 TB of address space
#else
  const bool memory = resources.memory_bytes == 0 || limit(RLIMIT_AS, resources.memory_bytes);
#endif
  if (!memory || !limit(RLIMIT_FSIZE, resources.file_bytes) ||
      !limit(RLIMIT_NPROC, resources.processes) || !limit(RLIMIT_CORE, 0))
    return failed("setrlimit");
  return {};
}

int landlock_abi() {
  const long abi =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

Result<bool> restrict_files(FileAccess access) {
  const int abi = landlock_abi();
  if (abi == 0) return false;
  Ruleset rules{all_file_rights(abi), 0, 0};
  // Of each file opened the kernel would ask all folders above it whether it may be truncated.
  if (access == FileAccess::kReadOnly) rules.handled_access_fs &= ~(kReads | kTruncate);
  std::size_t size = sizeof rules.handled_access_fs;
  if (access == FileAccess::kNothing && abi >= 4) {
    rules.handled_access_net = kBindAndConnect;
    size = 2 * sizeof(std::uint64_t);
  }
  if (access == FileAccess::kNothing && abi >= 6) {
    rules.scoped = kAbstractAndSignals;
    size = sizeof rules;
  }
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &rules, size, 0);
  if (ruleset < 0) return failed("landlock_create_ruleset");
  const long restricted = ::syscall(SYS_landlock_restrict_self, ruleset, 0);
  const int error = errno;
  ::close(static_cast<int>(ruleset));
  errno = error;
  if (restricted != 0) return failed("landlock_restrict_self");
  return true;
}

Result<model::SandboxLevel> confine_parser(std::span<const int> keep, std::optional<User> user,
                                           const Resources& resources) {
  FS_CHECK(close_all_but(keep));
  FS_CHECK(limit_resources(resources));
  const bool own_user = user && ::geteuid() == 0;
  FS_CHECK(keep_capabilities({CAP_SETUID, CAP_SETGID}));
  if (own_user) FS_CHECK(drop_privileges(*user));
  FS_CHECK(keep_capabilities({}));
  FS_CHECK(no_new_privileges());
  // Not dumpable: no process of the same user may trace it or look at its memory.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("prctl(PR_SET_DUMPABLE)");
  FS_TRY(const bool landlock, restrict_files(FileAccess::kNothing));
  FS_CHECK(filter_system_calls(Profile::kParser));
  return own_user && landlock ? model::SandboxLevel::kFull : model::SandboxLevel::kReduced;
}

}  // namespace fleetsweep::runtime
