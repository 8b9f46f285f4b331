#include "protocol/trust/schedule.h"

#include <gmock/gmock.h>

#include "protocol/base/prng.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;

template <class Id>
Id id(std::uint64_t number) {
  Prng prng(number);
  Id result;
  for (auto& byte : result.value) byte = static_cast<std::uint8_t>(prng.next());
  return result;
}

const DocumentId kOrder = id<DocumentId>(1);
const AgentId kAgent = id<AgentId>(2);

Due when(const model::Schedule& schedule, Timestamp now, Seconds offset = Seconds{0},
         Timestamp seen = start() - kDay) {
  return due(schedule, kOrder, kAgent, seen, now, offset);
}

TEST(Schedule, TheWaveNumberIsTheFirstFourBytesOfTheHash) {
  // printf '%064d%064d' 0 0 | xxd -r -p | sha256sum: f5a5fd42...; 0xf5a5fd42 mod 1000 = 4121296194
  // mod 1000.
  EXPECT_EQ(wave_number(DocumentId{}, AgentId{}), 0xf5a5fd42u % 1000);
}

TEST(Schedule, WavesHoldAboutTheirShareAndAHostIsInExactlyOne) {
  const std::vector<model::Wave> waves = {{50, {}, {}, {}}, {300, {}, {}, {}}, {1000, {}, {}, {}}};
  std::array<int, 3> count{};
  for (std::uint64_t i = 0; i < 20'000; ++i) ++count[wave_of(waves, kOrder, id<AgentId>(i + 10))];
  EXPECT_NEAR(count[0], 1000, 150);
  EXPECT_NEAR(count[1], 5000, 300);
  EXPECT_NEAR(count[2], 14000, 450);
}

TEST(Schedule, ATimeThatHasPassedRunsAtOnceAndOneToComeWaits) {
  model::Schedule schedule;
  schedule.not_before = start();
  EXPECT_TRUE(when(schedule, start()).now);
  EXPECT_TRUE(when(schedule, start() + 400 * kDay).now);
  const Due early = when(schedule, start() - Seconds{1});
  EXPECT_FALSE(early.now);
  EXPECT_EQ(early.at, start());
}

TEST(Schedule, HostLocalMeansTheWallClockOfTheHost) {
  model::Schedule schedule;
  schedule.not_before = start();  // 10:00 on the wall
  schedule.clock = model::Clock::kHostLocal;
  const Seconds berlin = kHour;
  EXPECT_TRUE(when(schedule, start() - kHour, berlin).now);
  EXPECT_EQ(when(schedule, start() - 2 * kHour, berlin).at, start() - kHour);
  const Seconds new_york = -5 * kHour;
  EXPECT_FALSE(when(schedule, start(), new_york).now);
  EXPECT_EQ(when(schedule, start(), new_york).at, start() + 5 * kHour);
}

TEST(Schedule, AHostsSlotLiesInTheJitterAndDoesNotMove) {
  model::Schedule schedule;
  schedule.not_before = start();
  schedule.jitter = 4 * kHour;
  const Seconds offset = slot_offset(kOrder, kAgent, schedule.jitter);
  EXPECT_GE(offset, Seconds{0});
  EXPECT_LT(offset, schedule.jitter);
  EXPECT_EQ(when(schedule, start()).at, start() + offset);
  EXPECT_EQ(when(schedule, start() + offset - Seconds{1}).at, start() + offset);
  EXPECT_TRUE(when(schedule, start() + offset).now);
  // A late order is spread too.
  const Timestamp late = start() + 10 * kHour;
  EXPECT_EQ(when(schedule, late, Seconds{0}, late).at, late + offset);
}

TEST(Schedule, WindowsHoldBackUntilTheyOpen) {
  model::Schedule schedule;
  schedule.not_before = start();                     // Monday 10:00
  schedule.windows = {{0b0000010, 2 * 60, 3 * 60}};  // Tuesday 02:00-03:00
  const Timestamp open = start() + 16 * kHour;
  EXPECT_EQ(when(schedule, start()).at, open);
  EXPECT_TRUE(when(schedule, open).now);
  EXPECT_TRUE(when(schedule, open + kHour - Seconds{1}).now);
  EXPECT_EQ(when(schedule, open + kHour).at, open + 7 * kDay);
}

TEST(Schedule, WindowsFollowTheWallClockToo) {
  model::Schedule schedule;
  schedule.not_before = start();
  schedule.clock = model::Clock::kHostLocal;
  schedule.windows = {{0x7f, 22 * 60, 24 * 60}};
  EXPECT_EQ(when(schedule, start(), kHour).at, start() + 11 * kHour);
}

TEST(Schedule, JitterStaysInsideTheWindow) {
  Prng prng(3);
  for (int i = 0; i < 2000; ++i) {
    model::Schedule schedule;
    schedule.not_before = start() + Seconds(prng.below(7 * 86400));
    schedule.jitter = Seconds(prng.below(12 * 3600));
    const auto from = static_cast<std::uint16_t>(prng.below(1439));
    const auto to = static_cast<std::uint16_t>(from + 1 + prng.below(1440 - from));
    schedule.windows = {{static_cast<std::uint8_t>(1 + prng.below(127)), from, to}};
    const Timestamp now = start() + Seconds(prng.below(14 * 86400));
    const Due first = when(schedule, now);
    if (!first.now) {
      ASSERT_TRUE(first.at);
      ASSERT_GT(*first.at, now);
      // Asked again when it said so, it is due; a second before, it is not, and says the same.
      EXPECT_TRUE(when(schedule, *first.at).now);
      EXPECT_EQ(when(schedule, *first.at - Seconds{1}).at, first.at);
    }
    const Timestamp at = first.now ? now : *first.at;
    EXPECT_GE(at, schedule.not_before);
    const auto minute = unix_seconds(at) % 86400 / 60;
    EXPECT_GE(minute, from);
    EXPECT_LT(minute, to);
  }
}

TEST(Schedule, ARepeatedOrderHasOneSlotEachPeriod) {
  model::Schedule schedule;
  schedule.not_before = start();
  schedule.repeat = 6 * kHour;
  EXPECT_EQ(when(schedule, start() - kHour).slot, 0u);
  EXPECT_EQ(when(schedule, start() + 5 * kHour).slot, 0u);
  EXPECT_EQ(when(schedule, start() + 6 * kHour).slot, 1u);
  EXPECT_EQ(when(schedule, start() + 13 * kHour).slot, 2u);
}

}  // namespace
}  // namespace fleetsweep::trust
