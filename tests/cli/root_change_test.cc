#include "cli/root_change.h"

#include <gmock/gmock.h>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {
namespace {

using fixture::kDay;
using fixture::start;
using fixture::Tenant;
using model::Role;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

model::Envelope open(const Bytes& bytes) {
  return *codec::decode<model::Envelope>(bytes);
}

model::RoleRule& rule(model::Root& root, Role role) {
  return *std::ranges::find(root.roles, role, &model::RoleRule::role);
}

// carol leaves, dave comes.
void replace_carol(model::Root& root) {
  root.keys[2] = {fixture::key_named("dave").public_key(), {}, "dave", 0, ""};
}

struct Change {
  Tenant tenant;
  KnownRoot before = *known_root(open(tenant.root_envelope()));

  model::Root after(const std::function<void(model::Root&)>& change) const {
    model::Root root = before.root;
    change(root);
    return successor(root, before, true, true);
  }
};

TEST(RootChange, ALaterVersionIsNotTakenAsTrustedOrAnUnsignedOneIs) {
  const Change c;
  const model::Root next = c.tenant.next(c.tenant.verified(), nullptr);
  const auto second = trusted_root(open(c.tenant.sign(next, {"alice", "bob"})));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->root.version, 2u);
  EXPECT_EQ(second->tenant, c.tenant.id());
  EXPECT_EQ(trusted_root(open(c.tenant.root_envelope()))->tenant, c.tenant.id());
  const auto lone = trusted_root(open(c.tenant.sign(next, {"alice"})));
  ASSERT_FALSE(lone);
  EXPECT_THAT(lone.error().message, testing::StartsWith("root version 2: quorum: role root"));
}

TEST(RootChange, ASuccessorDoesNotFollow) {
  const Change c;
  model::Root specified = c.before.root;
  specified.evidence_key = {};
  specified.path_salt = {};
  specified.time_keys = {};
  const model::Root next = successor(specified, c.before, false, false);
  const auto accepted =
      trust::accept_next_root(c.tenant.verified(), open(c.tenant.sign(next, {"alice", "bob"})));
  ASSERT_TRUE(accepted) << accepted.error().detail;
  EXPECT_EQ(next.evidence_key, c.before.root.evidence_key);
  EXPECT_EQ(next.path_salt, c.before.root.path_salt);
  EXPECT_THAT(differences(c.before.root, next), IsEmpty());
}

TEST(RootChange, EveryDifferenceIsSaid) {
  const Change c;
  const std::vector<std::pair<const char*, std::function<void(model::Root&)>>> table = {
      {"of carol (org 0, ed25519)", replace_carol},
      {"of dave (org 0, ed25519)", replace_carol},
      {"role clean      2 of alice, bob, carol -> 2 of alice, bob, dave", replace_carol},
      {"key changed", [](auto& r) { r.keys[0].holder = "alicia"; }},
      {"-> 3 of alice, bob, carol",
       [](auto& r) { rule(r, Role::kClean).clauses[0].threshold = 3; }},
      {"-> nobody", [](auto& r) { rule(r, Role::kEnrol).clauses.clear(); }},
      {"; sealed: 2 of alice, bob",
       [](auto& r) {
         rule(r, Role::kRead).sealed = {{0, {0, 1}, 2}};
       }},
      {"log removed  log.example", [](auto& r) { r.logs.clear(); }},
      {"takes over after 5 entries", [](auto& r) { r.logs[0].start_size = 5; }},
      {"witness removed", [](auto& r) { r.witnesses.clear(); }},
      {"witness quorum 1 -> 0", [](auto& r) { r.witness_quorum = 0; }},
      {"time key added", [](auto& r) { r.time_keys.push_back({}); }},
      {"class clean     cool-off 1h -> 3s", [](auto& r) { r.policy.cool_off[3] = Seconds{3}; }},
      {"checkpoint age at most", [](auto& r) { r.policy.checkpoint_age_max[1] = kDay * 9; }},
      {"order life at most", [](auto& r) { r.policy.order_life_max[1] = kDay; }},
      {"offline grace at most", [](auto& r) { r.policy.offline_grace_max[1] = kDay * 2; }},
      {"dry runs at most 7d -> 1d old", [](auto& r) { r.policy.dry_run_age_max = kDay; }},
      {"standing orders stand at most 0s -> 1d",
       [](auto& r) { r.policy.standing_life_max = kDay; }},
      {"objects on a host at most 0 -> 9", [](auto& r) { r.policy.items_max = 9; }},
      {"first wave at most 0 -> 9", [](auto& r) { r.policy.wave1_permille_max = 9; }},
      {"evidence key changed", [](auto& r) { r.evidence_key.value.fill(1); }},
      {"path salt changed", [](auto& r) { r.path_salt.value.fill(1); }},
      {"schema 1 -> 2", [](auto& r) { r.agent_schema_min = 2; }},
  };
  for (const auto& [text, change] : table) {
    model::Root after = c.before.root;
    change(after);
    EXPECT_THAT(differences(c.before.root, after), Contains(HasSubstr(text))) << text;
  }
}

