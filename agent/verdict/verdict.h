#pragma once

// Which verdicts hold for what a scan found, and through which findings. Pure: scan uses it to
// answer, plan to choose the objects of an action.
//
// A condition that names joined detections (for_each) is evaluated once per finding of the
// detection they are joined to; then a joined detection counts only findings bound, directly or
// through others, to that one. Detections outside the join count for the host. Without joins there
// is one evaluation, for the host.

#include <cstdint>
#include <vector>

#include "protocol/model/finding.h"
#include "protocol/model/policy.h"

namespace fleetsweep {

struct TrueVerdict {
  std::uint16_t verdict = 0;  // index into Policy::verdicts
  // Numbers of the findings, ascending, that the condition names (never those beneath a `not`), in
  // every binding for which it is true. An action of this verdict selects among these, and among
  // findings of unjoined detections that the condition does not name.
  std::vector<std::uint32_t> findings;
  bool operator==(const TrueVerdict&) const = default;
};

// In the order of Policy::verdicts. Expects a decoded policy: indices in range, for_each earlier.
std::vector<TrueVerdict> judge(const model::Policy& policy,
                               const std::vector<model::Finding>& findings);

// The detection at the end of the for_each chain; the detection itself if it is not joined.
std::uint16_t join_root(const model::Policy& policy, std::uint16_t detection);

}  // namespace fleetsweep
