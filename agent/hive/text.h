#pragma once

// Text of Windows as UTF-8, and comparison without regard to ASCII case.

#include <string>
#include <string_view>

#include "protocol/base/bytes.h"

namespace fleetsweep::hive {

// UTF-16, little endian; what is no character becomes U+FFFD. An odd last byte is left out.
std::string from_utf16(BytesView bytes);
// The other way, without a zero at the end; text that is no UTF-8 is taken for Latin-1.
Bytes to_utf16(std::string_view text);
std::string from_latin1(BytesView bytes);
std::string lower(std::string_view text);
// At most limits::kLineBytes, and not cut in the middle of a character.
std::string bounded(std::string text);
bool is_equal(std::string_view a, std::string_view b);
// The path of a key below another one; empty: that one.
std::string join(std::string_view key, std::string_view below);

}  // namespace fleetsweep::hive