TEST(RootChange, WhatWaitsADayIsSaid) {
  const Change c;
  EXPECT_THAT(delays(c.before.root, c.after(replace_carol)), IsEmpty());
  const model::Root weaker = c.after([](model::Root& root) {
    rule(root, Role::kDestroy).clauses[0].threshold = 2;
    root.policy.cool_off[3] = {};
  });
  EXPECT_THAT(delays(c.before.root, weaker),
              ElementsAre(HasSubstr("class clean is held back for 1d"),
                          HasSubstr("class destroy is held back for 1d")));
  const Tenant three([](model::Root& root) { rule(root, Role::kRoot).clauses[0].threshold = 3; });
  EXPECT_THAT(delays(three.root(), c.before.root),
              ElementsAre(HasSubstr("role root asks less: for 1d")));
}

TEST(RootChange, WhoHasYetToSignIsSaidOfBothVersionsAndOfNewKeys) {
  const Change c;
  const model::Root next = c.after(replace_carol);
  const auto missing = [&](std::initializer_list<std::string> people) {
    return signatures_missing(open(c.tenant.sign(next, people)), next, &c.before);
  };
  EXPECT_THAT(missing({}), ElementsAre(HasSubstr("version 1: role root: org 0 has 0 of 2"),
                                       HasSubstr("version 2: role root: org 0 has 0 of 2"),
                                       HasSubstr("of dave (org 0, ed25519) has not signed")));
  EXPECT_THAT(missing({"alice", "carol"}),
              ElementsAre(HasSubstr("version 2: role root: org 0 has 1 of 2"), HasSubstr("dave")));
  EXPECT_THAT(missing({"alice", "dave"}), ElementsAre(HasSubstr("version 1")));
  EXPECT_THAT(missing({"alice", "bob", "dave"}), IsEmpty());
  const Tenant& tenant = c.tenant;
  EXPECT_THAT(signatures_missing(open(tenant.root_envelope()), tenant.root(), nullptr), IsEmpty());
}

TEST(RootChange, OrdersWhoseSignersLeaveAreNamed) {
  const Change c;
  trust::Fold fold(c.tenant.id(), trust::Fold::Keep::kForController);
  fold.append(c.tenant.root_envelope(), start());
  DocumentId dry;
  dry.value.fill(9);
  model::Order order = fixture::apply(fixture::hash_policy(), dry);
  fold.append(c.tenant.sign(order, {"alice", "carol"}), start());
  order.nonce.value.fill(2);
  fold.append(c.tenant.sign(order, {"alice", "bob"}), start());
  ASSERT_EQ(fold.state().orders.size(), 2u);
  const model::Root next = c.after(replace_carol);
  EXPECT_THAT(orders_that_end(fold.state(), next, start()),
              ElementsAre(HasSubstr("approved by alice and carol")));
  EXPECT_THAT(orders_that_end(fold.state(), next, start() + 2 * kDay), IsEmpty());
}

TEST(RootChange, AnExpiryIsAnnouncedSixtyDaysBefore) {
  const model::Root root = Tenant().root();
  EXPECT_FALSE(expiry_warning(root, root.expires - 60 * kDay - Seconds{1}));
  EXPECT_THAT(*expiry_warning(root, root.expires - 60 * kDay), HasSubstr("ENDS IN 60d"));
  EXPECT_THAT(*expiry_warning(root, root.expires), HasSubstr("ENDED 0s ago"));
}

}  // namespace
}  // namespace fleetsweep::cli
