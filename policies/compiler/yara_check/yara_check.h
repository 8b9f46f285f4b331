#pragma once

// Asks libyara itself whether it takes a rule file. The only user of libyara in the compiler; a
// target of its own because yara.h defines macros that break other headers.

#include <cstdint>
#include <string>
#include <vector>

namespace fleetsweep::compiler {

struct RuleProblem {
  std::uint32_t line = 0;  // of the rule file; 0: the whole
  bool warning = false;
  std::string message;
  std::string hint;
};

// The external variables of the LOKI/THOR convention are defined; includes are refused.
std::vector<RuleProblem> yara_problems(const std::string& source);

}  // namespace fleetsweep::compiler
