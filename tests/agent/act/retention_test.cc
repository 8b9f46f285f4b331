#include "agent/act/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/limits.h"

namespace fleetsweep::act {
namespace {

Transaction closed(std::uint8_t number, std::int64_t at) {
  Transaction transaction;
  transaction.id.value[0] = number;
  transaction.begin.order.value[0] = number;
  transaction.begin.at = timestamp(at);
  transaction.end = End{};
  return transaction;
}

std::vector<int> numbers(const std::vector<const Transaction*>& transactions) {
  std::vector<int> all;
  for (const Transaction* one : transactions) all.push_back(one->id.value[0]);
  return all;
}

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Retention, WhatItsPolicyPromisedIsPurgedBeforeItsTime) {
  std::vector<Transaction> history = {closed(1, 100), closed(2, 101)};
  history[0].begin.undo_ttl = history[1].begin.undo_ttl = Seconds(50);
  EXPECT_THAT(numbers(expired(history, timestamp(149), {})), IsEmpty());
  EXPECT_THAT(numbers(expired(history, timestamp(150), {})), ElementsAre(1));
  EXPECT_THAT(numbers(expired(history, timestamp(150), Seconds(10))), ElementsAre(1))
      << "the owner's shorter time takes nothing of the promise";
  EXPECT_THAT(numbers(expired(history, timestamp(160), Seconds(60))), ElementsAre(1));
  EXPECT_THAT(numbers(expired(history, timestamp(159), Seconds(60))), IsEmpty());
}

TEST(Retention, ItCountsFromTheBeginningOfWhatTookDays) {
  std::vector<Transaction> history = {closed(1, 100)};
  history[0].begin.undo_ttl = Seconds(50);
  history[0].end->at = timestamp(1000);
  EXPECT_THAT(numbers(expired(history, timestamp(1049), {})), IsEmpty());
  EXPECT_THAT(numbers(expired(history, timestamp(1050), {})), ElementsAre(1));
}

TEST(Retention, WhatNobodyGaveATimeIsPurged) {
  const std::vector<Transaction> history = {closed(1, 100)};
  EXPECT_THAT(numbers(expired(history, timestamp(4'000'000'000), {})), IsEmpty());
  EXPECT_THAT(numbers(expired(history, timestamp(110), Seconds(10))), ElementsAre(1));
}

TEST(Retention, OneRoundOfAnOrderIsPurgedBeforeTheOther) {
  std::vector<Transaction> history = {closed(1, 100), closed(2, 200), closed(3, 100)};
  for (Transaction& one : history) one.begin.undo_ttl = Seconds(50);
  history[1].begin.order = history[0].begin.order;
  EXPECT_THAT(numbers(expired(history, timestamp(200), {})), ElementsAre(3));
  EXPECT_THAT(numbers(expired(history, timestamp(250), {})), ElementsAre(1, 2, 3));
  history[1].undo = UndoBegin{};
  EXPECT_THAT(numbers(expired(history, timestamp(250), {})), ElementsAre(3))
      << "the undo of the newer round goes on with the older one";
  EXPECT_EQ(kept_until(history, history[0].begin.order, {}), std::nullopt);
}

TEST(Retention, EvidenceGoesBeforeTheLastRescanOrWithinADay) {
  model::Policy policy;
  EXPECT_EQ(kept_by(policy), Seconds(0)) << "of an older compiler: it says nothing";
  policy.limits.undo_ttl = Seconds(1);
  EXPECT_EQ(kept_by(policy), Seconds(limits::kUndoSecondsMin));
  policy.verify.rescans = {Seconds(0), std::chrono::hours(24 * 40)};
  policy.limits.undo_ttl = std::chrono::hours(24 * 30);
  EXPECT_EQ(kept_by(policy), std::chrono::hours(24 * 40));
}

TEST(Retention, ByHandNothingIsPurgedThatIsYoungerOrUnderWay) {
  std::vector<Transaction> history = {closed(1, 100), closed(2, 101), closed(3, 50), closed(4, 50),
                                      closed(5, 50)};
  history[2].end.reset();         // not finished
  history[3].undo = UndoBegin{};  // being taken back
  history[4].purged = Purged{};   // gone already
  EXPECT_THAT(numbers(older(history, timestamp(100))), ElementsAre(1));
  history[3].undo_end = UndoEnd{};
  EXPECT_THAT(numbers(older(history, timestamp(100))), ElementsAre(1, 4));
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
