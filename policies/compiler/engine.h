#pragma once

// Limits of the agents of this version that an action's author meets. Their source is
// agent/plan/network.h; nobody here may include that, so tests/policies/engine_test.cc compares.

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

// How long `block` and `isolate` last at most, and how wide a blocked prefix may be.
inline constexpr Seconds kNetworkTtlMax = std::chrono::hours(90 * 24);
inline constexpr unsigned kBlockPrefixMinV4 = 8;
inline constexpr unsigned kBlockPrefixMinV6 = 16;

}  // namespace fleetsweep::compiler
