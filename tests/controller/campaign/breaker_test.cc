#include "controller/campaign/breaker.h"

#include <gtest/gtest.h>

namespace fleetsweep::campaign {
namespace {

using model::HostState;
using model::Reason;

constexpr model::Breaker kDefault{.failures = 3, .failed_permille = 10};

TEST(Breaker, FewFailuresNeverTripHoweverBadTheRatio) {
  EXPECT_FALSE(trips(kDefault, 2, 2));
}

TEST(Breaker, SmallFleetTripsOnTheCountAlone) {
  EXPECT_TRUE(trips({.failures = 3, .failed_permille = 900}, 3, 19));
  EXPECT_FALSE(trips({.failures = 3, .failed_permille = 900}, 3, 20));
}

TEST(Breaker, LargeFleetNeedsTheRatioToo) {
  EXPECT_FALSE(trips(kDefault, 3, 1000));
  EXPECT_FALSE(trips(kDefault, 9, 1000));
  EXPECT_TRUE(trips(kDefault, 10, 1000));
}

TEST(Breaker, ZeroToleranceTripsOnTheFirst) {
  EXPECT_FALSE(trips({.failures = 0, .failed_permille = 0}, 0, 5));
  EXPECT_TRUE(trips({.failures = 0, .failed_permille = 0}, 1, 5));
}

TEST(Breaker, OwnersRefusalIsNoFailureButAKnownGoodHitIs) {
  EXPECT_FALSE(is_failure(HostState::kRefused, Reason::kConsent));
  EXPECT_FALSE(is_failure(HostState::kRefused, Reason::kJurisdiction));
  EXPECT_TRUE(is_failure(HostState::kRefused, Reason::kKnownGood));
  EXPECT_TRUE(is_failure(HostState::kResidual, Reason::kNone));
  EXPECT_FALSE(is_failure(HostState::kVerified, Reason::kNone));
}

}  // namespace
}  // namespace fleetsweep::campaign
