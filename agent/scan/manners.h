#pragma once

// Keeps a scan to its pace (see pace.h): asks the kernel what was used and who waits, and sleeps.

#include <time.h>

#include <functional>

#include "agent/scan/pace.h"
#include "protocol/model/policy.h"

namespace fleetsweep::scan {

// Processor and disk only when nobody else wants them, for this process and those that it starts.
// Where the kernel refuses one of them, it stays as it is.
void be_idle();

class Manners {
 public:
  explicit Manners(const model::PolicyLimits& limits);

  // To be called often. Sleeps as long as the scan is ahead of its pace, a moment at a time;
  // `is_over` is asked after each.
  void keep(int parser_pid, std::uint64_t operations, const std::function<bool()>& is_over);

 private:
  Microseconds now() const;
  Microseconds processor_time(int parser_pid);
  void sleep(Microseconds time, const std::function<bool()>& is_over) const;

  std::chrono::steady_clock::time_point started_;
  Pace pace_;
  Brake brake_;
  Microseconds looked_{}, processor_{};
  int parser_pid_ = 0;
  clockid_t parser_clock_{};
  bool has_clock_ = false;
};

}  // namespace fleetsweep::scan
