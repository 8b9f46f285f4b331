#pragma once

// act's own memory of whom it obeys: tenant, newest root version, executed and stopped sets. Begun
// by enrolment, from the token that the host's owner held; kept by act alone from then on, in two
// generations (anchor, anchor.old), each with a checksum, written durably before acting.

#include <optional>

#include "protocol/trust/act_check.h"

namespace fleetsweep::act {

// Nothing: this host was never enrolled. kInvalid: both generations are damaged; then act does
// nothing until its owner has looked, since an empty anchor would forget every Stop.
Result<std::optional<trust::ActAnchor>> load_anchor(const std::string& state);
Status save_anchor(const std::string& state, const trust::ActAnchor& anchor);

// Enrolment's part: makes act's folder and its anchor. An anchor of the same tenant stays as it is,
// with all that it remembers. kConflict: act has carried out orders of another tenant here.
Status begin_anchor(const std::string& state, const TenantId& tenant, std::uint64_t root_version);

}  // namespace fleetsweep::act
