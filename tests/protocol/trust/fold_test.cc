#include "protocol/trust/fold.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::apply;
using fixture::dry_run;
using fixture::hash_policy;
using fixture::kDay;
using fixture::kHour;
using fixture::start;
using fixture::Tenant;
using model::Class;
using model::Reason;
using model::Role;

struct Folding {
  Tenant tenant;
  Fold fold{tenant.id(), Fold::Keep::kForController};
  Timestamp now = start();

  explicit Folding(const std::function<void(model::Root&)>& change = {}) : tenant(change) {
    EXPECT_EQ(take(tenant.root_envelope()).taken, Taken::kAccepted);
  }
  Notice take(const Bytes& entry) { return fold.append(entry, now); }
  template <class T>
  Reason reason(const T& document, std::initializer_list<std::string> people) {
    return take(tenant.sign(document, people)).refusal.reason;
  }
  const State& state() const { return fold.state(); }
};

model::Stop stop_of(std::uint8_t nonce) {
  model::Stop stop;
  stop.nonce.value.fill(nonce);
  stop.issued = start();
  stop.reason = "test";
  return stop;
}

model::Stop halt_all() {
  model::Stop stop = stop_of(1);
  stop.halt_all = true;
  return stop;
}

TEST(Fold, NothingCountsBeforeTheTenantsOwnRoot) {
  const Tenant tenant;
  Fold fold(tenant.id(), Fold::Keep::kForHost);
  EXPECT_EQ(fold.append(tenant.sign(dry_run(hash_policy()), {"alice"}), start()).refusal.reason,
            Reason::kUntrusted);
  const Tenant other([](model::Root& root) { root.path_salt.value[0] = 1; });
  EXPECT_EQ(fold.append(other.root_envelope(), start()).refusal.reason, Reason::kTenant);
  EXPECT_EQ(fold.append(tenant.root_envelope(), start()).taken, Taken::kAccepted);
  EXPECT_EQ(fold.state().size, 3u);
}

TEST(Fold, WhatDoesNotDecodeIsSkippedWithItsReason) {
  Folding f;
  const Bytes good = f.tenant.sign(dry_run(hash_policy()), {"alice"});
  EXPECT_EQ(f.take({}).refusal.reason, Reason::kMalformed);
  EXPECT_EQ(f.take(Bytes(limits::kLogEntryBytes + 1)).refusal.reason, Reason::kMalformed);
  Bytes cut = good;
  cut.resize(cut.size() - 8);
  EXPECT_EQ(f.take(cut).refusal.reason, Reason::kMalformed);
  Bytes trailing = good;
  trailing.resize(trailing.size() + 8);
  EXPECT_EQ(f.take(trailing).refusal.reason, Reason::kMalformed);
  EXPECT_EQ(f.take(f.tenant.sign_bytes("application/x", {1, 2, 3}, {"alice"})).refusal.reason,
            Reason::kSchema);
  EXPECT_EQ(f.take(f.tenant.sign_bytes(model::kPayloadRelease, Bytes(limits::kReleaseBytes + 8),
                                       {"alice"}))
                .refusal.reason,
            Reason::kMalformed);
  EXPECT_TRUE(f.state().orders.empty());
}

TEST(Fold, ASignatureIsAskedForBeforeThePayloadIsParsed) {
  Folding f;
  const Bytes junk(64, 0xff);
  EXPECT_EQ(f.take(f.tenant.sign_bytes(model::kPayloadOrder, junk, {"dave"})).refusal.reason,
            Reason::kUntrusted);
  EXPECT_EQ(f.take(f.tenant.sign_bytes(model::kPayloadOrder, junk, {"alice"})).refusal.reason,
            Reason::kMalformed);
}

TEST(Fold, AnOrderOfAnotherTenantVersionOrWithoutSenseIsRefused) {
  Folding f;
  model::Order order = dry_run(hash_policy());
  order.tenant.value.fill(4);
  EXPECT_EQ(f.reason(order, {"alice"}), Reason::kTenant);
  order = dry_run(hash_policy());
  order.schema = kAgentSchema + 1;
  EXPECT_EQ(f.reason(order, {"alice"}), Reason::kSchema);
  order = dry_run(hash_policy());
  order.waves.clear();
  EXPECT_EQ(f.reason(order, {"alice"}), Reason::kMalformed);
}

