#include "protocol/trust/weakening.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "protocol/trust/admission.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;
using fixture::Tenant;
using model::Reason;
using model::Role;

model::Clause& clause(model::Root& root, Role role) {
  return std::ranges::find(root.roles, role, &model::RoleRule::role)->clauses.front();
}

void all_three(model::Root& root) {
  clause(root, Role::kRoot).threshold = 3;
  clause(root, Role::kResume).threshold = 3;
}

// A tenant whose root needs three people, and an hour after its founding a root that needs two.
struct Lowered {
  Tenant tenant{all_three};
  Fold fold{tenant.id(), Fold::Keep::kForController};
  Timestamp lowered_at = start() + kHour;
  DocumentId halt;

  Lowered() {
    EXPECT_EQ(fold.append(tenant.root_envelope(), start()).taken, Taken::kAccepted);
    model::Stop stop;
    stop.issued = start();
    stop.halt_all = true;
    halt = fold.append(tenant.sign(stop, {"alice"}), start()).id;
    EXPECT_EQ(fold.append(tenant.sign(next([](model::Root& root) {
                                        clause(root, Role::kRoot).threshold = 2;
                                        clause(root, Role::kResume).threshold = 2;
                                      }),
                                      {"alice", "bob", "carol"}),
                          lowered_at)
                  .taken,
              Taken::kAccepted);
  }
  const State& state() const { return fold.state(); }
  std::uint64_t version() const { return state().root->version(); }
  model::Root next(const std::function<void(model::Root&)>& change = {}) const {
    return tenant.next(*state().root, change);
  }
  // bob and carol throw alice out, for dave.
  model::Root coup() const {
    return next([this](model::Root& root) {
      root.keys[0] = {tenant.key("dave").public_key(), {}, "dave", 0, ""};
    });
  }
  Bytes coup_signed() const { return tenant.sign(coup(), {"bob", "carol", "dave"}); }
};

TEST(OlderRules, ALoweredThresholdForRootCountsAfterADay) {
  Lowered f;
  EXPECT_EQ(f.fold.append(f.coup_signed(), f.lowered_at + kDay - Seconds{1}).taken, Taken::kWaits);
  EXPECT_EQ(f.version(), 2u);
  EXPECT_TRUE(f.fold.settle(f.lowered_at + kDay - Seconds{1}).empty());
  const auto settled = f.fold.settle(f.lowered_at + kDay);
  ASSERT_EQ(settled.size(), 1u);
  EXPECT_EQ(settled[0].taken, Taken::kAccepted);
  EXPECT_EQ(f.version(), 3u);
  EXPECT_TRUE(f.state().waiting.empty());

  Lowered later;
  EXPECT_EQ(later.fold.append(later.coup_signed(), later.lowered_at + kDay).taken,
            Taken::kAccepted);
}

TEST(OlderRules, WhoMeetsTheOlderRuleTooDoesNotWait) {
  Lowered f;
  EXPECT_EQ(
      f.fold.append(f.tenant.sign(f.coup(), {"alice", "bob", "carol", "dave"}), f.lowered_at).taken,
      Taken::kAccepted);
  EXPECT_EQ(f.version(), 3u);
}

TEST(OlderRules, InTheDayAllTogetherUndoWhatTwoOfThemBegan) {
  Lowered f;
  ASSERT_EQ(f.fold.append(f.coup_signed(), f.lowered_at).taken, Taken::kWaits);
  const model::Root restored = f.next([](model::Root& root) { all_three(root); });
  EXPECT_EQ(
      f.fold.append(f.tenant.sign(restored, {"alice", "bob", "carol"}), f.lowered_at + kHour).taken,
      Taken::kAccepted);
  EXPECT_TRUE(f.state().waiting.empty());
  f.fold.settle(f.lowered_at + 10 * kDay);
  EXPECT_EQ(f.version(), 3u);
  EXPECT_EQ(f.state().root->root().keys[0].holder, "alice");
}

TEST(OlderRules, ARootBehindOneThatWaitsIsNotLost) {
  Lowered f;
  Fold ahead = f.fold;  // of a host for which the day is over
  ASSERT_EQ(ahead.append(f.coup_signed(), f.lowered_at + kDay).taken, Taken::kAccepted);
  const Bytes fourth =
      f.tenant.sign(f.tenant.next(*ahead.state().root, [](auto& root) { root.expires += kDay; }),
                    {"carol", "dave"});
  model::Stop stop;
  stop.issued = start();
  stop.nonce.value.fill(7);
  stop.halt_all = true;
  const Bytes stop_by_newcomer = f.tenant.sign(stop, {"dave"});
  for (const Bytes& entry : {fourth, stop_by_newcomer})
    ASSERT_EQ(ahead.append(entry, f.lowered_at + kDay).taken, Taken::kAccepted);

  // One that was away sees everything at once: it has waited a day of its own, and heard the Stop.
  const Timestamp back = f.lowered_at + kHour;
  EXPECT_EQ(f.fold.append(f.coup_signed(), back).taken, Taken::kWaits);
  EXPECT_EQ(f.fold.append(fourth, back).taken, Taken::kWaits);
  EXPECT_EQ(f.fold.append(stop_by_newcomer, back).taken, Taken::kAccepted);
  EXPECT_EQ(f.version(), 2u);
  f.fold.settle(f.lowered_at + kDay);
  EXPECT_EQ(f.version(), 4u);
  EXPECT_EQ(f.state().root, ahead.state().root);
  EXPECT_EQ(f.state().root_chain, ahead.state().root_chain);
}

