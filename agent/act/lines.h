#pragma once

// Line edits on bytes: the only parsing act does. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace fleetsweep::act {

// `text` without every line that is exactly `entry`; all other bytes stay. Nothing if it has none.
std::optional<std::string> without_line(std::string_view text, std::string_view entry);

// Undo on a file that was edited since: puts the lines that `before` has and `current` lost back
// next to the neighbour they had. Nothing if that place is gone or there are several.
std::optional<std::string> with_line_back(std::string_view before, std::string_view current,
                                          std::string_view entry);

}  // namespace fleetsweep::act
