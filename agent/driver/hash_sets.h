#pragma once

// The hash sets of a walk, from the store to the scanner.

#include <span>
#include <vector>

#include "agent/driver/store.h"
#include "protocol/base/unique_fd.h"
#include "protocol/model/policy.h"

namespace fleetsweep::agent {

// Those of all these policies, one after the other, so that the scanner can check them once and
// search them where they lie. One part at a time is in the memory of this process. Zeros stand for
// a part that the store has lost: the scanner misses it, and the policies beside it keep theirs.
// Empty where none has any. An error passes: no memory or descriptor is left, or the store
// cannot be read now.
Result<UniqueFd> write_hashes(Store& store, std::span<const Digest> policies);

// Parts that the store has lost or holds otherwise than the policy names them. Those that cannot
// be read now are none.
std::vector<Digest> damaged_hashes(Store& store, const model::Policy& policy);

}  // namespace fleetsweep::agent
