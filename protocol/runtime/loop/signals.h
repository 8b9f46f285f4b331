#pragma once

// SIGTERM and SIGINT as a readable descriptor. Block them before the first thread starts: a thread
// started earlier would still take the signal the old way.

#include <optional>

#include "protocol/base/result.h"

namespace fleetsweep::loop {

class Signals {
 public:
  // Blocks SIGTERM, SIGINT (and SIGCHLD if `children`) in this thread and all it starts; ignores
  // SIGPIPE. The destructor puts the old mask back.
  static Result<Signals> block(bool children = false);
  Signals(Signals&& other) noexcept;
  Signals& operator=(Signals&&) = delete;
  ~Signals();

  int fd() const { return fd_; }
  // The next signal, if there is one.
  std::optional<int> next() const;

 private:
  Signals() = default;
  int fd_ = -1;
  std::uint64_t old_mask_ = 0;  // bit n - 1 for signal n
};

// In a child between fork and exec: what block() changed goes back to the default, for the program
// that follows.
void restore_default_signals();

}  // namespace fleetsweep::loop
