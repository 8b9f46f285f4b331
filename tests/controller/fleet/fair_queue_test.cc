#include "controller/fleet/fair_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace fleetsweep::fleet {
namespace {

TEST(FairQueue, OneWhoBringsAThousandKeepsTheOthersWaiting) {
  FairQueue<int, std::string> queue(1000);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.push(1, "loud"));
  EXPECT_FALSE(queue.push(1, "one too many"));
  EXPECT_TRUE(queue.push(2, "quiet"));
  EXPECT_TRUE(queue.push(3, "quiet, too"));
  EXPECT_EQ(queue.size(), 1002u);
  EXPECT_EQ(queue.pop(), "loud");
  EXPECT_EQ(queue.pop(), "quiet");
  EXPECT_EQ(queue.pop(), "quiet, too");
  EXPECT_EQ(queue.pop(), "loud");
  EXPECT_TRUE(queue.push(2, "quiet again"));
  EXPECT_EQ(queue.pop(), "quiet again");
  for (int i = 0; i < 998; ++i) EXPECT_EQ(queue.pop(), "loud");
  EXPECT_FALSE(queue.pop());
  EXPECT_EQ(queue.size(), 0u);
}

TEST(FairQueue, OwnWorkChangesItsOrder) {
  FairQueue<int, int> queue(10);
  for (int i = 0; i < 10; ++i) queue.push(i % 2, i);
  for (const int expected : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) EXPECT_EQ(queue.pop(), expected);
}

}  // namespace
}  // namespace fleetsweep::fleet
