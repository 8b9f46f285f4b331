#pragma once

// The other spellings of a text that Sigma's modifiers windash, wide and base64offset stand for.

#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::compiler {

// Every spelling with each option dash as -, /, en dash, em dash or horizontal bar; the text itself
// first. All dashes change together: nobody mixes them in one command.
std::vector<std::string> windash(std::string_view text);

// UTF-16LE.
std::string wide(std::string_view utf8);

// What base64 of anything that contains the text must contain, at its three alignments.
std::vector<std::string> base64_offsets(std::string_view bytes);

}  // namespace fleetsweep::compiler
