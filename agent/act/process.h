#pragma once

// Running programs. A pid alone may be another process a moment later: everything here is about a
// pidfd whose start time and program were checked after it was opened.

#include <vector>

#include "agent/act/files.h"
#include "agent/act/operation.h"

namespace fleetsweep::act {

struct ProcessStat {
  std::int32_t parent = 0;
  char state = '?';
  std::uint64_t start_ticks = 0;
  bool is_kernel_thread = false;
};
// kGone: no such process, or only its exit status is left.
Checked<ProcessStat> process_stat(std::int32_t pid);

// kGone, or kChanged when the pid is another process or program now. A file identity without an
// inode is not compared.
Checked<UniqueFd> open_process(const Frozen& process, const model::FileIdentity& exe);

// All processes whose program lies beneath the root (any process when the root is the host's),
// kernel threads excluded; exe without digest.
std::vector<model::ProcessIdentity> running_processes(const Tree& tree);
// Of `ancestor`, all generations; the same restriction.
std::vector<Frozen> descendants(const Tree& tree, std::int32_t ancestor);

// Us, our parents up to init, and core: the monitor's other child that runs the monitor's program.
std::vector<std::int32_t> own_pids();

Checked<void> send_signal(int pidfd, int signal);
// Waits for the exit. kTimeout after `seconds`.
Checked<void> wait_exit(int pidfd, int seconds);
// Waits until the kernel shows it stopped.
Checked<void> wait_stopped(std::int32_t pid, int seconds);

}  // namespace fleetsweep::act
