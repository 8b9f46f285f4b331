#pragma once

// An indicator as it stands in the YAML of a policy: its value, and where that came from.

#include "policies/compiler/import/indicator.h"

namespace fleetsweep::indicators {

std::string yaml_text(std::string_view text);  // in single quotes
std::string in_comment(const Indicator& indicator);

}  // namespace fleetsweep::indicators