TEST(Fold, AnOrderCountsFromTheFirstEntryThatMeetsItsQuorum) {
  Folding f;
  DocumentId dry;
  dry.value.fill(9);
  const model::Order order = apply(hash_policy(), dry);
  EXPECT_EQ(f.reason(order, {"alice"}), Reason::kQuorum);
  EXPECT_TRUE(f.state().orders.empty());
  f.now += kHour;
  const Notice notice = f.take(f.tenant.sign(order, {"alice", "carol"}));
  EXPECT_EQ(notice.taken, Taken::kAccepted);
  EXPECT_EQ(notice.index, 2u);
  EXPECT_EQ(f.state().orders.at(notice.id).logged, (Logged{2, start() + kHour}));
  f.now += kHour;
  EXPECT_EQ(f.take(f.tenant.sign(order, {"alice", "bob", "carol"})).taken, Taken::kKnown);
  EXPECT_EQ(f.state().orders.at(notice.id).logged.index, 2u);
}

TEST(Fold, AStoppedKeyCountsNoMoreForOrders) {
  Folding f;
  model::Stop stop = stop_of(1);
  stop.keys = {f.tenant.key("alice").public_key()};
  EXPECT_EQ(f.reason(stop, {"bob"}), Reason::kNone);
  EXPECT_EQ(f.reason(dry_run(hash_policy()), {"alice"}), Reason::kQuorum);
  EXPECT_EQ(f.reason(dry_run(hash_policy()), {"bob"}), Reason::kNone);
}

TEST(Fold, AThiefWhoStopsEveryKeyDisarmsNobody) {
  Folding f;
  model::Stop stop = stop_of(1);
  for (const char* person : {"alice", "bob", "carol"})
    stop.keys.push_back(f.tenant.key(person).public_key());
  const Notice thief = f.take(f.tenant.sign(stop, {"carol"}));
  ASSERT_EQ(thief.taken, Taken::kAccepted);
  EXPECT_EQ(f.reason(halt_all(), {"alice"}), Reason::kNone);  // stopping still works
  EXPECT_EQ(f.take(f.tenant.sign(f.tenant.next(*f.state().root, {}), {"alice", "bob"})).taken,
            Taken::kAccepted);  // so does a new root
  model::Resume resume;
  resume.stops = {thief.id};
  EXPECT_EQ(f.reason(resume, {"alice", "bob"}), Reason::kNone);
  EXPECT_EQ(f.reason(dry_run(hash_policy()), {"alice"}), Reason::kNone);
}

TEST(Fold, AReplayedStopStaysDeadAfterItsResume) {
  Folding f;
  const Bytes stop = f.tenant.sign(halt_all(), {"alice"});
  const DocumentId id = f.take(stop).id;
  EXPECT_TRUE(f.state().stops.contains(id));
  model::Resume resume;
  resume.stops = {id};
  EXPECT_EQ(f.reason(resume, {"alice"}), Reason::kQuorum);
  EXPECT_TRUE(f.state().stops.contains(id));
  EXPECT_EQ(f.reason(resume, {"alice", "bob"}), Reason::kNone);
  EXPECT_TRUE(f.state().stops.empty());
  EXPECT_EQ(f.take(stop).taken, Taken::kKnown);
  EXPECT_EQ(f.fold.take_stop(stop, f.now).taken, Taken::kKnown);
  EXPECT_TRUE(f.state().stops.empty());
}

TEST(Fold, AResumeThatArrivesBeforeItsStopWins) {
  Folding f;
  const Bytes stop = f.tenant.sign(halt_all(), {"alice"});
  model::Resume resume;
  resume.stops = {fixture::id_of(stop)};
  EXPECT_EQ(f.reason(resume, {"alice", "bob"}), Reason::kNone);
  EXPECT_EQ(f.take(stop).taken, Taken::kKnown);
  EXPECT_TRUE(f.state().stops.empty());
}

