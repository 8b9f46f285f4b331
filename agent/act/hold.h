#pragma once

// Where a transaction keeps processes from running: a cgroup of its own that is frozen before the
// first one is moved in (cgroup v2 cgroup.freeze, kernel 5.2; else the v1 freezer). Whoever watches
// a process sees nothing of that, and a child forked on the way in is born frozen. Where the kernel
// or its mounts offer neither, make() says no and a signal has to do.

#include <optional>
#include <string>
#include <vector>

#include "agent/act/outcome.h"

namespace fleetsweep::act {

// Where this process sees the cgroups that can freeze.
struct FreezerMount {
  bool is_v2 = true;
  std::string path;
};
// From the text of /proc/self/mountinfo; v2 is preferred.
std::optional<FreezerMount> freezer_mount(std::string_view mountinfo);
// A process's cgroup on that mount, from the text of /proc/PID/cgroup. Nothing: it is outside of
// what we see.
std::optional<std::string> group_in(std::string_view proc_cgroup, bool is_v2);

class Hold {
 public:
  // `name`: of the transaction, on this kernel (Vault::name_of).
  explicit Hold(const std::string& name);

  // Made and frozen; also when it was already. False: there can be none here.
  bool make() const;
  // The cgroup a process is in now. Nothing: it cannot be moved.
  std::optional<std::string> group_of(std::int32_t pid) const;
  bool has(std::int32_t pid) const;
  Checked<std::vector<std::int32_t>> pids() const;  // of all that are in it
  // Moves it in and waits until it is frozen. Whatever error: it may be in.
  Checked<void> take(std::int32_t pid) const;
  // Back to `group`, where it runs again: if that is gone, to the nearest one above it that takes
  // processes. Nothing happens to a process that is not held. The group it is in instead, without
  // the limits it had; empty: it is where it was.
  Checked<std::string> give_back(std::int32_t pid, const std::string& group) const;
  // Whoever is left goes to `group`; then the cgroup goes.
  Checked<void> empty(const std::string& group) const;
  // Only if nobody is in it.
  void remove() const;

 private:
  Checked<void> wait_frozen() const;

  std::optional<FreezerMount> mount_;
  std::string group_;   // "/fleetsweep-hold-..."
  std::string folder_;  // where it is mounted
};

}  // namespace fleetsweep::act
