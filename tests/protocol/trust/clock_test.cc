#include "protocol/trust/clock.h"

#include <gtest/gtest.h>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;
using model::ClockState;

struct Row {
  const char* what;
  Seconds local;     // against the true time
  Seconds boottime;  // since the floor was heard; the true time that passed
  bool same_boot;
  ClockState state;
  Seconds effective;  // against the floor
};

TEST(Clock, Table) {
  const Row table[] = {
      {"right", Seconds{0}, kHour, true, ClockState::kOk, kHour},
      {"a little slow", Seconds{-200}, kHour, true, ClockState::kOk, kHour},
      {"a year back", -365 * kDay, kHour, true, ClockState::kBehind, kHour},
      {"a year back after a reboot", -365 * kDay, kHour, false, ClockState::kBehind, Seconds{0}},
      {"frozen for ten hours", -10 * kHour, 10 * kHour, true, ClockState::kBehind, 10 * kHour},
      {"stepped back an hour", -kHour, Seconds{60}, true, ClockState::kBehind, Seconds{60}},
      {"a year ahead", 365 * kDay, kHour, true, ClockState::kAhead, 365 * kDay + kHour},
      {"a year ahead after a reboot", 365 * kDay, kHour, false, ClockState::kOk,
       365 * kDay + kHour},
      {"off for a week", Seconds{0}, 7 * kDay, true, ClockState::kOk, 7 * kDay},
  };
  for (const Row& row : table) {
    TimeFloor floor{start(), kHour, {}, true};
    ClockReading clock;
    clock.local = start() + row.boottime + row.local;
    clock.boottime = kHour + row.boottime;
    if (!row.same_boot) {
      clock.boot.value.fill(2);
      clock.boottime = Seconds{30};
    }
    EXPECT_EQ(clock_state(floor, clock), row.state) << row.what;
    EXPECT_EQ(effective(floor, clock) - start(), row.effective) << row.what;
  }
}

TEST(Clock, WithoutAWitnessOnlyTheKernelCanVouchForIt) {
  const TimeFloor floor{start(), kHour, {}, false};
  ClockReading clock{start(), kHour, {}, Seconds{0}, true};
  EXPECT_EQ(clock_state(floor, clock), ClockState::kOk);
  clock.synchronised = false;
  EXPECT_EQ(clock_state(floor, clock), ClockState::kUntrusted);
}

}  // namespace
}  // namespace fleetsweep::trust
