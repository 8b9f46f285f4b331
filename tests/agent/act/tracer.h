#pragma once

// A program that fails, or dies, at one system call of its life.

#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace fleetsweep::act {

struct Fault {
  enum class How { kNone, kKillBefore, kKillAfter, kError };
  How how = How::kNone;
  long number = 0;      // of the call,
  std::size_t nth = 0;  // and how many of this number come before it
  int error = 0;        // kError: what the call returns; it is not carried out
};

struct Trace {
  // Numbers, up to the fault; of what opens a file to read it and does not make it, that of open.
  std::vector<long> calls;
  bool was_hit = false;
  int status = 0;  // of waitpid
};

// `pid` is a child of this thread that asked to be traced before its exec. Returns when it is gone.
Trace trace(pid_t pid, const Fault& fault);

}  // namespace fleetsweep::act
