#pragma once

// A program that fails, or dies, at one system call of its life.

#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace fleetsweep::act {

struct Fault {
  enum class How { kNone, kKillBefore, kKillAfter, kError };
  How how = How::kNone;
  // The first call from here on, counted from the program's first one, that has this number.
  std::size_t call = 0;
  long number = 0;
  int error = 0;  // kError: what the call returns; it is not carried out
};

struct Trace {
  std::vector<long> calls;  // numbers, up to the fault
  bool was_hit = false;
  int status = 0;  // of waitpid
};

// `pid` is a child of this thread that asked to be traced before its exec. Returns when it is gone.
Trace trace(pid_t pid, const Fault& fault);

}  // namespace fleetsweep::act
