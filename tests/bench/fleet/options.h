#pragma once

// Command line of fleetsweep-sim.

#include <optional>

#include "tests/bench/fleet/host.h"

namespace fleetsweep::bench {

struct SimOptions {
  FleetOptions fleet;
  bool json = false;
};

// Empty: what there was to say has been printed, leave with `exit_code`.
std::optional<SimOptions> parse_options(int argc, char** argv, int& exit_code);

}  // namespace fleetsweep::bench
