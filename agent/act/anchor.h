#pragma once

// act's own memory of whom it obeys: tenant, newest root version, executed and stopped sets. Kept
// in two generations (anchor, anchor.old), each with a checksum, written durably before acting.

#include <optional>

#include "protocol/trust/act_check.h"

namespace fleetsweep::act {

// Nothing: act has never worked here. kInvalid: both generations are damaged; then act does nothing
// until its owner has looked, since an empty anchor would forget every Stop.
Result<std::optional<trust::ActAnchor>> load_anchor(const std::string& state);
Status save_anchor(const std::string& state, const trust::ActAnchor& anchor);

}  // namespace fleetsweep::act
