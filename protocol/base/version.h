#pragma once

#include <string_view>

namespace fleetsweep {

// As in CMakeLists.txt; what every program says of itself.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace fleetsweep
