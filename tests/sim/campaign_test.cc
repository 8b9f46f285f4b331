// Whole campaigns, from the operators' orders to the last receipt.

#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

using model::HostState;

// A sanitizer looks at code, which a few stories cover, and is several times slower.
#if defined(FS_SANITIZED)
constexpr std::uint64_t kSeeds = 1;
constexpr std::size_t kHosts = 100;
#else
constexpr std::uint64_t kSeeds = 20;
constexpr std::size_t kHosts = 1000;
#endif

void completes(std::uint64_t seed, std::size_t hosts) {
  World world({.seed = seed,
               .hosts = hosts,
               .infected_permille = 150,
               .link = {.loss = 0.002, .duplication = 0.01},
               .times = {.heartbeat = Seconds(600), .checkpoint_interval = Seconds(60)}});
  ASSERT_FALSE(world.sweep().is_zero());
  EXPECT_EQ(world.infected(), 0u);
  EXPECT_EQ(world.count(HostState::kVerified), world.infected_at_first());
  EXPECT_EQ(world.count(HostState::kClean), hosts - world.infected_at_first());
  EXPECT_EQ(world.checkers().changes(), world.infected_at_first());
  ASSERT_EQ(world.verdict(), "");
}

TEST(Sim, CampaignOfTenCompletes) {
  completes(1, 10);
}

TEST(Sim, CampaignCompletes) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    completes(seed, kHosts);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace fleetsweep::sim
