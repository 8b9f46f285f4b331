// Two orders that are due at once, on hosts that crash: one walk for both, and each its own end.

#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

model::Order due_soon(std::uint8_t number) {
  model::Order order = setting().dry_run();
  order.nonce.value.fill(number);
  order.schedule.not_before = fixture::start() + std::chrono::minutes(20);
  return order;
}

TEST(SimWalks, TwoOrdersThatAreDueAtOnceLoseEachOtherInACrash) {
  std::uint64_t scans = 0, walks = 0, crashes = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed,
                 .hosts = 10,
                 .link = {.loss = 0.02, .duplication = 0.02},
                 .agent_faults = {.torn = 0.01, .crash = 0.03}});
    const DocumentId first = world.order(due_soon(1), {"alice"});
    const DocumentId second = world.order(due_soon(2), {"alice"});
    const auto has_ended = [&](std::size_t host, const DocumentId& order) {
      return world.host(host).is_up() && world.host(host).core().why(order).starts_with("done: ");
    };
    EXPECT_TRUE(world.run_until(
        [&] {
          for (std::size_t i = 0; i < world.hosts(); ++i)
            if (!has_ended(i, first) || !has_ended(i, second)) return false;
          return true;
        },
        std::chrono::hours(3)))
        << world.states();
    world.calm();
    EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, std::chrono::hours(1)));
    EXPECT_EQ(world.verdict(), "");
    for (std::size_t i = 0; i < world.hosts(); ++i) {
      scans += world.host(i).host.scans;
      walks += world.host(i).host.walks;
      crashes += world.host(i).crashes;
    }
  }
  EXPECT_GE(scans, 200u);
  EXPECT_LT(walks, scans * 3 / 4) << "they hardly ever shared a walk";
  EXPECT_GT(crashes, 20u);
}

}  // namespace
}  // namespace fleetsweep::sim
