#pragma once

// Asks Hyperscan itself whether it takes a pattern. The only user of libhs in the compiler.

#include <optional>
#include <string>
#include <string_view>

namespace fleetsweep::compiler {

// Hyperscan's complaint, or nothing. The flags are those of the agent's matcher. Compiling takes
// time that grows with the pattern's states: bound them before.
std::optional<std::string> hyperscan_complaint(std::string_view pattern, bool cased);

}  // namespace fleetsweep::compiler
