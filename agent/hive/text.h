#pragma once

// Text of Windows as UTF-8, and comparison of names, which have no case: letter by letter, in every
// script, and without composing or taking apart any. What is no UTF-8 equals only itself.

#include <string>
#include <string_view>

#include "protocol/base/bytes.h"

namespace fleetsweep::hive {

// UTF-16, little endian; what is no character becomes U+FFFD. An odd last byte is left out.
std::string from_utf16(BytesView bytes);
// The other way, without a zero at the end; text that is no UTF-8 is taken for Latin-1.
Bytes to_utf16(std::string_view text);
std::string from_latin1(BytesView bytes);
// Folded: of what Windows takes for one name, one. It may be longer or shorter than `text`.
std::string lower(std::string_view text);
// At most limits::kLineBytes, and not cut in the middle of a character.
std::string bounded(std::string text);
bool is_equal(std::string_view a, std::string_view b);
bool begins(std::string_view text, std::string_view start);
// Where it stands; npos: nowhere.
std::size_t find_ascii(std::string_view text, std::string_view part);
// The path of a key below another one; empty: that one.
std::string join(std::string_view key, std::string_view below);

}  // namespace fleetsweep::hive
