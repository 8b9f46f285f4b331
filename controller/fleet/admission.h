#pragma once

// Overload is an answer, not a queue: a token bucket that says no before anything is allocated, and
// how long to wait. Pure.

#include <optional>

#include "protocol/base/time.h"

namespace fleetsweep::fleet {

class Admission {
 public:
  Admission(double per_second, double burst)
      : per_second_(per_second), burst_(burst), left_(burst) {}

  // Nothing: come in. Otherwise come back after so long; `spread` (any number, a host's own) keeps
  // those who wait from coming back together.
  // `cost`: how many tokens it takes (bytes, say); more than the burst is let in when the bucket is
  // full.
  std::optional<Duration> wait(Instant now, std::uint64_t spread, double cost = 1);

  // Of the burst, what is gone now.
  std::uint64_t used(Instant now) const;

 private:
  double per_second_;
  double burst_;
  double left_;
  std::optional<Instant> last_;
};

}  // namespace fleetsweep::fleet
