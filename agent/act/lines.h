#pragma once

// Line edits on bytes: the only parsing act does. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::act {

// `text` without every line that is exactly `entry`, or with `rest` in its place if that is not
// empty; all other bytes stay. Nothing if there is none. What `join` holds together is one line.
std::optional<std::string> without_line(std::string_view text, std::string_view entry,
                                        std::string_view rest = "",
                                        lines::Join join = lines::Join::kNone);

// Undo on a file that was edited since: puts the lines that `before` has and `current` lost back
// in the place of `rest`, or next to the neighbour they had. Nothing if that place is gone or there
// are several.
std::optional<std::string> with_line_back(std::string_view before, std::string_view current,
                                          std::string_view entry, std::string_view rest = "",
                                          lines::Join join = lines::Join::kNone);

// A line of ld.so.preload, which may name several libraries, without one of them. Empty if it named
// no other.
std::string without_library(std::string_view line, std::string_view library);

}  // namespace fleetsweep::act