TEST(Fold, AStopFromAFileNeedsNoLogAndNothingElseMayComeThatWay) {
  Folding f;
  const Bytes stop = f.tenant.sign(halt_all(), {"carol"});
  EXPECT_EQ(f.fold.take_stop(f.tenant.sign(dry_run(hash_policy()), {"alice"}), f.now).taken,
            Taken::kRefused);
  EXPECT_EQ(f.fold.take_stop(f.tenant.sign(halt_all(), {"dave"}), f.now).taken, Taken::kRefused);
  EXPECT_EQ(f.fold.take_stop(stop, f.now).taken, Taken::kAccepted);
  EXPECT_EQ(f.state().size, 1u);
  EXPECT_EQ(f.take(stop).taken, Taken::kKnown);
}

TEST(Fold, MoreStopsThanWeCanHoldHaltEverything) {
  Folding f;
  model::Order order = dry_run(hash_policy());
  std::vector<DocumentId> ids;
  for (std::size_t i = 0; i <= limits::kStopsActive; ++i) {
    model::Stop stop = stop_of(0);
    stop.nonce.value[0] = static_cast<std::uint8_t>(i);
    stop.nonce.value[1] = static_cast<std::uint8_t>(i >> 8);
    stop.agents = {AgentId{}};
    const bool overflowed = f.state().stops_overflowed;
    EXPECT_FALSE(overflowed);
    ids.push_back(f.take(f.tenant.sign(stop, {"alice"})).id);
  }
  EXPECT_TRUE(f.state().stops_overflowed);
  EXPECT_TRUE(stopped(f.state(), {}, order, model::Class::kObserve, {}));
  model::Resume resume;
  const auto resume_some = [&](std::size_t from, std::size_t to) {
    resume.stops.assign(ids.begin() + static_cast<std::ptrdiff_t>(from),
                        ids.begin() + static_cast<std::ptrdiff_t>(to));
    EXPECT_EQ(f.reason(resume, {"alice", "bob"}), Reason::kNone);
  };
  for (std::size_t i = 0; i < ids.size(); i += 64) resume_some(i, std::min(i + 64, ids.size()));
  EXPECT_FALSE(f.state().stops_overflowed);
  EXPECT_FALSE(stopped(f.state(), {}, order, model::Class::kObserve, {}));
}

TEST(Fold, ARemovedPersonsApprovalDiesAndANewPersonsCounts) {
  Folding f;
  DocumentId dry;
  dry.value.fill(9);
  const DocumentId id =
      f.take(f.tenant.sign(apply(hash_policy(), dry), {"alice", "bob", "dave"})).id;
  const auto clean = [&] {
    return meets(f.state().root->root(), model::Role::kClean, f.state().orders.at(id).signed_by)
        .has_value();
  };
  EXPECT_TRUE(clean());
  model::Root next = f.tenant.next(*f.state().root, [&](model::Root& root) {
    root.keys[0] = {f.tenant.key("erin").public_key(), {}, "erin", 0, ""};  // for alice
  });
  ASSERT_EQ(f.reason(next, {"bob", "carol", "erin"}), Reason::kNone);
  EXPECT_FALSE(clean());
  next = f.tenant.next(*f.state().root, [&](model::Root& root) {
    root.keys[0] = {f.tenant.key("dave").public_key(), {}, "dave", 0, ""};  // for erin
  });
  ASSERT_EQ(f.reason(next, {"bob", "carol", "dave"}), Reason::kNone);
  EXPECT_TRUE(clean());
  EXPECT_EQ(f.state().root_chain.size(), 3u);
}

