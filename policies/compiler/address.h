#pragma once

// IP addresses in the one spelling in which two of them can be compared as text.

#include <optional>
#include <string>

namespace fleetsweep::compiler {

std::optional<std::string> canonical_address(const std::string& text);  // 198.51.100.7, 2001:db8::7
std::optional<std::string> canonical_cidr(const std::string& text);     // host bits must be zero

}  // namespace fleetsweep::compiler
