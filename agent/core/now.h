#pragma once

// The time of one turn. Timers run on `uptime`, which nobody can set; orders are judged by `clock`.

#include "protocol/base/time.h"
#include "protocol/trust/clock.h"

namespace fleetsweep::agent {

using Uptime = Duration;  // since boot

struct Now {
  Uptime uptime{};
  trust::ClockReading clock;
};

}  // namespace fleetsweep::agent
