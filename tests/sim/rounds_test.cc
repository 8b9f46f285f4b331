// What comes back, on hosts that crash: cleaned again as often as the policy says, and one undo
// takes all of it back.

#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

using model::HostState;

constexpr Duration kLong = std::chrono::hours(1);

TEST(SimRounds, ThatAreInterruptedAreLostOrRepeatedOrNotUndone) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed,
                 .hosts = 20,
                 .infected_permille = 1000,
                 .agent_faults = {.torn = 0.01, .crash = 0.03},
                 .act_crash = 0.2});
    const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kLong));
    // Of four hosts one stays clean at once, after one round, after two, and never.
    for (std::size_t i = 0; i < world.hosts(); ++i)
      world.host(i).host.reinfections = i % 4 == 3 ? kForEver : static_cast<unsigned>(i % 4);
    model::Order order = setting().apply(dry_run, 1000);
    order.breaker.failures = 1000;
    const DocumentId apply = world.order(order, {"alice", "bob"});
    world.run_for(kLong);
    world.calm();
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kLong)) << world.states();
    EXPECT_EQ(world.count(HostState::kVerified), 15u) << world.states();
    EXPECT_EQ(world.count(HostState::kRespawned), 5u) << world.states();
    EXPECT_EQ(world.infected(), 5u);
    EXPECT_EQ(world.checkers().changes(), 5u * (1 + 2 + 3 + 3));
    EXPECT_EQ(world.verdict(), "");

    model::Order undo = fixture::undo(apply);
    undo.campaign = order.campaign;
    world.order(undo, {"alice", "bob"});
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kLong)) << world.states();
    EXPECT_EQ(world.count(HostState::kUndone), 20u) << world.states();
    for (std::size_t i = 0; i < world.hosts(); ++i) {
      EXPECT_TRUE(world.host(i).host.is_as_at_first()) << i;
      crashes += world.host(i).crashes;
    }
    const std::size_t changes = world.checkers().changes();
    world.run_for(kLong);
    EXPECT_EQ(world.checkers().changes(), changes) << "cleaned again after the undo";
    EXPECT_EQ(world.verdict(), "");
  }
  EXPECT_GT(crashes, 100u);
}

}  // namespace
}  // namespace fleetsweep::sim
