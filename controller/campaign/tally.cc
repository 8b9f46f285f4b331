#include "controller/campaign/tally.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fleetsweep::campaign {
namespace {

std::uint32_t sum(const StateCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0u);
}

}  // namespace

bool conserved(const Tally& tally) {
  StateCounts over_waves{};
  std::uint32_t targeted = 0;
  for (const WaveTally& wave : tally.waves) {
    if (sum(wave.states) != wave.targeted) return false;
    targeted += wave.targeted;
    for (std::size_t i = 0; i < over_waves.size(); ++i) over_waves[i] += wave.states[i];
  }
  return sum(tally.states) == tally.targeted && targeted == tally.targeted &&
         over_waves == tally.states;
}

void Pace::settled(Instant now) {
  if (!first_) first_ = now;
  const std::int64_t slot = now.time_since_epoch() / kSlot;
  const auto at = static_cast<std::size_t>(slot) % kSlots;
  if (slots_[at] != slot) counts_[at] = 0;
  slots_[at] = slot;
  ++counts_[at];
}

double Pace::rate(Instant now) const {
  if (!first_) return 0;
  const std::int64_t slot = now.time_since_epoch() / kSlot;
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < kSlots; ++i)
    if (slots_[i] <= slot && slot - slots_[i] < static_cast<std::int64_t>(kSlots))
      count += counts_[i];
  // A campaign younger than the whole window has had less time to settle anybody.
  const Duration window = std::clamp<Duration>(now - *first_, Seconds(1), kSlot * kSlots);
  return count / std::chrono::duration<double>(window).count();
}

std::optional<std::uint64_t> Pace::eta_seconds(std::uint32_t left, Instant now) const {
  if (left == 0) return 0;
  const double per_second = rate(now);
  if (per_second <= 0) return std::nullopt;
  return static_cast<std::uint64_t>(std::ceil(left / per_second));
}

}  // namespace fleetsweep::campaign
