#pragma once

// Time inside is std::chrono; time in signed bytes is whole Unix seconds UTC (i64).

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace fleetsweep {

using Duration = std::chrono::milliseconds;
using Instant = std::chrono::sys_time<Duration>;  // UTC; what a core calls `now`
using Seconds = std::chrono::seconds;
using Timestamp = std::chrono::sys_seconds;  // UTC; what documents carry

inline Timestamp to_timestamp(Instant instant) {
  return std::chrono::floor<Seconds>(instant);
}
inline Timestamp timestamp(std::int64_t unix_seconds) {
  return Timestamp(Seconds(unix_seconds));
}
inline std::int64_t unix_seconds(Timestamp time) {
  return time.time_since_epoch().count();
}

std::string to_rfc3339(Timestamp time);                 // 2026-11-23T10:00:00Z
Result<Timestamp> from_rfc3339(std::string_view text);  // only with Z
std::string to_human(Seconds length);                   // "1h 5m", "3s"
Result<Seconds> parse_seconds(std::string_view text);   // "90s" "10m" "24h" "30d"

}  // namespace fleetsweep
