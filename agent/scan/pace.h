#pragma once

// How much of the machine a scan takes: so many percent of one processor core, so many disk
// operations a second, and less while others wait for the machine. Pure: time and use in, pauses
// out.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fleetsweep::scan {

using Microseconds = std::chrono::microseconds;

// Two token buckets. What was not used is kept for a moment only, so the bounds hold over a second
// as they hold over an hour.
class Pace {
 public:
  // 0: no bound.
  Pace(unsigned processor_percent, std::uint64_t operations_per_second);

  struct Used {
    Microseconds processor{};      // of all processes of the scan
    std::uint64_t operations = 0;  // reads that had to wait for the disk
  };
  // How long to rest at `now`, both counted from the scan's beginning, before anything more is
  // done. Neither may run backwards.
  Microseconds pause(Microseconds now, const Used& used);

 private:
  struct Bucket {
    double rate = 0;   // units a second; 0: no bound
    double burst = 0;  // most units that are kept
    double credit = 0;
    Microseconds spend(Microseconds elapsed, double units);
  };
  Bucket processor_, operations_;
  Microseconds asked_{};
  Used used_{};
};

// What the kernel says of how long somebody had to wait (/proc/pressure, "some").
struct Pressure {
  double average = 0;  // percent of the last ten seconds
  Microseconds total{};
};
// The line of /proc/pressure/{cpu,io,memory} that begins with "some"; nothing without one.
std::optional<Pressure> parse_pressure(std::string_view text);

// A scan waits for disk and processor too, and so raises the pressure itself. So it rests, and
// looks whether others wait meanwhile: then it goes on resting, but never for ever.
class Brake {
 public:
  // One slice to rest, or nothing: go on working. The average is that of the worst kind, the total
  // that of all kinds.
  std::optional<Microseconds> rest(Microseconds now, const Pressure& pressure);

 private:
  struct Rest {
    Microseconds began{}, slice_began{};
    Microseconds total{};  // of all waiting, at the start of the slice
  };
  std::optional<Rest> resting_;
  Microseconds next_look_{};
};

}  // namespace fleetsweep::scan
