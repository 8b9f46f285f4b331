#pragma once

// Which verdicts hold for what a scan found, and through which findings. Pure: scan uses it to
// answer, plan to choose the objects of an action.
//
// A condition that names joined detections (for_each) is evaluated once per finding of the
// detection at the end of their join (a binding); then a detection of that join counts only
// findings bound, directly or through others, to that one. Detections outside the join count for
// the host. A condition without joins is evaluated once, for the host.

#include <cstdint>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/model/finding.h"
#include "protocol/model/policy.h"

namespace fleetsweep {

struct TrueVerdict {
  std::uint16_t verdict = 0;  // index into Policy::verdicts
  // Numbers of the findings, ascending, that an action of this verdict may select: everything bound
  // to a binding that made the verdict true, and all findings of detections outside the joins. A
  // binding whose part is true only because of the others' (`known_hash or (loader and link)`, by a
  // hash found elsewhere) did not make it true: its objects are not listed.
  std::vector<std::uint32_t> findings;
  // Those of them through which the condition is true: what a person wants to be told.
  std::vector<std::uint32_t> signs;
  bool operator==(const TrueVerdict&) const = default;
};

// In the order of Policy::verdicts. Expects a decoded policy: indices in range, for_each earlier.
// kInvalid: a condition has more than kJoinBindings bindings, and nothing is known of any verdict.
Result<std::vector<TrueVerdict>> judge(const model::Policy& policy,
                                       const std::vector<model::Finding>& findings);

// The detection at the end of the for_each chain; the detection itself if it is not joined.
std::uint16_t join_root(const model::Policy& policy, std::uint16_t detection);

}  // namespace fleetsweep
