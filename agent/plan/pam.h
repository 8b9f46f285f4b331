#pragma once

// Which lines of a PAM configuration can go without locking anybody out. Pure.

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::plan {

// The module that a line loads, as written; empty: it loads none. `with_service`: /etc/pam.conf,
// whose lines begin with the name of a service.
std::string pam_module_of(std::string_view line, bool with_service);

// Why the file must keep these lines; empty: they may go. Of its type another line has to stay, and
// no [success=N] above may count over one of them, for then it would skip something else.
std::string why_pam_lines_stay(std::string_view text, const std::set<std::string>& lines,
                               bool with_service);

// The lines of a configuration that name a module of this file name.
std::vector<std::string> pam_lines_naming(std::string_view text, std::string_view file_name,
                                          bool with_service);

}  // namespace fleetsweep::plan
