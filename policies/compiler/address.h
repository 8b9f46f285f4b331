#pragma once

// IP addresses and domain names in the one spelling in which two of them can be compared as text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fleetsweep::compiler {

std::optional<std::string> canonical_address(const std::string& text);  // 198.51.100.7, 2001:db8::7
std::optional<std::string> canonical_cidr(const std::string& text);     // host bits must be zero

// C2.Example.org. -> c2.example.org: two labels or more, the last of them not a number.
std::optional<std::string> canonical_domain(std::string_view text);

// A wider range is no sign of anything: a host has such connections whoever it belongs to.
inline constexpr std::int64_t kRangeBitsV4 = 8;
inline constexpr std::int64_t kRangeBitsV6 = 16;
bool is_too_wide(const std::string& canonical_cidr);

// What an address or range in canonical spelling is for, if no other host on the internet can have
// it: "private", "loopback", ...; empty: it may be anyone's.
std::string_view special_use(const std::string& canonical);

}  // namespace fleetsweep::compiler
