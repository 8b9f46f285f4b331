#pragma once

// A host goes on living while it is looked at: what it seems to hide for a moment may just have
// come or gone. Only what every look sees is believed.

#include <time.h>

#include <algorithm>
#include <vector>

namespace fleetsweep::scan {

inline constexpr int kLooks = 4;
// Longer than a tick of the clock that file systems stamp changes with (10 ms at 100 Hz).
inline constexpr long kBetweenLooksNs = 20'000'000;

// `look` gives a vector; a quiet host is looked at once.
template <class Look>
auto seen_each_time(Look look) {
  auto seen = look();
  for (int i = 1; i < kLooks && !seen.empty(); ++i) {
    const timespec pause{0, kBetweenLooksNs};
    ::nanosleep(&pause, nullptr);
    const auto again = look();
    std::erase_if(seen, [&](const auto& one) {
      return std::find(again.begin(), again.end(), one) == again.end();
    });
  }
  return seen;
}

}  // namespace fleetsweep::scan
