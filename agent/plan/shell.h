#pragma once

// Which lines of a shell's script can go without the rest of it being read otherwise. Pure.

#include <set>
#include <string>
#include <string_view>

namespace fleetsweep::plan {

// Why `line` stays, which would go from the script at `path` together with all `lines`: what is
// left would be no script, or another command would be told to do something else. Empty: it may go.
std::string why_shell_line_stays(std::string_view path, std::string_view text,
                                 const std::set<std::string>& lines, const std::string& line);

}  // namespace fleetsweep::plan
