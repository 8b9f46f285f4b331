#pragma once

// Asks Hyperscan itself what it makes of a pattern. The only user of libhs in the compiler.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::compiler {

// Hyperscan's complaint, or nothing. The flags are those of the agent's matcher. Compiling takes
// time that grows with the pattern's states: bound them before.
std::optional<std::string> hyperscan_complaint(std::string_view pattern, bool cased);

// In which of the texts the pattern is found; in none if Hyperscan does not take it.
std::vector<bool> hyperscan_found(std::string_view pattern, bool cased,
                                  const std::vector<std::string>& texts);

}  // namespace fleetsweep::compiler