TEST(Fold, AReleaseNeedsItsRoleAndAConductorOpensOnlyAutoGates) {
  Folding f;
  model::Order order = dry_run(hash_policy());
  order.waves = {{100, {}, model::Gate::kNone, {}},
                 {500, {}, model::Gate::kAuto, {}},
                 {1000, {}, model::Gate::kManual, {}}};
  const DocumentId id = f.take(f.tenant.sign(order, {"alice"})).id;
  model::Release release;
  release.order = id;
  release.expires = start() + kDay;
  release.wave = 1;
  EXPECT_EQ(f.reason(release, {"conductor"}), Reason::kNone);
  EXPECT_TRUE(f.state().releases.contains({id, 1, true}));
  EXPECT_EQ(f.reason(release, {"bob"}), Reason::kNone);
  EXPECT_TRUE(f.state().releases.contains({id, 1, false}));
  release.wave = 2;
  EXPECT_EQ(f.reason(release, {"conductor"}), Reason::kQuorum);
  release.wave = 3;
  EXPECT_EQ(f.reason(release, {"bob"}), Reason::kMalformed);
  release.wave = 2;
  release.order.value[0] ^= 1;
  EXPECT_EQ(f.reason(release, {"bob"}), Reason::kMalformed);
  release.order = id;
  release.expires = start();
  EXPECT_EQ(f.reason(release, {"bob"}), Reason::kExpired);
}

TEST(Fold, AConductorWithALostKeyCannotFillTheState) {
  Folding f;
  model::Order order = dry_run(hash_policy());
  order.waves = {{100, {}, model::Gate::kAuto, {}}, {1000, {}, model::Gate::kAuto, {}}};
  const DocumentId id = f.take(f.tenant.sign(order, {"alice"})).id;
  for (std::uint8_t i = 0; i < 100; ++i) {
    model::Release release{1, {}, id, 1, {}, start() + kHour + Seconds(i)};
    release.evidence.value.fill(i);
    f.now = start() + Seconds(i);
    EXPECT_EQ(f.reason(release, {"conductor"}), Reason::kNone);
  }
  EXPECT_EQ(f.state().releases.size(), 1u);
  // Prolonged, it stands since it first stood.
  EXPECT_EQ(f.state().releases.begin()->second.logged.seen, start());
}

TEST(Fold, EndpointsOnlyGoForward) {
  Folding f;
  model::Endpoints endpoints;
  endpoints.version = 2;
  EXPECT_EQ(f.reason(endpoints, {"alice"}), Reason::kNone);
  endpoints.version = 1;
  EXPECT_EQ(f.reason(endpoints, {"alice"}), Reason::kExpired);
  EXPECT_EQ(f.state().endpoints->version, 2u);
}

TEST(Fold, ABatchKeepsTheContentItFirstHadAndAHostKeepsNone) {
  Folding f;
  model::EnrolBatch batch;
  batch.not_after = start() + kDay;
  batch.jurisdiction = "DE";
  EXPECT_EQ(f.reason(batch, {"alice"}), Reason::kNone);
  batch.jurisdiction = "US";
  EXPECT_EQ(f.reason(batch, {"alice"}), Reason::kMalformed);
  EXPECT_EQ(f.state().batches.begin()->second.batch.jurisdiction, "DE");
  Fold host(f.tenant.id(), Fold::Keep::kForHost);
  host.append(f.tenant.root_envelope(), start());
  EXPECT_EQ(host.append(f.tenant.sign(batch, {"alice"}), start()).taken, Taken::kAccepted);
  EXPECT_TRUE(host.state().batches.empty());
}

TEST(Fold, ABatchWhoseHostsWouldBeInNoCountryIsRefused) {
  for (const char* place : {"", "Germany", "de", "D", "D1"}) {
    Folding f;
    model::EnrolBatch batch;
    batch.not_after = start() + kDay;
    batch.jurisdiction = place;
    const Notice notice = f.take(f.tenant.sign(batch, {"alice"}));
    EXPECT_EQ(notice.refusal.reason, Reason::kMalformed) << place;
    EXPECT_THAT(notice.refusal.detail, ::testing::HasSubstr("alpha-2")) << place;
    EXPECT_TRUE(f.state().batches.empty());
  }
}

