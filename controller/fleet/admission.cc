#include "controller/fleet/admission.h"

#include <algorithm>

namespace fleetsweep::fleet {

std::optional<Duration> Admission::wait(Instant now, std::uint64_t spread) {
  if (last_ && now > *last_) {
    const double seconds = std::chrono::duration<double>(now - *last_).count();
    left_ = std::min(burst_, left_ + seconds * per_second_);
  }
  if (!last_ || now > *last_) last_ = now;
  if (left_ >= 1) {
    left_ -= 1;
    return std::nullopt;
  }
  constexpr std::uint64_t kSpreadMs = 4000;
  return Duration(1000 + static_cast<std::int64_t>(spread % kSpreadMs));
}

}  // namespace fleetsweep::fleet
