#pragma once

// Which lines of a shell's script can go without the rest of it being read otherwise. Pure.

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace fleetsweep::plan {

// Which of `lines` stay, that would all go from the script at `path`, and why: what is left would
// be no script, or another command would be told to do something else.
std::map<std::string, std::string> shell_lines_that_stay(std::string_view path,
                                                         std::string_view text,
                                                         const std::set<std::string>& lines);

}  // namespace fleetsweep::plan
