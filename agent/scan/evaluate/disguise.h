#pragma once

// Names that mislead who reads them. Pure.

#include <string_view>

namespace fleetsweep::scan {

// Begins with a dot, or is nothing but blanks.
bool is_hidden_name(std::string_view name);

// Whether this extension promises something that a program is not; in any case.
bool can_lie(std::string_view extension);
// A picture, document or archive by its extension that is a program by its content (see
// file.magic), or a picture that is text.
bool is_lie(std::string_view extension, std::string_view magic);

}  // namespace fleetsweep::scan
