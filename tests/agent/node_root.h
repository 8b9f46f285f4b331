#pragma once

// A container that cleans its node: the host's / is bound at a folder of it, and the processes of
// the node are in another mount namespace.

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace fleetsweep {

// Looks from a child in such a place; only as root. False if it could not be made.
inline bool with_node_at(const std::string& folder, const std::function<bool()>& look) {
  const pid_t pid = ::fork();
  if (pid == 0)
    ::_exit(::unshare(CLONE_NEWNS) == 0 &&
                    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    ::mount("/", folder.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0 && look()
                ? 0
                : 1);
  int status = 0;
  return ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace fleetsweep
