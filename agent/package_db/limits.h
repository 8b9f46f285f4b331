#pragma once

// What is read of a host's package databases.

#include <cstddef>
#include <cstdint>

namespace fleetsweep::limits {

inline constexpr std::size_t kRpmHeaderBytes = 64 << 20;        // of one package
inline constexpr std::size_t kPackageFiles = 1 << 20;           // of one package
inline constexpr std::uint64_t kRpmDatabaseBytes = 2ull << 30;  // and of its log
inline constexpr int kRpmReadings = 3;                          // while it changes under us

}  // namespace fleetsweep::limits
