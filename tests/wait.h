#pragma once

// Waiting for what another thread, process or machine's half does.

#include <poll.h>

#include <chrono>

namespace fleetsweep {

// A busy machine under a sanitizer stands still for half a minute. Only a failing test waits so
// long.
inline constexpr auto kPatience = std::chrono::seconds(120);

// Whether the condition came to hold.
template <class Condition>
bool until(const Condition& holds, std::chrono::steady_clock::duration limit = kPatience) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

}  // namespace fleetsweep
