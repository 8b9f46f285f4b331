// Break-glass: orders approved ahead that one signature fires, and keys in safes.

#include <gmock/gmock.h>

#include "protocol/trust/act_check.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;
using fixture::World;
using model::Reason;
using model::Role;

void allow_standing(model::Root& root) {
  root.policy.standing_life_max = 60 * kDay;
}

// A host with a policy that suspends, and a repeating dry run of it that stands for the whole time.
struct Standing : World {
  DocumentId dry;
  explicit Standing(const std::function<void(model::Root&)>& change = allow_standing)
      : World(change) {
    policy.responses[0].actions[0].kind = model::ActionKind::kSuspend;
    facts = *policy_facts(fixture::policy_bytes(policy));
    model::Order look = fixture::dry_run(policy);
    look.schedule.not_after = start() + 60 * kDay;
    look.schedule.repeat = kDay;
    dry = submit(look, {"alice"});
    look_again();
  }
  void look_again() { dry_runs = {{dry, facts.digest, clock.local}}; }
  model::Order order() const {
    model::Order order = fixture::apply(policy, dry);
    order.standing = true;
    order.scope.groups = {"web"};
    order.waves[0].gate = model::Gate::kManual;
    order.schedule.not_after = start() + 60 * kDay;
    return order;
  }
  void fire(const DocumentId& id, std::string by = "alice") {
    model::Release release;
    release.order = id;
    release.expires = start() + 60 * kDay;
    submit(release, {std::move(by)});
  }
  bool runs(const DocumentId& id) const { return std::holds_alternative<Allowed>(judge(id)); }
};

TEST(StandingOrder, SleepsForWeeksAndOneReleaseFiresIt) {
  Standing world;
  const DocumentId id = world.submit(world.order(), {"alice", "bob"});
  world.pass(30 * kDay);
  world.witness();
  world.look_again();
  const Verdict asleep = world.judge(id);
  ASSERT_TRUE(std::holds_alternative<Waiting>(asleep));
  EXPECT_EQ(std::get<Waiting>(asleep).what, WaitFor::kRelease);
  world.fire(id);
  EXPECT_TRUE(world.runs(id));
}

TEST(StandingOrder, NeedsTheQuorumOfItsClass) {
  Standing world;
  EXPECT_EQ(world.submit(world.tenant.sign(world.order(), {"alice"})).refusal.reason,
            Reason::kQuorum);
}

TEST(StandingOrder, IsNotFiredByTheController) {
  Standing world;
  const DocumentId id = world.submit(world.order(), {"alice", "bob"});
  world.pass(kHour);
  world.fire(id, "conductor");
  EXPECT_FALSE(world.runs(id));
}

TEST(StandingOrder, FiresOnWhatTheHostSawInTheLastWeekOnly) {
  Standing world;
  const DocumentId id = world.submit(world.order(), {"alice", "bob"});
  world.pass(30 * kDay);
  world.fire(id);
  EXPECT_EQ(world.reason(id), Reason::kDryRunOld);
  world.look_again();
  EXPECT_TRUE(world.runs(id));
}

TEST(StandingOrder, StandsAsLongAsTheRootSaysAndWithoutItsWordNotAtAll) {
  Standing world;
  model::Order order = world.order();
  order.schedule.not_after += Seconds{1};
  EXPECT_EQ(world.reason(world.submit(order, {"alice", "bob"})), Reason::kLifetime);
  order = world.order();
  order.standing = false;  // as long without being one
  EXPECT_EQ(world.reason(world.submit(order, {"alice", "bob"})), Reason::kLifetime);

  Standing without([](model::Root&) {});
  order = without.order();
  order.schedule.not_after = start() + kHour;
  EXPECT_EQ(without.reason(without.submit(order, {"alice", "bob"})), Reason::kLifetime);
}

TEST(StandingOrder, DiesWithItsSignersAndWithAStop) {
  Standing world;
  const DocumentId id = world.submit(world.order(), {"alice", "bob"});
  world.pass(kHour);
  world.fire(id, "carol");
  ASSERT_TRUE(world.runs(id));
  model::Stop stop;
  stop.issued = start();
  stop.keys = {world.tenant.key("bob").public_key()};
  world.submit(stop, {"alice"});
  EXPECT_EQ(world.reason(id), Reason::kQuorum);
}

// dave's and erin's keys are in safes.
void with_safes(model::Root& root) {
  for (const char* name : {"dave", "erin"})
    root.keys.push_back({fixture::key_named(name).public_key(), {}, name, 0, ""});
  std::ranges::find(root.roles, Role::kClean, &model::RoleRule::role)->sealed = {{0, {4, 5}, 2}};
}

TEST(SealedKeys, OrderLikeTheUsualOnesCoolOffIncludedAndTheLogTells) {
  World world(with_safes);
  const DocumentId dry = world.run_dry();
  const Bytes order = world.tenant.sign(fixture::apply(world.policy, dry), {"dave", "erin"});
  const Notice notice = world.submit(order);
  EXPECT_EQ(notice.taken, Taken::kAccepted);
  EXPECT_TRUE(notice.sealed);
  EXPECT_TRUE(std::holds_alternative<Waiting>(world.judge(notice.id)));
  world.pass(kHour);
  world.witness();
  EXPECT_TRUE(std::holds_alternative<Allowed>(world.judge(notice.id)));

  // The acting process counts them alike.
  ActAnchor anchor;
  anchor.tenant = world.tenant.id();
  anchor.root_version = 1;
  model::ActRequest request;
  request.root_chain = {world.tenant.root_envelope()};
  request.order = order;
  request.checkpoint = world.view.note();
  request.policy = fixture::policy_bytes(world.policy);
  request.dry_run.push_back({});
  const auto verified = verify_for_act(anchor, request, world.clock);
  EXPECT_TRUE(verified) << verified.error().detail;
}

TEST(SealedKeys, NobodyIsAlarmedByUsualOnes) {
  World world(with_safes);
  const DocumentId dry = world.run_dry();
  const auto notice =
      world.submit(world.tenant.sign(fixture::apply(world.policy, dry), {"alice", "bob", "dave"}));
  EXPECT_EQ(notice.taken, Taken::kAccepted);
  EXPECT_FALSE(notice.sealed);
}

}  // namespace
}  // namespace fleetsweep::trust
