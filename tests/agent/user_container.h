#pragma once

// What any user can do: a process whose / is an overlay mount, in a user namespace of its own.

#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace fleetsweep {

constexpr uid_t kNobody = 65534;

class UserContainer {
 public:
  // `merged` is a folder that the user may enter.
  UserContainer(const std::string& lowers, const std::string& merged) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const std::string layers = "lowerdir=" + lowers;
      if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
          ::setresuid(kNobody, kNobody, kNobody) != 0 || ::prctl(PR_SET_DUMPABLE, 1) != 0 ||
          ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        ::_exit(1);
      std::ofstream("/proc/self/setgroups") << "deny";
      std::ofstream("/proc/self/gid_map") << "0 " << kNobody << " 1";
      std::ofstream("/proc/self/uid_map") << "0 " << kNobody << " 1";
      if (::mount("overlay", merged.c_str(), "overlay", 0, layers.c_str()) != 0 ||
          ::chroot(merged.c_str()) != 0 || ::chdir("/") != 0 || ::write(ready[1], "", 1) != 1)
        ::_exit(2);
      while (true) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    is_running_ = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
  }
  ~UserContainer() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  UserContainer(const UserContainer&) = delete;
  UserContainer& operator=(const UserContainer&) = delete;
  bool is_running() const { return is_running_; }  // false: no such namespaces for users here

 private:
  pid_t pid_ = -1;
  bool is_running_ = false;
};

}  // namespace fleetsweep
