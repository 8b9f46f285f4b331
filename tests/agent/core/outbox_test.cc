#include "agent/report/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/limits.h"

namespace fleetsweep::agent {
namespace {

using std::chrono::seconds;

DocumentId id(std::uint8_t number) {
  DocumentId id;
  id.value.fill(number);
  return id;
}

TEST(Outbox, AtMostSoManyAreUnackedAtATime) {
  Outbox outbox;
  for (std::uint8_t i = 1; i <= 5; ++i) outbox.add(i, id(i), 100);
  EXPECT_THAT(outbox.take_batch(2, seconds(1)), testing::ElementsAre(1, 2));
  EXPECT_TRUE(outbox.take_batch(2, seconds(2)).empty());
  EXPECT_THAT(outbox.on_ack({id(1)}), testing::ElementsAre(1));
  EXPECT_THAT(outbox.take_batch(2, seconds(3)), testing::ElementsAre(3));
}

TEST(Outbox, BatchFitsOneMessage) {
  Outbox outbox;
  for (std::uint8_t i = 1; i <= 10; ++i) outbox.add(i, id(i), limits::kReceiptBytes);
  EXPECT_LE(outbox.take_batch(100, seconds(1)).size() * limits::kReceiptBytes, limits::kBatchBytes);
}

TEST(Outbox, WhatIsNotAckedIsSentAgain) {
  Outbox outbox;
  outbox.add(1, id(1), 100);
  EXPECT_EQ(outbox.take_batch(8, seconds(1)).size(), 1u);
  ASSERT_TRUE(outbox.next_deadline());
  EXPECT_EQ(outbox.take_batch(8, *outbox.next_deadline()).size(), 1u);
}

TEST(Outbox, ForeignAckChangesNothing) {
  Outbox outbox;
  outbox.add(1, id(1), 100);
  EXPECT_TRUE(outbox.on_ack({id(9)}).empty());
  EXPECT_EQ(outbox.size(), 1u);
}

TEST(Outbox, IsFullBeforeARunningOrderCouldNotReport) {
  Outbox outbox;
  std::uint64_t seq = 0;
  while (!outbox.is_full()) outbox.add(++seq, id(1), 100);
  EXPECT_LT(outbox.size(), limits::kOutboxReceipts);
}

}  // namespace
}  // namespace fleetsweep::agent
