#include "controller/fleet/admission.h"

#include <gtest/gtest.h>

namespace fleetsweep::fleet {
namespace {

TEST(Admission, StormIsSpreadInsteadOfQueued) {
  Admission admission(10, 5);
  Instant now{Seconds(1000)};
  int admitted = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto wait = admission.wait(now, i * 7919);
    if (!wait)
      ++admitted;
    else
      EXPECT_GE(*wait, Seconds(1));
  }
  EXPECT_EQ(admitted, 5);
  now += Seconds(1);
  for (std::uint64_t i = 0; i < 100; ++i) admitted += !admission.wait(now, i);
  EXPECT_EQ(admitted, 10) << "the bucket holds no more than its burst";
  EXPECT_NE(admission.wait(now, 1), admission.wait(now, 2));
}

TEST(Admission, ClockSetBackDoesNotOpenTheDoor) {
  Admission admission(1000, 1);
  EXPECT_FALSE(admission.wait(Instant(Seconds(1000)), 0));
  EXPECT_TRUE(admission.wait(Instant(Seconds(10)), 0));
  EXPECT_TRUE(admission.wait(Instant(Seconds(1000)), 0));
}

}  // namespace
}  // namespace fleetsweep::fleet
