#pragma once

// A close-out as the words of a report.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/close_out.h"

namespace fleetsweep::cli {

// The same for the same close-out.
nlohmann::json to_json(const CloseOut& close_out);

// The first member in which they differ: expected is the worked out one, found the stated one.
std::optional<Complaint> first_difference(const nlohmann::json& worked_out,
                                          const nlohmann::json& stated, const std::string& place);

}  // namespace fleetsweep::cli
