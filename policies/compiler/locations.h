#pragma once

// @Names and %VARIABLES% for scope.paths: knowledge of where things live, in reviewed tables
// (protocol/model/persistence_places.h, windows_variables.h) instead of in each policy.

#include <string_view>
#include <vector>

namespace fleetsweep::compiler {

// With the @; none: there is no such location.
std::vector<std::string_view> location_paths(std::string_view name);
std::vector<std::string_view> location_names();  // with @home, which the host resolves

// "%APPDATA%" and the like, which begin a path on Windows; agents know no other.
std::vector<std::string_view> windows_variables();
bool begins_with_variable(std::string_view path);  // one of them, in any case

}  // namespace fleetsweep::compiler
