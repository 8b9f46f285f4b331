#pragma once

// Whether a folder is the root of a volume of Windows.

#include <string>

namespace fleetsweep::hive {

// It has Windows/System32/config/SOFTWARE, whatever the case of these names.
bool holds_windows(const std::string& root);

}  // namespace fleetsweep::hive
