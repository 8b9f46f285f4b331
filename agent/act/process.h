#pragma once

// Running programs. A pid alone may be another process a moment later: everything here is about a
// pidfd whose start time and program were checked after it was opened.

#include <vector>

#include "agent/act/files.h"
#include "agent/act/operation.h"
#include "agent/plan/plan.h"

namespace fleetsweep::act {

struct ProcessStat {
  std::int32_t parent = 0;
  char state = '?';
  std::uint64_t start_ticks = 0;
  bool is_kernel_thread = false;
  std::int32_t thread = 0;  // by whose number /proc tells of it: another if its first has ended
};
// kGone: no such process, or only its exit status is left.
Checked<ProcessStat> process_stat(std::int32_t pid);
// ProcessStat::thread; its own number when it is gone.
std::int32_t living_thread(std::int32_t pid);

// One process: a number that is in use again has another start time.
struct ProcessKey {
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;
  bool operator==(const ProcessKey&) const = default;
};
// kGone, or kChanged when the pid is another process or program now. A file identity without an
// inode is not compared.
Checked<UniqueFd> open_process(const ProcessKey& process, const model::FileIdentity& exe);
// Its program's bytes, which are there even when the file is deleted; the same codes.
Checked<UniqueFd> open_program(const ProcessKey& process, const model::FileIdentity& exe);

// A file of the kernel's, which tells no size; as much as can be read.
std::string kernel_text(const std::string& path);

// What /proc shows now, kernel threads included.
std::vector<std::int32_t> all_pids();

// All processes whose program lies beneath the root (any process when the root is the host's),
// kernel threads excluded; exe without digest. For a plan: it reads the mounts of each.
std::vector<plan::Running> running_processes(const Tree& tree);

// Who stands and falls with an operation's process: of the same program if that is malware as a
// whole, and with `tree` all descendants; also those started since the plan was made. Which of them
// the operation reaches, and which the plan would have refused to touch. `stopped` are of it since
// they were stopped, wherever their parents are now.
struct Family {
  std::vector<ProcessKey> reached;
  std::vector<model::ProcessIdentity> spared;
};
Family family_of(const Tree& tree, const Op& op, const std::vector<ProcessKey>& stopped);
// As Op::what has who stays.
std::string name_of(const model::ProcessIdentity& process);
// kProtected if there is one of whom the plan did not know.
Checked<void> check_spared(const Op& op, const Family& family);

// Us, our parents up to init, and core: the monitor's other child that runs the monitor's program.
std::vector<std::int32_t> own_pids();

Checked<void> send_signal(int pidfd, int signal);
// Waits for the exit. kTimeout after `seconds`.
Checked<void> wait_exit(int pidfd, int seconds);
// Waits until the kernel shows it stopped.
Checked<void> wait_stopped(std::int32_t pid, int seconds);

}  // namespace fleetsweep::act
