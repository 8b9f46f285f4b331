// Roots that go on while a fleet runs, and an order that was approved for a bad day.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

using fixture::kDay;
using fixture::kHour;
using model::Role;

model::RoleRule& rule(model::Root& root, Role role) {
  return *std::ranges::find(root.roles, role, &model::RoleRule::role);
}

// The tenant's roots, each made from the one before it.
class Roots {
 public:
  Bytes next(const std::function<void(model::Root&)>& change,
             std::initializer_list<std::string> people) const {
    return setting().tenant.sign(setting().tenant.next(head_, change), people);
  }
  void follow(const Bytes& root) {
    head_ = trust::accept_next_root(head_, *codec::decode<model::Envelope>(root)).value();
  }

 private:
  trust::VerifiedRoot head_ = setting().root;
};

std::uint64_t version(World& world, std::size_t host) {
  return world.host(host).core().status().root_version;
}

TEST(SimRoots, ALoweredThresholdCountsAfterADayAlsoOnAHostThatWasAway) {
  World world({.seed = 31, .hosts = 4});
  world.run_for(Seconds(60));
  Roots roots;
  const auto log = [&](const Bytes& root) {
    world.document(root);
    roots.follow(root);
  };
  log(roots.next([](auto& root) { rule(root, Role::kRoot).clauses[0].threshold = 3; },
                 {"alice", "bob", "carol"}));
  world.run_for(Seconds(600));
  for (std::size_t host = 0; host < 4; ++host) ASSERT_EQ(version(world, host), 2u);
  world.host(0).shut_down();

  log(roots.next([](auto& root) { rule(root, Role::kRoot).clauses[0].threshold = 2; },
                 {"alice", "bob", "carol"}));
  const Bytes by_two = roots.next([](auto& root) { root.expires += kDay; }, {"alice", "bob"});
  world.run_for(kHour);
  EXPECT_EQ(version(world, 1), 3u);
  EXPECT_FALSE(world.controller().submit(by_two));
  world.run_for(kDay);
  log(by_two);
  world.run_for(kHour);
  for (std::size_t host = 1; host < 4; ++host) EXPECT_EQ(version(world, host), 4u);

  // It sees the lowered threshold and what came of it at once, and waits a day of its own.
  world.host(0).start();
  world.run_for(kHour);
  EXPECT_EQ(version(world, 0), 3u);
  world.run_for(kHour);
  world.host(0).shut_down();  // a restart in between forgets nothing
  world.host(0).start();
  world.run_for(kDay);
  EXPECT_EQ(version(world, 0), 4u);
  EXPECT_EQ(world.verdict(), "");
}

TEST(SimRoots, AStandingOrderSleepsUntilOneReleaseFiresIt) {
  World world({.seed = 32, .hosts = 6});
  world.run_for(Seconds(60));
  world.document(Roots().next([](auto& root) { root.policy.standing_life_max = 60 * kDay; },
                              {"alice", "bob"}));
  model::Order order = setting().dry_run();
  order.standing = true;
  order.scope.groups = {"web"};
  order.waves = {{1000, {}, model::Gate::kManual, {}}};
  order.schedule.not_after = order.schedule.not_before + 60 * kDay;
  const DocumentId id = world.order(order, {"alice"});
  world.run_for(3 * kDay);  // longer than the day for which standing orders are held back
  EXPECT_EQ(world.count(model::HostState::kClean) + world.count(model::HostState::kFound), 0u)
      << world.states();
  model::Release release;
  release.order = id;
  release.expires = order.schedule.not_after;
  world.document(setting().tenant.sign(release, {"carol"}));
  EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour)) << world.states();
  EXPECT_EQ(world.count(model::HostState::kFound), world.infected_at_first()) << world.states();
  EXPECT_EQ(world.verdict(), "");
}

}  // namespace
}  // namespace fleetsweep::sim
