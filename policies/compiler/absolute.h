#pragma once

// Paths that begin at the top of a file system.

#include <string_view>

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

// "C:\": without the backslash it is no path of Windows.
bool has_drive(std::string_view path);

// "/x", and beside Linux "C:\x".
bool is_absolute(std::string_view path, model::Platform platform);

}  // namespace fleetsweep::compiler
