#pragma once

// @Names for scope.paths: knowledge of where things live on Linux, in one reviewed table instead of
// in each policy.

#include <span>
#include <string_view>
#include <vector>

namespace fleetsweep::compiler {

struct Location {
  std::string_view name;  // with the @
  std::span<const std::string_view> paths;
};

const Location* find_location(std::string_view name);
std::vector<std::string_view> location_names();  // with @home, which the host resolves

}  // namespace fleetsweep::compiler
