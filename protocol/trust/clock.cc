#include "protocol/trust/clock.h"

#include <algorithm>

namespace fleetsweep::trust {

using model::ClockState;

Timestamp earliest(const TimeFloor& floor, const ClockReading& clock) {
  if (floor.boot != clock.boot || clock.boottime < floor.boottime) return floor.time;
  return floor.time + (clock.boottime - floor.boottime);
}

Timestamp effective(const TimeFloor& floor, const ClockReading& clock) {
  return std::max(clock.local, earliest(floor, clock));
}

ClockState clock_state(const TimeFloor& floor, const ClockReading& clock) {
  if (clock.told) return ClockState::kOk;
  if (!floor.witnessed) return clock.synchronised ? ClockState::kOk : ClockState::kUntrusted;
  const Timestamp known = earliest(floor, clock);
  if (clock.local < known - kClockSkew) return ClockState::kBehind;
  // After a reboot nobody can say how long the host was off: then freshness alone bounds a clock
  // set ahead.
  if (floor.boot == clock.boot && clock.local > known + kClockAhead) return ClockState::kAhead;
  return ClockState::kOk;
}

ClockReading corrected(const ClockReading& clock, const TimeFloor& floor,
                       const std::optional<TimeFloor>& told) {
  if (!told || told->boot != clock.boot || clock.boottime < told->boottime ||
      clock.boottime - told->boottime > kToldMax)
    return clock;
  const Timestamp now = std::max(earliest(*told, clock), earliest(floor, clock));
  const bool ahead = clock.local > now + kClockAhead;
  if (ahead ? clock.synchronised : clock_state(floor, clock) == ClockState::kOk) return clock;
  ClockReading result = clock;
  result.local = now;
  result.told = true;
  return result;
}

}  // namespace fleetsweep::trust
