#pragma once

// What a policy asks for and agents of this version do not do, a sentence each: the
// refusals first, then what they take and leave undone.

#include <string>
#include <vector>

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

std::vector<std::string> not_carried_out(const model::Policy& policy);

}  // namespace fleetsweep::compiler
