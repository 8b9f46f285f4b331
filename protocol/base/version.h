#pragma once

#include <string_view>

namespace fleetsweep {

// The project's version in CMakeLists.txt; what every program says of itself.
extern const std::string_view kVersion;

}  // namespace fleetsweep
