#pragma once

// Whether a folder is the root of a volume of Windows.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::hive {

// It has Windows/System32/config/SOFTWARE, whatever the case of these names. kUnavailable: one of
// these folders cannot be read.
Result<bool> holds_windows(const std::string& root);

}  // namespace fleetsweep::hive
