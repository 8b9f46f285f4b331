#include "controller/campaign/breaker.h"

#include <algorithm>

#include "protocol/base/limits.h"

namespace fleetsweep::campaign {

bool trips(const model::Breaker& breaker, std::uint32_t failed, std::uint32_t answered) {
  if (failed < std::max<std::uint32_t>(breaker.failures, 1)) return false;
  if (answered < limits::kFleetRatioHostsMin) return true;
  return std::uint64_t{failed} * 1000 >= std::uint64_t{breaker.failed_permille} * answered;
}

bool is_failure(model::HostState state, model::Reason reason) {
  using model::HostState;
  using model::Reason;
  switch (state) {
    case HostState::kFailed:
    case HostState::kResidual:
    case HostState::kRespawned:
    case HostState::kUntrusted:
      return true;
    case HostState::kRefused:
      return reason == Reason::kKnownGood || reason == Reason::kProtected ||
             reason == Reason::kLimit;
    default:
      return false;
  }
}

}  // namespace fleetsweep::campaign
