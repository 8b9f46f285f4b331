#pragma once

// One agent for people: `fleetsweep agent show`.

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace fleetsweep::cli {

// `agent` is the API's answer; all of it is escaped, most of it is the host's own claim.
std::string agent_text(const nlohmann::json& agent);

}  // namespace fleetsweep::cli
