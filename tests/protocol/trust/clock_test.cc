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

struct ToldRow {
  const char* what;
  Seconds local;      // against the true time
  Seconds after;      // since the answer
  bool same_boot;     // as when it came
  bool synchronised;  // the kernel says so of the local clock
  bool corrected;     // judged by what was told
  ClockState judged;  // of what orders are judged by
};

// The floor was heard an hour before the answer; the answer was right.
TEST(Clock, WhatAWitnessHostToldIsCountedOnInThisBootAndOnlyForAClockInDoubt) {
  const ToldRow table[] = {
      {"right", Seconds{0}, kHour, true, true, false, ClockState::kOk},
      {"a year back", -365 * kDay, kHour, true, true, true, ClockState::kOk},
      {"frozen", -9 * kHour, 8 * kHour, true, false, true, ClockState::kOk},
      {"stepped back", -kHour, Seconds{60}, true, false, true, ClockState::kOk},
      {"dead RTC", -(start() - Timestamp{}), kHour, true, false, true, ClockState::kOk},
      {"a year ahead", 365 * kDay, kHour, true, false, true, ClockState::kOk},
      {"a year ahead, and synchronised", 365 * kDay, kHour, true, true, false, ClockState::kAhead},
      {"told in another boot", -365 * kDay, kHour, false, false, false, ClockState::kBehind},
      {"told more than a day ago", -365 * kDay, 25 * kHour, true, false, false,
       ClockState::kBehind},
  };
  for (const ToldRow& row : table) {
    TimeFloor floor{start(), kHour, {}, true};
    const std::optional<TimeFloor> told = TimeFloor{start() + kHour, 2 * kHour, {}, true};
    ClockReading clock;
    clock.local = start() + kHour + row.after + row.local;
    clock.boottime = 2 * kHour + row.after;
    clock.synchronised = row.synchronised;
    if (!row.same_boot) clock.boot.value.fill(2);
    const ClockReading judged = corrected(clock, floor, told);
    EXPECT_EQ(judged.told, row.corrected) << row.what;
    EXPECT_EQ(judged.local, row.corrected ? start() + kHour + row.after : clock.local) << row.what;
    EXPECT_EQ(clock_state(floor, judged), row.judged) << row.what;
  }
}

TEST(Clock, WhatWasToldNeverLeadsBehindTheFloor) {
  const TimeFloor floor{start(), kHour, {}, true};
  ClockReading clock;
  clock.local = start() - 365 * kDay;
  clock.boottime = 2 * kHour;
  const ClockReading judged =
      corrected(clock, floor, TimeFloor{start() - 30 * kDay, 2 * kHour, {}, true});
  EXPECT_EQ(judged.local, start() + kHour);
}

TEST(Clock, AWitnessHostVouchesWhereNoWitnessAndNoKernelDoes) {
  const TimeFloor floor{start(), kHour, {}, false};
  const ClockReading clock{start() + kHour, 2 * kHour, {}, Seconds{0}, false};
  ASSERT_EQ(clock_state(floor, clock), ClockState::kUntrusted);
  const ClockReading judged =
      corrected(clock, floor, TimeFloor{start() + 2 * kHour, 2 * kHour, {}, true});
  EXPECT_EQ(clock_state(floor, judged), ClockState::kOk);
  EXPECT_EQ(judged.local, start() + 2 * kHour);
}

}  // namespace
}  // namespace fleetsweep::trust
