#pragma once

// A program that fails, or dies, at one system call of its life, or a process that it starts.

#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace fleetsweep::act {

struct Fault {
  enum class How { kNone, kKillBefore, kKillAfter, kError };
  How how = How::kNone;
  std::size_t process = 0;  // 0: the program itself; then those it starts, by turns
  long number = 0;          // of the call,
  std::size_t nth = 0;      // and how many of this number come before it in that process
  int error = 0;            // kError: what the call returns; it is not carried out
};

struct Call {
  std::size_t process = 0;
  long number = 0;  // of what opens a file to read it and does not make it, that of open
};

struct Trace {
  std::vector<Call> calls;  // up to the fault
  bool was_hit = false;
  int status = 0;  // of waitpid, the program's own
};

// `pid` is a child of this thread that asked to be traced before its exec, in a process group of
// its own. Returns when it is gone with all it started, save who leaves its session: that one goes
// on alone from there.
Trace trace(pid_t pid, const Fault& fault);

}  // namespace fleetsweep::act
