#pragma once

// A process that mostly sleeps need not hold the code that started it. Its executable pages go back
// to the page cache (they are clean; the few that are used come back by themselves) and free heap
// goes back to the system. Once after `first`, then every hour.

#include "protocol/runtime/loop/loop.h"

namespace fleetsweep::loop {

void trim_when_idle(Loop& loop, Duration first);

}  // namespace fleetsweep::loop