TEST(OlderRules, ARestartThatSettlesAtOtherMomentsEndsInTheSameState) {
  Lowered once;
  Lowered twice;
  for (Lowered* f : {&once, &twice})
    ASSERT_EQ(f->fold.append(f->coup_signed(), f->lowered_at + kHour).taken, Taken::kWaits);
  for (Seconds step = kHour; step <= 2 * kDay; step += kHour)
    once.fold.settle(once.lowered_at + step);
  twice.fold.settle(twice.lowered_at + 2 * kDay);
  EXPECT_EQ(once.version(), 3u);
  EXPECT_EQ(once.state(), twice.state());
}

TEST(OlderRules, ALoweredThresholdForResumeCountsAfterADay) {
  Lowered f;
  model::Resume resume;
  resume.stops = {f.halt};
  EXPECT_EQ(f.fold.append(f.tenant.sign(resume, {"alice", "bob"}), f.lowered_at).taken,
            Taken::kWaits);
  EXPECT_TRUE(f.state().stops.contains(f.halt));
  f.fold.settle(f.lowered_at + kDay);
  EXPECT_FALSE(f.state().stops.contains(f.halt));

  Lowered all;
  EXPECT_EQ(
      all.fold.append(all.tenant.sign(resume, {"alice", "bob", "carol"}), all.lowered_at).taken,
      Taken::kAccepted);
}

// Whoever enrols makes hosts, whoever names endpoints takes them elsewhere.
TEST(OlderRules, ALoweredThresholdForEnrolOrInfraCountsAtOnce) {
  Tenant tenant([](model::Root& root) {
    clause(root, Role::kEnrol).threshold = 2;
    clause(root, Role::kInfra).threshold = 2;
  });
  Fold fold(tenant.id(), Fold::Keep::kForController);
  fold.append(tenant.root_envelope(), start());
  const Timestamp lowered = start() + kHour;
  const model::Root next = tenant.next(*fold.state().root, [](model::Root& root) {
    clause(root, Role::kEnrol).threshold = 1;
    clause(root, Role::kInfra).threshold = 1;
  });
  ASSERT_EQ(fold.append(tenant.sign(next, {"alice", "bob"}), lowered).taken, Taken::kAccepted);
  const model::EnrolBatch batch{.not_after = start() + 30 * kDay, .jurisdiction = "DE"};
  EXPECT_EQ(fold.append(tenant.sign(batch, {"carol"}), lowered).taken, Taken::kWaits);
  const model::Endpoints endpoints{.version = 1};
  EXPECT_EQ(fold.append(tenant.sign(endpoints, {"carol"}), lowered).taken, Taken::kWaits);
  EXPECT_TRUE(fold.state().batches.empty());
  EXPECT_FALSE(fold.state().endpoints);
  EXPECT_EQ(fold.settle(lowered + kDay).size(), 2u);
  EXPECT_EQ(fold.state().batches.size(), 1u);
  EXPECT_TRUE(fold.state().endpoints);
  // Two together need not wait.
  const model::Endpoints later{.version = 2};
  EXPECT_EQ(fold.append(tenant.sign(later, {"alice", "carol"}), lowered).taken, Taken::kAccepted);
}

TEST(OlderRules, OneWhoJoinsLaterHasNoneToProtect) {
  Lowered f;
  Fold late(f.tenant.id(), Fold::Keep::kForHost);
  const Timestamp joined = f.lowered_at + kHour;
  for (const Bytes& root : f.state().root_chain) late.append(root, joined);
  EXPECT_EQ(late.append(f.coup_signed(), joined).taken, Taken::kAccepted);
  EXPECT_EQ(late.state().root->version(), 3u);
}

TEST(OlderRules, TheControllerSaysUntilWhenInsteadOfLoggingWhatWaits) {
  Lowered f;
  const auto refused = admit(f.state(), f.coup_signed(), std::nullopt, f.lowered_at + kHour);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kQuorum);
  EXPECT_THAT(refused.error().detail, ::testing::HasSubstr(to_rfc3339(f.lowered_at + kDay)));
  EXPECT_TRUE(admit(f.state(), f.coup_signed(), std::nullopt, f.lowered_at + kDay));
}

