#include "agent/act/retention.h"

#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

Transaction closed(std::uint8_t number, std::int64_t at) {
  Transaction transaction;
  transaction.id.value[0] = number;
  transaction.begin.at = timestamp(at);
  transaction.end = End{};
  return transaction;
}

TEST(Retention, NothingIsPurgedBeforeItsTimeOrWhileItIsUnderWay) {
  std::vector<Transaction> history = {closed(1, 100), closed(2, 101), closed(3, 50), closed(4, 50),
                                      closed(5, 50)};
  history[2].end.reset();         // not finished
  history[3].undo = UndoBegin{};  // being taken back
  history[4].purged = Purged{};   // gone already
  const auto due = expired(history, timestamp(100));
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0]->id.value[0], 1);
  history[3].undo_end = UndoEnd{};
  EXPECT_EQ(expired(history, timestamp(100)).size(), 2u);
}

TEST(Retention, AClockThatNobodyKeepsPurgesNothingYearsTooEarly) {
  trust::ClockReading clock;
  clock.local = timestamp(2'000'000'000);
  EXPECT_EQ(believable_now(clock, timestamp(1'800'000'000)), timestamp(1'800'000'000));
  clock.synchronised = true;
  EXPECT_EQ(believable_now(clock, timestamp(1'800'000'000)), timestamp(2'000'000'000));
}

TEST(Retention, EvidenceOfWhatIsUnderWayIsNotPurgedWhateverTheJournalSays) {
  std::vector<Transaction> history;
  Begin begin;
  ASSERT_TRUE(apply(history, {Nonce{}, begin}));
  EXPECT_FALSE(apply(history, {Nonce{}, Purged{}}));
  ASSERT_TRUE(apply(history, {Nonce{}, End{}}));
  EXPECT_TRUE(apply(history, {Nonce{}, Purged{}}));
}

}  // namespace
}  // namespace fleetsweep::act
