// A fleet looks before the day: each host once, whatever crashes, and on the day it acts on what is
// there then.

#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

using model::HostState;

constexpr Duration kLookLimit = std::chrono::hours(1);

TEST(SimLookAhead, TheDayActsOnWhatWasSeenBeforeOrHostsLookTwice) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed,
                 .hosts = 20,
                 .infected_permille = 500,
                 .link = {.loss = 0.02, .duplication = 0.02},
                 .agent_faults = {.torn = 0.01, .crash = 0.03}});
    const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kLookLimit));
    model::Order order = setting().apply(dry_run, 1000);
    order.schedule.not_before = to_timestamp(world.now()) + std::chrono::hours(3);
    order.schedule.jitter = std::chrono::minutes(20);
    order.schedule.scan_ahead = true;
    world.order(order, {"alice", "bob"});
    EXPECT_TRUE(
        world.run_until([&] { return world.checkers().looked() == world.hosts(); }, kLookLimit))
        << world.states();
    world.run_for(std::chrono::minutes(5));  // in which every receipt arrives
    const std::size_t infected = world.infected();
    EXPECT_EQ(world.count(HostState::kFound), infected) << world.states();
    EXPECT_EQ(world.count(HostState::kWaiting), world.hosts() - infected) << world.states();
    EXPECT_EQ(world.checkers().changes(), 0u);

    // One more is infected meanwhile.
    std::size_t late = 0;
    while (world.host(late).host.is_infected()) ++late;
    world.host(late).host.add_file("/tmp/.x/late", true);
    world.run_for(std::chrono::hours(2));
    EXPECT_EQ(world.checkers().changes(), 0u) << "before its time";
    world.calm();
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, 2 * kLookLimit))
        << world.states();
    EXPECT_EQ(world.count(HostState::kVerified), infected) << world.states();
    EXPECT_EQ(world.checkers().looked(), world.hosts());
    EXPECT_EQ(world.verdict(), "");
    for (std::size_t i = 0; i < world.hosts(); ++i) crashes += world.host(i).crashes;
  }
  EXPECT_GT(crashes, 50u);
}

TEST(SimLookAhead, AnOrderThatIsDueWaitsForSlowLooks) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed, .hosts = 20, .infected_permille = 500});
    const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kLookLimit));
    const auto set_scan_time = [&](Duration time) {
      for (std::size_t i = 0; i < world.hosts(); ++i) world.host(i).scan_time = time;
    };
    // Each has begun a look that would take days.
    set_scan_time(std::chrono::hours(24 * 1000));
    model::Order order = setting().apply(dry_run, 1000);
    order.schedule.not_before = to_timestamp(world.now()) + std::chrono::hours(5);
    order.schedule.scan_ahead = true;
    world.order(order, {"alice", "bob"});
    world.run_for(std::chrono::minutes(5));
    EXPECT_EQ(world.checkers().looked(), 0u);
    set_scan_time(Seconds(1));
    const std::size_t infected = world.infected();
    world.order(setting().apply(dry_run, 1000), {"alice", "bob"});
    EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, 2 * kLookLimit))
        << world.states();
    EXPECT_EQ(world.count(HostState::kVerified), infected) << world.states();
    EXPECT_TRUE(
        world.run_until([&] { return world.checkers().looked() == world.hosts(); }, kLookLimit))
        << "and then each looks: " << world.checkers().looked();
    EXPECT_EQ(world.verdict(), "");
  }
}

TEST(SimLookAhead, AnOrderThatIsStoppedBeforeTheDayActs) {
  World world({.seed = 3, .hosts = 20, .infected_permille = 500});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kLookLimit));
  model::Order order = setting().apply(dry_run, 1000);
  order.schedule.not_before = to_timestamp(world.now()) + std::chrono::hours(3);
  order.schedule.scan_ahead = true;
  const DocumentId id = world.order(order, {"alice", "bob"});
  ASSERT_TRUE(
      world.run_until([&] { return world.checkers().looked() == world.hosts(); }, kLookLimit));
  world.document(setting().tenant.sign(model::Stop{.orders = {id}}, {"carol"}));
  world.run_for(std::chrono::hours(5));
  EXPECT_EQ(world.count(HostState::kRefused), world.hosts()) << world.states();
  EXPECT_EQ(world.checkers().changes(), 0u);
  EXPECT_EQ(world.verdict(), "");
}

}  // namespace
}  // namespace fleetsweep::sim