// The first Close counts for ever: with the conductor's key a thief could close at what suits him.
TEST(Fold, ACampaignIsClosedOnceAndNotByTheConductor) {
  Folding f;
  model::Close close;
  close.campaign = "test";
  EXPECT_EQ(f.reason(close, {"conductor"}), Reason::kQuorum);
  EXPECT_TRUE(f.state().closes.empty());
  close.results_size = 7;
  EXPECT_EQ(f.reason(close, {"carol"}), Reason::kNone);
  close.results_size = 8;
  EXPECT_EQ(f.reason(close, {"alice"}), Reason::kNone);
  EXPECT_EQ(f.state().closes.at("test").results_size, 7u);
}

TEST(Fold, AWeakerRuleWaitsADayAndAStrongerOneDoesNot) {
  Folding f;
  f.now += kHour;
  model::Root next = f.tenant.next(*f.state().root, [](model::Root& root) {
    root.policy.cool_off[3] = Seconds{1};
    root.policy.cool_off[4] = 30 * kDay;
  });
  ASSERT_EQ(f.reason(next, {"alice", "bob"}), Reason::kNone);
  const auto& until = f.state().weakened_until;
  EXPECT_EQ(until[3], f.now + kDay);
  EXPECT_EQ(until[4], Timestamp{});
  // One who joins later has no older rule to protect.
  Fold late(f.tenant.id(), Fold::Keep::kForHost);
  for (const Bytes& root : f.state().root_chain) late.append(root, f.now + 10 * kDay);
  EXPECT_EQ(late.state().root->version(), 2u);
  EXPECT_EQ(late.state().weakened_until[3], Timestamp{});
}

using ChangeRoot = void (*)(model::Root&);

std::vector<model::Clause>& clauses(model::Root& root, Role role) {
  return std::find_if(root.roles.begin(), root.roles.end(),
                      [&](const auto& rule) { return rule.role == role; })
      ->clauses;
}

template <Role kRole>
void is_nobodys(model::Root& root) {
  clauses(root, kRole).clear();
}
template <Role kRole, std::uint8_t kThreshold>
void needs(model::Root& root) {
  clauses(root, kRole) = {{0, {0, 1, 2}, kThreshold}};
}
// alice is the customer's, bob and carol are the provider's.
void two_organisations(model::Root& root) {
  for (const std::size_t key : {1, 2}) root.keys[key].org = 1;
  for (model::RoleRule& rule : root.roles)
    if (rule.role != Role::kConductor)
      rule.clauses = {{0, {0}, 1}, {1, {1, 2}, std::uint8_t(rule.role == Role::kDestroy ? 2 : 1)}};
}

// A class and all above it.
std::vector<Class> from(Class lowest) {
  std::vector<Class> all;
  for (auto i = static_cast<std::size_t>(lowest); i < model::kClasses; ++i)
    all.push_back(static_cast<Class>(i));
  return all;
}

