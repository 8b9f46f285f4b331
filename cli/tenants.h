#pragma once

// The tenants that the token can see, by what people call them.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/session.h"

namespace fleetsweep::cli {

// As the API shows them.
Result<nlohmann::json> fetch_tenants(Session& session);
// The one whose id or log origin this is, or whose id begins so. kNotFound; kInvalid: several do.
Result<nlohmann::json> tenant_called(const nlohmann::json& tenants, const std::string& what);

}  // namespace fleetsweep::cli
