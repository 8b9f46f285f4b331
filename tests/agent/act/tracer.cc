#include "tests/agent/act/tracer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cstdint>

namespace fleetsweep::act {

namespace {

constexpr int kCallStop = SIGTRAP | 0x80;

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

}  // namespace

Trace trace(pid_t pid, const Fault& fault) {
  Trace result;
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);  // at its exec
  EXPECT_EQ(::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
            0);
  bool inside = false, is_due = false;
  std::size_t before = 0;
  int signal = 0;
  for (;;) {
    ::ptrace(result.was_hit ? PTRACE_CONT : PTRACE_SYSCALL, pid, nullptr, signal);
    if (::waitpid(pid, &status, 0) != pid) break;
    if (!WIFSTOPPED(status)) break;
    signal = WSTOPSIG(status) == kCallStop ? 0 : WSTOPSIG(status);
    if (WSTOPSIG(status) != kCallStop || result.was_hit) continue;
    inside = !inside;
    if (inside) {
      const long number = number_of_call(pid);
      is_due = fault.how != Fault::How::kNone && number == fault.number && before++ == fault.nth;
      result.calls.push_back(number);
      if (is_due && fault.how == Fault::How::kError) change(pid, true, -1);
    } else if (is_due && fault.how == Fault::How::kError) {
      change(pid, false, -fault.error);
    }
    if (!is_due || inside != (fault.how == Fault::How::kKillBefore)) continue;
    result.was_hit = true;
    if (fault.how != Fault::How::kError) ::kill(pid, SIGKILL);
  }
  result.status = status;
  return result;
}

}  // namespace fleetsweep::act