TEST(Fold, EachWeakerRuleHoldsItsClassesBackForADay) {
  struct Row {
    const char* what;
    ChangeRoot before, after;
    std::vector<Class> held_back;
  };
  const ChangeRoot as_it_was = [](model::Root&) {};
  const std::vector<Row> table = {
      {"fewer must sign", needs<Role::kClean, 3>, needs<Role::kClean, 2>, {Class::kClean}},
      {"more must sign", needs<Role::kClean, 2>, needs<Role::kClean, 3>, {}},
      {"the customer's veto falls",
       two_organisations,
       [](auto& r) {
         clauses(r, Role::kClean) = {{1, {1, 2}, 2}};
       },
       {Class::kClean}},
      {"one organisation signs for another",
       [](auto& r) {
         two_organisations(r);
         clauses(r, Role::kClean) = {{1, {1, 2}, 2}};
       },
       [](auto& r) {
         clauses(r, Role::kClean) = {{0, {0}, 1}, {1, {1, 2}, 1}};
       },
       {Class::kClean}},
      {"another organisation must sign too",
       [](auto& r) {
         two_organisations(r);
         clauses(r, Role::kClean) = {{1, {1, 2}, 2}};
       },
       [](auto& r) {
         clauses(r, Role::kClean) = {{0, {0}, 1}, {1, {1, 2}, 2}};
       },
       {}},
      {"what nobody could order is granted",
       is_nobodys<Role::kDestroy>,
       needs<Role::kDestroy, 3>,
       {Class::kDestroy}},
      {"nobody can order it any more", as_it_was, is_nobodys<Role::kDestroy>, {}},
      {"fewer must release", needs<Role::kRelease, 2>, needs<Role::kRelease, 1>,
       from(Class::kObserve)},
      {"what nobody could release is granted", is_nobodys<Role::kRelease>, needs<Role::kRelease, 1>,
       from(Class::kObserve)},
      {"a conductor may release",
       [](auto& r) {
         is_nobodys<Role::kConductor>(r);
         r.keys.pop_back();
       },
       [](auto& r) {
         r.keys.push_back({fixture::key_named("conductor").public_key(), {}, "conductor", 0, ""});
         clauses(r, Role::kConductor) = {{0, {3}, 1}};
       },
       from(Class::kObserve)},
      {"fewer witnesses", as_it_was, [](auto& r) { r.witness_quorum = 0; }, from(Class::kContain)},
      {"older checkpoints",
       as_it_was,
       [](auto& r) { r.policy.checkpoint_age_max[0] += Seconds{1}; },
       {Class::kObserve}},
      {"longer without contact",
       as_it_was,
       [](auto& r) { r.policy.offline_grace_max[3] += Seconds{1}; },
       {Class::kClean}},
      {"longer lives",
       as_it_was,
       [](auto& r) { r.policy.order_life_max[1] += Seconds{1}; },
       {Class::kRead}},
      {"shorter cool-off",
       as_it_was,
       [](auto& r) { r.policy.cool_off[4] -= Seconds{1}; },
       {Class::kDestroy}},
      {"older dry runs", as_it_was, [](auto& r) { r.policy.dry_run_age_max += Seconds{1}; },
       from(Class::kContain)},
      {"more items", [](auto& r) { r.policy.items_max = 10; },
       [](auto& r) { r.policy.items_max = 11; }, from(Class::kContain)},
      {"items without a limit", [](auto& r) { r.policy.items_max = 10; },
       [](auto& r) { r.policy.items_max = 0; }, from(Class::kContain)},
      {"fewer items", as_it_was, [](auto& r) { r.policy.items_max = 10; }, {}},
      {"more canaries", [](auto& r) { r.policy.wave1_permille_max = 50; },
       [](auto& r) { r.policy.wave1_permille_max = 51; }, from(Class::kContain)},
      {"canaries without a limit", [](auto& r) { r.policy.wave1_permille_max = 50; },
       [](auto& r) { r.policy.wave1_permille_max = 0; }, from(Class::kContain)},
  };
  for (const Row& row : table) {
    Folding f(row.before);
    f.now += kHour;
    ASSERT_EQ(f.reason(f.tenant.next(*f.state().root, row.after), {"alice", "bob"}), Reason::kNone)
        << row.what;
    std::vector<Class> held_back;
    for (const Class action_class : from(Class::kObserve))
      if (f.state().weakened_until[static_cast<std::size_t>(action_class)] == f.now + kDay)
        held_back.push_back(action_class);
    EXPECT_EQ(held_back, row.held_back) << row.what;
  }
}

TEST(Fold, OrdersLongOverMakeRoomAndTakeTheirReleasesWithThem) {
  Folding f;
  model::Order order = dry_run(hash_policy());
  const DocumentId id = f.take(f.tenant.sign(order, {"alice"})).id;
  EXPECT_EQ(f.reason(model::Release{1, {}, id, 0, {}, start() + kDay}, {"alice"}), Reason::kNone);
  f.now = order.schedule.not_after + Seconds(limits::kOrderKeptSeconds) + Seconds{1};
  order.nonce.value.fill(1);
  f.take(f.tenant.sign(order, {"alice"}));
  EXPECT_FALSE(f.state().orders.contains(id));
  EXPECT_TRUE(f.state().releases.empty());
}

}  // namespace
}  // namespace fleetsweep::trust
