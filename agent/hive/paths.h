#pragma once

// Paths of Windows as policies write them, and as they stand beneath a mounted volume. Pure.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::hive {

// Where a path of Windows may lie beneath the root of its volume: "%APPDATA%\x" is
// "/Users/*/AppData/Roaming/x" and, of Windows XP, "/Documents and Settings/*/Application Data/x".
// Empty: of another drive than C:, or with a variable nobody knows. Compare without regard to case.
// `profiles`: further folders of users ("/Data/Ann"), for which "%APPDATA%" and the like stand too.
std::vector<std::string> globs_of(std::string_view path,
                                  std::span<const std::string> profiles = {});

// "/Users/Ann/x.dll" as Windows calls it: "C:\Users\Ann\x.dll".
std::string spelling_of(std::string_view path);

bool is_windows_path(std::string_view path);  // begins with a drive or a variable

}  // namespace fleetsweep::hive
