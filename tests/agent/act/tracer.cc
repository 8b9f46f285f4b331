#include "tests/agent/act/tracer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cstdint>
#include <map>
#include <utility>

namespace fleetsweep::act {

namespace {

constexpr int kCallStop = SIGTRAP | 0x80;
constexpr int kForkStop = SIGTRAP | PTRACE_EVENT_FORK << 8;  // of who starts another

// On entry: the number; on exit: the result.
void change(pid_t pid, bool entry, long value) {
#ifdef __x86_64__
  user_regs_struct registers{};
  ASSERT_EQ(::ptrace(PTRACE_GETREGS, pid, nullptr, &registers), 0);
  (entry ? registers.orig_rax : registers.rax) = static_cast<unsigned long long>(value);
  ASSERT_EQ(::ptrace(PTRACE_SETREGS, pid, nullptr, &registers), 0);
#else
  GTEST_SKIP() << "registers are known for x86-64 only";
#endif
}

constexpr std::uint64_t kWays = O_ACCMODE | O_CREAT | O_TRUNC;

long number_of_call(pid_t pid) {
#ifdef __x86_64__
  user_regs_struct registers{};
  EXPECT_EQ(::ptrace(PTRACE_GETREGS, pid, nullptr, &registers), 0);
  const auto number = static_cast<long>(registers.orig_rax);
  // What the C library makes of fstat: an open file and no name.
  if (number == SYS_newfstatat && (registers.r10 & AT_EMPTY_PATH) != 0) return SYS_fstat;
  if (number != SYS_openat && number != SYS_openat2) return number;
  // The first field of struct open_how.
  const std::uint64_t flags =
      number == SYS_openat
          ? registers.rdx
          : static_cast<std::uint64_t>(::ptrace(PTRACE_PEEKDATA, pid, registers.rdx, nullptr));
  return (flags & kWays) == O_RDONLY ? SYS_open : number;
#else
  return -1;
#endif
}

struct Traced {
  std::size_t turn = 0;
  bool has_begun = false;
  bool is_inside = false, is_due = false;  // of a call
};

}  // namespace

Trace trace(pid_t pid, const Fault& fault) {
  Trace result;
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);  // at its exec
  EXPECT_EQ(::ptrace(PTRACE_SETOPTIONS, pid, nullptr,
                     PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK),
            0);
  ::ptrace(PTRACE_SYSCALL, pid, nullptr, 0);
  std::map<pid_t, Traced> processes = {{pid, {.has_begun = true}}};
  const auto known = [&](pid_t one) -> Traced& {
    return processes.try_emplace(one, Traced{.turn = processes.size()}).first->second;
  };
  const bool is_error = fault.how == Fault::How::kError;
  std::size_t before = 0;
  for (pid_t at = 0; (at = ::waitpid(-pid, &status, __WALL)) > 0;) {
    if (!WIFSTOPPED(status)) {
      if (at == pid) result.status = status;
      continue;
    }
    Traced& process = known(at);
    int signal = 0;
    bool is_leaving = false;
    if (status >> 8 == kForkStop) {
      unsigned long started = 0;
      ::ptrace(PTRACE_GETEVENTMSG, at, nullptr, &started);
      known(static_cast<pid_t>(started));
    } else if (WSTOPSIG(status) != kCallStop) {
      // The first one of a process that was started is the tracer's.
      if (std::exchange(process.has_begun, true)) signal = WSTOPSIG(status);
    } else {
      process.is_inside = !process.is_inside;
      if (process.is_inside) {
        const long number = number_of_call(at);
        process.is_due = !result.was_hit && fault.how != Fault::How::kNone &&
                         process.turn == fault.process && number == fault.number &&
                         before++ == fault.nth;
        if (!result.was_hit) result.calls.push_back({process.turn, number});
        is_leaving = number == SYS_setsid && !process.is_due;
        if (process.is_due && is_error) change(at, true, SYS_getpid);
      } else if (process.is_due && is_error) {
        change(at, false, -fault.error);
      }
      if (process.is_due && process.is_inside == (fault.how == Fault::How::kKillBefore)) {
        result.was_hit = true;
        process.is_due = false;
        if (!is_error) ::kill(at, SIGKILL);
      }
    }
    const bool is_seen_enough = result.was_hit && at == pid;
    ::ptrace(is_seen_enough ? PTRACE_CONT : PTRACE_SYSCALL, at, nullptr, signal);
    // Once it is in a group of its own nobody who waits for this one is told of it.
    if (is_leaving && ::waitpid(at, &status, __WALL) == at && WIFSTOPPED(status))
      ::ptrace(PTRACE_DETACH, at, nullptr, 0);
  }
  return result;
}

}  // namespace fleetsweep::act
