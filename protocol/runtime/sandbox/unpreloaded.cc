#include "protocol/runtime/sandbox/unpreloaded.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace fleetsweep::runtime {
namespace {

constexpr const char* kList = "/etc/ld.so.preload";
// Of the second start: the host's mount namespace, the root and the folder it was in.
constexpr const char* kVariable = "FLEETSWEEP_MOUNTS";
constexpr int kExitBroken = 70;
constexpr int kAboveOthers = 64;  // descriptors below are the starter's to give

// All by the system calls themselves: the library stands in the place of any other function.
template <class... Arguments>
bool works(long number, Arguments... arguments) {
  return ::syscall(number, arguments...) >= 0;
}

bool is_anything_preloaded() {
  struct statx state {};
  return works(SYS_statx, AT_FDCWD, kList, 0, STATX_SIZE, &state) && state.stx_size > 0;
}

// Open in the next program too.
int open_kept(const char* path, int flags) {
  const long fd = ::syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC);
  const long kept = ::syscall(SYS_fcntl, fd, F_DUPFD, kAboveOthers);
  ::syscall(SYS_close, fd);
  return static_cast<int>(kept);
}

// The host's, from wherever we are.
struct Mounts {
  int space = -1, root = -1, folder = -1;
  bool enter() const {
    return works(SYS_setns, space, CLONE_NEWNS) && works(SYS_fchdir, root) &&
           works(SYS_chroot, ".") && works(SYS_fchdir, folder);
  }
};

void enter_or_end(const Mounts& host) {
  if (host.enter()) return;
  std::perror("fleetsweep: go back into the host's mounts");
  ::_exit(kExitBroken);
}

}  // namespace

void start_unpreloaded(char** arguments) {
  Mounts host;
  if (const char* value = std::getenv(kVariable)) {
    if (std::sscanf(value, "%d,%d,%d", &host.space, &host.root, &host.folder) == 3)
      enter_or_end(host);
    for (const int fd : {host.space, host.root, host.folder}) ::close(fd);
    ::unsetenv(kVariable);
    return;
  }
  char program[PATH_MAX] = {};
  if (!is_anything_preloaded() ||
      !works(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program, sizeof program - 1))
    return;
  host = {open_kept("/proc/self/ns/mnt", O_RDONLY), open_kept("/", O_PATH), open_kept(".", O_PATH)};
  // Into where we are: whoever cannot would not come back either.
  if (!host.enter() || !works(SYS_unshare, CLONE_NEWNS)) return;
  std::string variable = std::string(kVariable) + '=' + std::to_string(host.space) + ',' +
                         std::to_string(host.root) + ',' + std::to_string(host.folder);
  std::vector<char*> environment;
  for (char** one = environ; *one != nullptr; ++one) environment.push_back(*one);
  environment.insert(environment.end(), {variable.data(), nullptr});
  if (works(SYS_mount, "none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) &&
      works(SYS_mount, "/dev/null", kList, nullptr, MS_BIND, nullptr))
    ::syscall(SYS_execve, program, arguments, environment.data());
  enter_or_end(host);
}

}  // namespace fleetsweep::runtime
