#pragma once

// What `disable` makes of the text of a file that stays. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::act {

// The lines of an entry as comments, in the language of a file whose lines are joined so.
std::string commented_out(std::string_view entry, lines::Join join);

// A line, and the lines that stand in its place afterwards.
struct Replacement {
  std::string line, rest;
  bool operator==(const Replacement&) const = default;
};
// What makes a desktop entry (Hidden=true) or a D-Bus service (Exec=/bin/false, as nothing else
// keeps the bus from it) start nothing, so that every reader of it understands that; each is about
// all lines that are equal. Empty: it is off already. Nothing: no such edits are known.
std::optional<std::vector<Replacement>> turned_off(std::string_view path, std::string_view text);

}  // namespace fleetsweep::act
