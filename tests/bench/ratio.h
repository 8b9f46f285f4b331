#pragma once

// One line of a benchmark: what the machine can do at least (the floor), what we need, and how many
// times the floor that is. Both are measured in the same run, in turns, per second of one core, and
// the best turn counts: noise only ever adds time.

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>

namespace fleetsweep::bench {

class Report {
 public:
  // `floor` and `ours` do one piece of work each. Fails the run when ours is slower than
  // `ratio_max` times the floor.
  void compare(const std::string& name, double ratio_max, const std::function<void()>& floor,
               const std::function<void()>& ours) {
    double best_floor = 1e9, best_ours = 1e9;
    for (int turn = 0; turn < kTurns; ++turn) {
      best_floor = std::min(best_floor, seconds_each(floor));
      best_ours = std::min(best_ours, seconds_each(ours));
    }
    const double ratio = best_ours / best_floor;
    const bool met = ratio <= ratio_max;
    missed_ |= !met;
    std::printf("%-34s %12.0f/s %12.0f/s %6.2fx  (at most %.2fx)%s\n", name.c_str(), 1 / best_floor,
                1 / best_ours, ratio, ratio_max, met ? "" : "  MISSED");
  }
  // A target in its own unit; `floor` says what of it nobody could save.
  void bound(const std::string& name, double floor, double ours, double most, const char* unit) {
    const bool met = ours <= most;
    missed_ |= !met;
    std::printf("%-34s %11.3f %-2s %11.3f %-2s %6.2fx  (at most %g %s)%s\n", name.c_str(), floor,
                unit, ours, unit, ours / floor, most, unit, met ? "" : "  MISSED");
  }
  // Of one piece of work, in the best of some turns.
  static double best_seconds(const std::function<void()>& work) {
    double best = seconds_each(work);
    for (int turn = 1; turn < kTurns; ++turn) best = std::min(best, seconds_each(work));
    return best;
  }
  static void print_head() { std::printf("%-34s %14s %14s %7s\n", "", "floor", "ours", "ratio"); }
  int exit_code() const { return missed_ ? 1 : 0; }

 private:
  static constexpr int kTurns = 5;
  static constexpr double kTurn = 0.1;  // seconds

  // Of this thread's processor time, so that a busy machine does not decide.
  static double processor_seconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  }

  static double seconds_each(const std::function<void()>& work) {
    const double start = processor_seconds();
    std::size_t done = 0;
    double passed = 0;
    for (std::size_t batch = 1; passed < kTurn; batch *= 2) {
      for (std::size_t i = 0; i < batch; ++i) work();
      done += batch;
      passed = processor_seconds() - start;
    }
    return passed / static_cast<double>(done);
  }

  bool missed_ = false;
};

}  // namespace fleetsweep::bench
