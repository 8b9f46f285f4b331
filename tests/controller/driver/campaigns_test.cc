// Waves that open by themselves or by people.

#include "tests/controller/driver/driver_fixture.h"

namespace fleetsweep::controller {
namespace {

TEST_F(DriverTest, HealthyCanaryLetsTheConductorOpenTheNextWave) {
  for (std::uint8_t number = 1; number <= 8; ++number) enrol(number);
  const DocumentId id = order(
      {{.permille = 500}, {.permille = 1000, .delay_min = Seconds(3), .gate = model::Gate::kAuto}});
  work();
  for (const auto& standing : rollout().standings()) {
    const auto number = static_cast<std::uint8_t>(standing.host);
    if (standing.wave == 0)
      driver_->on_message({1, standing.host}, model::Receipts{{receipt(number, id, 1)}}, now_);
  }
  work();
  EXPECT_FALSE(rollout().orders()[0].released[1]) << "before its delay";
  now_ += Seconds(4);
  driver_->on_time(now_);
  work();
  EXPECT_TRUE(rollout().orders()[0].released[1]);
  EXPECT_EQ(driver_->core().find(tenant_.id())->state().releases.size(), 1u);
}

// The root that was there did not name the conductor; one that does is logged later.
TEST_F(DriverTest, WaveHangsAlthoughTheRootHasGainedAConductor) {
  tenant_ = fixture::Tenant([](model::Root& root) {
    root.keys.pop_back();
    root.roles.pop_back();
    ASSERT_EQ(root.keys.back().holder, "carol");
  });
  store_ = {};
  load();
  found_tenant();
  enrol(1);
  order({{.permille = 1, .gate = model::Gate::kAuto},
         {.permille = 1000, .gate = model::Gate::kAuto}});
  work();
  EXPECT_FALSE(rollout().orders()[0].released[0]);
  EXPECT_NE(rollout().orders()[0].refused[0], "") << "and it is said why";
  const fixture::Tenant complete;
  const model::Root next = tenant_.next(tenant_.verified(), [&](model::Root& root) {
    root.keys = complete.root().keys;
    root.roles = complete.root().roles;
  });
  ASSERT_TRUE(submit(tenant_.sign(next, {"alice", "bob", "conductor"})));
  now_ += Seconds(1);
  driver_->on_time(now_);
  work();
  EXPECT_TRUE(rollout().orders()[0].released[0]);
  EXPECT_EQ(rollout().orders()[0].refused[0], "");
}

TEST_F(DriverTest, StandingOrderIsFiredAndNobodyHears) {
  const model::Policy policy = fixture::hash_policy();
  ASSERT_TRUE(driver_->put_policy(tenant_.id(), fixture::policy_bytes(policy), "operator", now_));
  model::Order standing = fixture::dry_run(policy);
  standing.standing = true;
  standing.scope.groups = {"web"};
  standing.waves[0].gate = model::Gate::kManual;
  const auto logged = submit(tenant_.sign(standing, {"alice"}));
  ASSERT_TRUE(logged) << logged.error().message;
  EXPECT_EQ(telemetry_.counts["fleetsweep_break_glass_total"], 0);
  model::Release release;
  release.order = logged->id;
  release.expires = fixture::start() + fixture::kDay;
  ASSERT_TRUE(submit(tenant_.sign(release, {"carol"})));
  work();
  EXPECT_EQ(telemetry_.counts["fleetsweep_break_glass_total"], 1);
  EXPECT_TRUE(telemetry_.label_values.contains("standing"));
}

TEST_F(DriverTest, ReleaseThatEndsSoonerThanTheOneInTheLogKillsTheController) {
  enrol(1);
  const DocumentId id = order({{.permille = 500}, {.gate = model::Gate::kManual}});
  const auto release = [&](Seconds life) {
    model::Release release;
    release.order = id;
    release.wave = 1;
    release.expires = to_timestamp(now_) + life;
    return submit(tenant_.sign(release, {"alice"}));
  };
  const auto first = release(Seconds(3600));
  ASSERT_TRUE(first) << first.error().message;
  const auto shorter = release(Seconds(60));
  ASSERT_FALSE(shorter);
  EXPECT_EQ(shorter.error().code, Code::kConflict);
  EXPECT_TRUE(release(Seconds(7200))) << "a longer one is news";
}

}  // namespace
}  // namespace fleetsweep::controller