TEST(OlderRules, WhatWaitsHasABound) {
  Lowered f;
  for (int i = 0; i < 40; ++i)
    f.fold.append(
        f.tenant.sign(f.next([&](auto& root) { root.expires += Seconds{i}; }), {"bob", "carol"}),
        f.lowered_at);
  EXPECT_EQ(f.state().waiting.size(), limits::kWaitingEntries);
}

// What makes the rule for a role weaker. The classes' own conditions stand in fold_test.
TEST(Weakening, OfARoleIsALowerThresholdOrOneThatIsGone) {
  const model::Root before = Tenant(all_three).root();
  const auto is_weaker = [&](const std::function<void(model::Root&)>& change) {
    model::Root after = before;
    change(after);
    return is_role_weaker(before, after, Role::kRoot);
  };
  EXPECT_FALSE(is_weaker([](auto&) {}));
  EXPECT_TRUE(is_weaker([](auto& root) { clause(root, Role::kRoot).threshold = 2; }));
  EXPECT_FALSE(is_weaker([](auto& root) { clause(root, Role::kClean).threshold = 1; }));
  // The same number of other people: the old threshold chose them.
  EXPECT_FALSE(is_weaker([](auto& root) { root.keys[0].pub.value[0] ^= 1; }));
  EXPECT_TRUE(is_weaker([](auto& root) { clause(root, Role::kRoot).org = 1; }));
}

void put_in_a_safe(model::Root& root, Role role) {
  for (const char* name : {"dave", "erin"})
    root.keys.push_back({fixture::key_named(name).public_key(), {}, name, 0, ""});
  std::ranges::find(root.roles, role, &model::RoleRule::role)->sealed = {{0, {4, 5}, 2}};
}

TEST(Weakening, SealedClausesThatAppearOrAskLessAreOne) {
  const model::Root without = Tenant().root();
  model::Root with = without;
  put_in_a_safe(with, Role::kClean);
  model::Root more = with;
  std::ranges::find(more.roles, Role::kClean, &model::RoleRule::role)->sealed[0].threshold = 3;
  const auto is_weaker = [](const model::Root& before, const model::Root& after) {
    EXPECT_FALSE(is_class_weaker(before, after, model::Class::kContain));
    return is_class_weaker(before, after, model::Class::kClean);
  };
  EXPECT_TRUE(is_weaker(without, with));
  EXPECT_FALSE(is_weaker(with, without));
  EXPECT_TRUE(is_weaker(more, with));
  EXPECT_FALSE(is_weaker(with, more));
}

TEST(Weakening, StandingOrdersThatMayStandLongerHoldBackTheirClasses) {
  const model::Root before = Tenant().root();
  model::Root after = before;
  after.policy.standing_life_max = kDay;
  for (std::size_t i = 0; i < model::kClasses; ++i) {
    const auto action_class = static_cast<model::Class>(i);
    EXPECT_EQ(is_class_weaker(before, after, action_class), action_class <= model::Class::kContain);
    EXPECT_FALSE(is_class_weaker(after, before, action_class));
  }
}

// A world that rotates by the lowered rule while a host is away, and a thief who has two keys and
// the log's: the host trusts no witness that only the lowered rule named.
TEST(LogView, AWaitingRootNamesNoWitnesses) {
  fixture::World world(all_three);
  world.pass(kHour);
  const auto lowered = world.tenant.next(
      world.view.root(), [](model::Root& root) { clause(root, Role::kRoot).threshold = 2; });
  const Bytes second = world.tenant.sign(lowered, {"alice", "bob", "carol"});
  const auto accepted =
      accept_next_root(world.view.root(), *codec::decode<model::Envelope>(second));
  ASSERT_TRUE(accepted);
  const auto thief = fixture::key_named("thief's witness");
  const log::VerifierKey witness{"thief.example/w", log::KeyType::kCosignatureV1,
                                 thief.public_key()};
  const Bytes third = world.tenant.sign(
      world.tenant.next(*accepted, [&](auto& root) { root.witnesses = {witness.text()}; }),
      {"bob", "carol"});
  world.log.append(second);
  const auto index = world.log.append(third);
  ASSERT_TRUE(world.view.append(index - 1, {second, third}, world.clock));
  log::Note forged = *log::Note::parse(world.log.note(world.clock.local));
  forged.signatures.back() =
      log::cosign(forged.body, witness.name, thief, world.clock.local + 2 * kDay);
  EXPECT_FALSE(world.view.checkpoint(forged.text(), world.clock));
  EXPECT_EQ(world.view.floor().time, start());
  // Witnesses of the root before still can say that a day has passed.
  world.witness();
  EXPECT_EQ(world.view.root().version(), 2u);
  world.pass(kDay);
  world.witness();
  EXPECT_EQ(world.view.root().version(), 3u);
}

}  // namespace
}  // namespace fleetsweep::trust
