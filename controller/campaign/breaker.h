#pragma once

// When a campaign must not go on by itself. Pure.

#include <cstdint>
#include <string_view>

#include "protocol/model/order.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::campaign {

enum class TripReason : std::uint8_t { kWaveFailures, kGlobalFailures, kDeadline };

// Counts and ratio both reached. The ratio means nothing for a few hosts: below
// limits::kFleetRatioHostsMin answers the count alone decides. `failures` 0 tolerates none.
bool trips(const model::Breaker& breaker, std::uint32_t failed, std::uint32_t answered);

// A host on which the campaign did harm or did not help, or on which the policy is plainly wrong
// (it names an intact package file, a protected path, or more objects than allowed). A host that
// refuses because its owner or its country says so is no failure of the campaign.
bool is_failure(model::HostState state, model::Reason reason);

}  // namespace fleetsweep::campaign

namespace fleetsweep {
template <>
struct Names<campaign::TripReason> {
  static constexpr std::string_view kAll[] = {"wave_failures", "global_failures", "deadline"};
};
}  // namespace fleetsweep
