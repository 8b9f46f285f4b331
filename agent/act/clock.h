#pragma once

// What this machine's clocks say now.

#include "protocol/trust/clock.h"

namespace fleetsweep::act {

trust::ClockReading read_clock();

}  // namespace fleetsweep::act
