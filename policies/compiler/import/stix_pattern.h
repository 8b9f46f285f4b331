#pragma once

// The pattern language of STIX 2.1 (part 9 of the specification), as far as the policy language can
// say it: =, !=, <, >, <=, >=, IN, LIKE, MATCHES, ISSUBSET, NOT, AND, OR, and OR between
// observations. What it cannot say is named with its place in the pattern.

#include <string_view>

#include "policies/compiler/import/formula.h"

namespace fleetsweep::indicators {

// Fails when the text is no pattern at all; what is one and cannot be said is a leaf with a
// problem. Offsets in messages count bytes from 0.
Result<Formula> parse_stix_pattern(std::string_view pattern);

}  // namespace fleetsweep::indicators
