#include "agent/monitor/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/base/assert.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/loop/signals.h"

namespace fleetsweep::monitor {

namespace {

constexpr int kAboveAll = 64;  // where descriptors are parked so that none overwrites another

[[noreturn]] void give_up(int report) {
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(report, &error, sizeof error);
  ::_exit(127);
}

// After fork: only what needs no lock.
[[noreturn]] void become(const Launch& launch, std::vector<char*>& arguments,
                         std::vector<std::pair<int, int>>& parked, pid_t parent, int report) {
  for (auto& [fd, target] : parked) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, kAboveAll);
    if (fd < 0) give_up(report);
  }
  const int safe_report = ::fcntl(report, F_DUPFD_CLOEXEC, kAboveAll);
  if (safe_report < 0) give_up(report);
  for (const auto& [fd, target] : parked)
    if (::dup2(fd, target) < 0) give_up(safe_report);  // without close-on-exec
  loop::restore_default_signals();
  const int program = ::open(arguments[0], O_PATH | O_CLOEXEC);
  if (launch.user) {
    if (!runtime::drop_privileges(*launch.user) || !runtime::no_new_privileges())
      give_up(safe_report);
  }
  // After the change of user, which would clear it.
  if (launch.death_signal != 0) {
    if (::prctl(PR_SET_PDEATHSIG, launch.death_signal) != 0) give_up(safe_report);
    if (::getppid() != parent) ::_exit(127);
  }
  ::execv(arguments[0], arguments.data());
  // The program may lie in a folder that this user cannot pass through, root's home for instance.
  if (errno == EACCES && program >= 0) ::fexecve(program, arguments.data(), environ);
  give_up(safe_report);
}

}  // namespace

Result<pid_t> launch(const Launch& launch) {
  std::vector<std::string> copies = launch.arguments;
  std::vector<char*> arguments;
  for (std::string& argument : copies) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  std::vector<std::pair<int, int>> parked = launch.fds;

  const std::string doing = "start " + launch.arguments[0];

  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return fail(files::system_error(errno, doing));
  UniqueFd reader(report[0]);
  UniqueFd writer(report[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(launch, arguments, parked, parent, writer.get());
  if (pid < 0) return fail(files::system_error(errno, doing));
  writer.reset();
  int error = 0;
  ssize_t got = 0;
  while ((got = ::read(reader.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (got == 0) return pid;  // closed by exec: it runs
  ::waitpid(pid, nullptr, 0);
  return fail(files::system_error(error, doing));
}

Result<UniqueFd> readable_once(BytesView bytes) {
  constexpr std::size_t kPipeBytes = 4096;
  FS_ASSERT(bytes.size() <= kPipeBytes);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(files::system_error(errno, "make a pipe"));
  UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  if (::write(writer.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return fail(files::system_error(errno, "write into a pipe"));
  return reader;
}

}  // namespace fleetsweep::monitor
