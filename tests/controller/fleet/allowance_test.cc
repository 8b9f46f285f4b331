#include "controller/fleet/allowance.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"

namespace fleetsweep::fleet {
namespace {

using Answer = Allowance::Answer;
using std::chrono::milliseconds;

TEST(Allowance, HostThatWasAwayForLongIsTurnedAwayWithItsReceipts) {
  Allowance allowance;
  const Instant now{Seconds(1000)};
  const auto say = [&](const model::Message& message, std::size_t bytes) {
    EXPECT_EQ(allowance.on_bytes(now, bytes, 1), Answer::kTake);
    EXPECT_EQ(allowance.on_message(now, message, 1), Answer::kTake);
  };
  say(model::Hello{}, 500);
  // A full outbox of receipts with some items each, 32 of them at a time, and a policy of the
  // largest size.
  for (std::size_t i = 0; i < limits::kOutboxReceipts / 32; ++i) say(model::Receipts{}, 32 * 1000);
  for (std::size_t i = 0; i < limits::kPolicyBytes / limits::kBlobChunkBytes; ++i)
    say(model::Want{}, 100);
}

TEST(Allowance, FloodOfOneHostTakesTheTurnsOfAllOthers) {
  Allowance allowance;
  Instant now{Seconds(1000)};
  std::size_t taken = 0, later = 0, cut = 0;
  for (int i = 0; i < 100'000; ++i, now += milliseconds(i % 10 == 0)) {  // 10,000 a second
    switch (allowance.on_bytes(now, 50, 7)) {
      case Answer::kTake:
        ++taken;
        break;
      case Answer::kLater:
        ++later;
        EXPECT_GE(allowance.wait(), Seconds(1));
        break;
      case Answer::kCut:
        ++cut;
    }
  }
  EXPECT_LE(taken, 4000u + 10 * 100) << "the burst, and a hundred a second";
  EXPECT_GE(taken, 4500u);
  EXPECT_LE(later, 256u + 10 * 16) << "it is told, but not for ever";
  EXPECT_EQ(taken + later + cut, 100'000u);
  now += Seconds(60);
  EXPECT_EQ(allowance.on_bytes(now, 50, 7), Answer::kTake) << "when it behaves again";
}

TEST(Allowance, SmallQuestionsWithLargeAnswersAreCheap) {
  Allowance allowance;
  const Instant now{Seconds(1000)};
  const auto asked = [&](const model::Message& message) {
    Allowance fresh;
    int times = 0;
    while (times < 10'000 && fresh.on_message(now, message, 1) == Answer::kTake) ++times;
    return times;
  };
  EXPECT_LE(asked(model::Hello{}), 40);
  EXPECT_LE(asked(model::Want{}), 250);
  EXPECT_EQ(asked(model::Beat{}), 10'000);
}

}  // namespace
}  // namespace fleetsweep::fleet
