#include "controller/campaign/tally.h"

#include <gtest/gtest.h>

namespace fleetsweep::campaign {
namespace {

TEST(Tally, HostInNoStateIsNoticed) {
  Tally tally{.targeted = 1, .waves = {{.targeted = 1}}};
  EXPECT_FALSE(conserved(tally));
  tally.states[0] = tally.waves[0].states[0] = 1;
  EXPECT_TRUE(conserved(tally));
  tally.waves[0].states = {};
  tally.waves[0].states[1] = 1;
  EXPECT_FALSE(conserved(tally)) << "the wave says another state than the campaign";
}

TEST(Pace, RateFallsToNothingAMinuteAfterTheLastHost) {
  Pace pace;
  Instant now{Seconds(1'000'000)};
  for (int i = 0; i < 60; ++i, now += Seconds(1)) pace.settled(now);
  EXPECT_NEAR(pace.rate(now), 1.0, 0.15);
  EXPECT_NEAR(static_cast<double>(*pace.eta_seconds(100, now)), 100, 20);
  now += Seconds(61);
  EXPECT_EQ(pace.rate(now), 0);
  EXPECT_FALSE(pace.eta_seconds(100, now));
  EXPECT_EQ(pace.eta_seconds(0, now), 0u);
}

}  // namespace
}  // namespace fleetsweep::campaign
