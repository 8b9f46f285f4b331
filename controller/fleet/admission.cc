#include "controller/fleet/admission.h"

#include <algorithm>

namespace fleetsweep::fleet {

std::optional<Duration> Admission::wait(Instant now, std::uint64_t spread, double cost) {
  if (last_ && now > *last_) {
    const double seconds = std::chrono::duration<double>(now - *last_).count();
    left_ = std::min(burst_, left_ + seconds * per_second_);
  }
  if (!last_ || now > *last_) last_ = now;
  if (left_ >= std::min(cost, burst_)) {
    left_ -= cost;
    return std::nullopt;
  }
  constexpr std::uint64_t kSpreadMs = 4000;
  return Duration(1000 + static_cast<std::int64_t>(spread % kSpreadMs));
}

std::uint64_t Admission::used(Instant now) const {
  if (!last_) return 0;
  const double seconds = now > *last_ ? std::chrono::duration<double>(now - *last_).count() : 0;
  return static_cast<std::uint64_t>(burst_ - std::min(burst_, left_ + seconds * per_second_));
}

}  // namespace fleetsweep::fleet
