#pragma once

// Bounds of registry hives.

#include <cstddef>
#include <cstdint>

namespace fleetsweep::limits {

inline constexpr std::size_t kHiveBytes = 256ull << 20;  // of a hive, and of its logs
inline constexpr std::uint64_t kHiveCells =
    100'000'000;                                        // looked at in one; 4 bytes of data are one
inline constexpr std::size_t kRegistryValues = 20'000;  // of one key, and told of one hive
inline constexpr std::size_t kRegistryDataBytes = 16 << 20;  // of one value
inline constexpr std::size_t kHiveEditBytes = 1024 * 1024;   // that one edit may change

}  // namespace fleetsweep::limits
