#pragma once

// Starting a program as our child, with given descriptors and given privileges.

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/unique_fd.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::monitor {

struct Launch {
  std::vector<std::string> arguments;    // [0] is the path
  std::vector<std::pair<int, int>> fds;  // ours -> its number (3 and up)
  std::optional<runtime::User> user;     // become it, without new privileges for ever
  int death_signal = 0;                  // it gets when we die; 0: it may outlive us
};

// From a process without other threads. A system_error(): no process or descriptor is left, or the
// program cannot be started.
Result<pid_t> launch(const Launch& launch);

// A descriptor from which the bytes can be read once. At most a pipe's worth (4 KiB).
Result<UniqueFd> readable_once(BytesView bytes);

}  // namespace fleetsweep::monitor
