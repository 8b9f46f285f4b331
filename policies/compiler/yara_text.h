#pragma once

// What our agents refuse or warn about in YARA source that libyara itself would take: imports that
// read a file again or crash on hostile input, and strings without four fixed bytes in a row.

#include <string_view>
#include <vector>

#include "policies/compiler/yara_check/yara_check.h"

namespace fleetsweep::compiler {

std::vector<RuleProblem> yara_text_problems(std::string_view source);

}  // namespace fleetsweep::compiler
