#pragma once

// What the API shows, as JSON. Pure: reads the core, changes nothing.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "controller/core/core.h"

namespace fleetsweep::controller::views {

nlohmann::json tenant(const Tenant& tenant, Instant now);
// A document that gathers signatures: what it is, who signed, who still can.
nlohmann::json pending(const Tenant& tenant, const PendingDocument& document);
nlohmann::json agent(const fleet::Agent& agent);
nlohmann::json campaign(const Tenant& tenant, const campaign::Rollout& rollout, Instant now);
nlohmann::json host(const Tenant& tenant, const campaign::Standing& standing);

}  // namespace fleetsweep::controller::views
