#pragma once

// @Names for scope.paths: knowledge of where things live on Linux, in one reviewed table
// (protocol/model/persistence_places.h) instead of in each policy.

#include <string_view>
#include <vector>

namespace fleetsweep::compiler {

// With the @; none: there is no such location.
std::vector<std::string_view> location_paths(std::string_view name);
std::vector<std::string_view> location_names();  // with @home, which the host resolves

}  // namespace fleetsweep::compiler
