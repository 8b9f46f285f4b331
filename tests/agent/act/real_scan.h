#pragma once

// The real fleetsweep-scan on a host's private root, asked and heard as core does it.

#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {

// What it says at the end; a failure of the test if it says nothing.
model::ScanDone real_scan(const ActHost& host, const model::Policy& policy);

}  // namespace fleetsweep::act
