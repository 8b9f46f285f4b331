#include "protocol/trust/gates.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::apply;
using fixture::dry_run;
using fixture::kDay;
using fixture::kHour;
using fixture::start;
using fixture::undo;
using fixture::World;
using model::Class;
using model::Reason;
using ::testing::HasSubstr;

model::Stop stop_of(std::uint8_t nonce) {
  model::Stop stop;
  stop.nonce.value.fill(nonce);
  stop.issued = start();
  stop.reason = "test";
  return stop;
}

bool is_allowed(const Verdict& verdict) {
  return std::holds_alternative<Allowed>(verdict);
}
WaitFor waits_for(const Verdict& verdict) {
  const auto* waiting = std::get_if<Waiting>(&verdict);
  EXPECT_NE(waiting, nullptr);
  return waiting ? waiting->what : WaitFor{};
}

// What can be wrong, in the order of gates.h: with the order before it is signed, or with the world
// once it could run. All else is as in a world where it may run.
struct Case {
  const char* what;
  Reason reason;
  std::function<void(World&, model::Order&)> spoil_order;
  std::function<void(World&, DocumentId&)> spoil_world;
};

void next_root(World& world, const std::function<void(model::Root&)>& change,
               std::initializer_list<std::string> people) {
  const DocumentId id = world.submit(world.tenant.next(world.view.root(), change), people);
  EXPECT_EQ(world.view.root().id(), id);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> table = {
      {"no such order", Reason::kUntrusted, {}, [](World&, DocumentId& id) { id = {}; }},
      {"poison", Reason::kPoison, {}, [](World& w, DocumentId& id) { w.poisoned.insert(id); }},
      {"the owner halted", Reason::kHalted, {}, [](World& w, auto&) { w.host.halted = true; }},
      {"forked log",
       Reason::kLogFork,
       {},
       [](World& w, auto&) {
         fixture::Log other;
         for (std::size_t i = 0; i < w.log.entries().size(); ++i) other.append({1, 2, 3});
         EXPECT_FALSE(w.view.checkpoint(other.note(w.clock.local), w.clock));
       }},
      {"schema", Reason::kSchema, [](World&, auto& o) { o.agent_schema_min = 2; }, {}},
      {"root version", Reason::kRootVersion, [](World&, auto& o) { o.root_version_min = 2; }, {}},
      {"executed",
       Reason::kExecuted,
       {},
       [](World& w, DocumentId& id) {
         w.executed.insert({id, 0});
       }},
      {"another policy's bytes",
       Reason::kPolicyMismatch,
       {},
       [](World& w, auto&) { w.facts.digest.value[0] ^= 1; }},
      {"another size of policy",
       Reason::kPolicyMismatch,
       {},
       [](World& w, auto&) { w.facts.size += 8; }},
      {"the policy is more dangerous than the order says",
       Reason::kClassMismatch,
       [](World&, auto& o) { o.action_class = Class::kContain; },
       {}},
      {"the policy is less dangerous than the order says",
       Reason::kClassMismatch,
       {},
       [](World& w, auto&) { w.facts.apply = Class::kObserve; }},
      {"stopped",
       Reason::kStopped,
       {},
       [](World& w, DocumentId& id) {
         model::Stop stop = stop_of(1);
         stop.orders = {id};
         w.submit(stop, {"carol"});
       }},
      {"undone before it began",
       Reason::kStopped,
       {},
       [](World& w, DocumentId& id) {
         w.submit(undo(id), {"alice", "carol"});
       }},
      {"an approver's key is stopped",
       Reason::kQuorum,
       {},
       [](World& w, auto&) {
         model::Stop stop = stop_of(1);
         stop.keys = {w.tenant.key("bob").public_key()};
         w.submit(stop, {"carol"});
       }},
      {"an approver left between sign and apply",
       Reason::kQuorum,
       {},
       [](World& w, auto&) {
         next_root(w,
                   [&](model::Root& root) {
                     root.keys[1] = {w.tenant.key("dave").public_key(), {}, "dave", 0, ""};
                   },
                   {"alice", "carol", "dave"});
       }},
      {"root expired",
       Reason::kRootExpired,
       {},
       [](World& w, auto&) {
         next_root(w, [&](model::Root& root) { root.expires = w.clock.local; }, {"alice", "carol"});
       }},
      {"valid for too long",
       Reason::kLifetime,
       [](World&, auto& o) { o.schedule.not_after = start() + 4 * kDay; },
       {}},
      {"offline grace too long",
       Reason::kLifetime,
       [](World&, auto& o) { o.schedule.offline_grace = 7 * kHour; },
       {}},
      {"expired",
       Reason::kExpired,
       {},
       [](World& w, auto&) {
         w.pass(kDay);
         w.witness();
       }},
      {"canary wave too large",
       Reason::kLimit,
       {},
       [](World& w, auto&) {
         next_root(w, [](model::Root& root) { root.policy.wave1_permille_max = 50; },
                   {"alice", "bob"});
       }},
      {"no jurisdiction is nowhere",
       Reason::kJurisdiction,
       [](World&, auto& o) { o.scope.jurisdictions.clear(); },
       {}},
      {"another country",
       Reason::kJurisdiction,
       [](World&, auto& o) { o.scope.jurisdictions = {"FR"}; },
       {}},
      {"another group", Reason::kScope, [](World&, auto& o) { o.scope.groups = {"db"}; }, {}},
      {"excluded",
       Reason::kScope,
       [](World& w, auto& o) { o.scope.include = o.scope.exclude = {w.host.agent}; },
       {}},
      {"for windows",
       Reason::kPlatform,
       {},
       [](World& w, auto&) { w.facts.platform = model::Platform::kWindows; }},
      {"an action this agent does not have",
       Reason::kCapability,
       {},
       [](World& w, auto&) { std::erase(w.host.capabilities, "quarantine"); }},
      {"content without a sandbox",
       Reason::kSandbox,
       {},
       [](World& w, auto&) {
         w.facts.dry_run = Class::kRead;
         w.host.sandbox = model::SandboxLevel::kNone;
       }},
      {"the owner does not allow cleaning",
       Reason::kConsent,
       {},
       [](World& w, auto&) { w.host.consent.max_class = Class::kContain; }},
      {"undo of what never ran here",
       Reason::kUndoUnknown,
       [](World&, auto& o) { o = undo(DocumentId::from(Bytes(32, 7)).value()); },
       {}},
      {"undo of a dry run",
       Reason::kUndoUnknown,
       [](World& w, auto& o) { o = undo(w.dry_runs[0].order); },
       {}},
      {"policy not here",
       Reason::kPolicyMissing,
       {},
       [](World& w, auto&) { w.has_policy = false; }},
      {"clock set back", Reason::kClock, {}, [](World& w, auto&) { w.clock.local -= kHour / 2; }},
      {"no contact", Reason::kStale, {}, [](World& w, auto&) { w.pass(kHour / 4 + Seconds{1}); }},
      {"no dry run", Reason::kDryRunMissing, {}, [](World& w, auto&) { w.dry_runs.clear(); }},
      {"a dry run of another policy",
       Reason::kDryRunMissing,
       {},
       [](World& w, auto&) {
         for (DryRun& run : w.dry_runs) run.policy.value[0] ^= 1;
       }},
      {"a dry run of long ago",
       Reason::kDryRunOld,
       {},
       [](World& w, auto&) { w.dry_runs[0].finished = w.clock.local - 7 * kDay - Seconds{1}; }},
  };
  return table;
}

// The reason of an order with which all of this is wrong.
Reason reason_with(std::initializer_list<const Case*> mistakes) {
  World world;
  DocumentId id = world.ready_apply([&](model::Order& order) {
    for (const Case* one : mistakes)
      if (one->spoil_order) one->spoil_order(world, order);
  });
  for (const Case* one : mistakes)
    if (one->spoil_world) one->spoil_world(world, id);
  return world.reason(id);
}

TEST(Gates, EachSaysNoWithItsReason) {
  for (const Case& row : cases()) EXPECT_EQ(reason_with({&row}), row.reason) << row.what;
}

TEST(Gates, TheFirstThingWrongIsTheReason) {
  const auto& all = cases();
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    EXPECT_EQ(reason_with({&all[i], &all[i + 1]}), all[i].reason)
        << all[i].what << " and " << all[i + 1].what;
}

TEST(Gates, NothingElseSaysNo) {
  World world;
  const DocumentId id = world.ready_apply();
  EXPECT_EQ(world.judge(id), Verdict(Allowed{Class::kClean, 0, 0}));
}

// kMalformed and kTenant keep a document out of the log's state. The reasons of the host are in
// tests/agent/reasons.
TEST(Gates, EveryReasonOfTheDocumentIsProducedHereOrByTheFold) {
  World world;
  model::Order foreign = dry_run(world.policy);
  foreign.tenant.value.fill(9);
  std::set<Reason> produced = {world.submit({1, 2, 3}).refusal.reason,
                               world.submit(world.tenant.sign(foreign, {"alice"})).refusal.reason};
  for (const Case& row : cases()) produced.insert(row.reason);
  std::set<Reason> expected = {Reason::kPlatform, Reason::kCapability, Reason::kSandbox,
                               Reason::kLimit};
  for (auto i = static_cast<int>(Reason::kMalformed); i <= static_cast<int>(Reason::kPoison); ++i)
    expected.insert(static_cast<Reason>(i));
  EXPECT_EQ(produced, expected);
}

TEST(Gates, AnUndoNeedsNoPolicyNoDryRunAndNoCoolOff) {
  World world;
  const DocumentId applied = world.ready_apply();
  world.executed.insert({applied, 0});
  world.has_policy = false;
  world.dry_runs.clear();
  const DocumentId id = world.submit(undo(applied), {"alice", "carol"});
  EXPECT_TRUE(is_allowed(world.judge(id)));
}

TEST(Gates, AnUndoThatIsNotInForceHereKeepsItsOrderFromRunning) {
  World world;
  const DocumentId applied = world.ready_apply();
  model::Order elsewhere = undo(applied);
  elsewhere.scope.groups = {"db"};
  world.submit(elsewhere, {"alice", "carol"});
  EXPECT_TRUE(is_allowed(world.judge(applied)));
  model::Stop stop = stop_of(1);
  stop.orders = {world.submit(undo(applied), {"alice", "carol"})};
  EXPECT_EQ(world.reason(applied), Reason::kStopped);
  world.submit(stop, {"carol"});
  EXPECT_TRUE(is_allowed(world.judge(applied)));
}

TEST(Gates, AnOrderForTomorrowWaitsEvenWithoutContact) {
  World world;
  model::Order order = dry_run(world.policy);
  order.schedule.not_before = start() + 2 * kDay;
  order.schedule.not_after = start() + 3 * kDay;
  const DocumentId id = world.submit(order, {"alice"});
  world.pass(kDay + kHour);  // longer than a checkpoint may be old
  const Verdict verdict = world.judge(id);
  ASSERT_EQ(waits_for(verdict), WaitFor::kTime);
  EXPECT_EQ(std::get<Waiting>(verdict).until, order.schedule.not_before);
  world.pass(kDay);
  EXPECT_EQ(world.reason(id), Reason::kStale);
  world.witness();
  EXPECT_TRUE(is_allowed(world.judge(id)));
}

TEST(Gates, AnOfflineGraceLetsItFireWithoutContactAndEndsToo) {
  World world;
  const DocumentId id =
      world.ready_apply([](auto& order) { order.schedule.offline_grace = 6 * kHour; });
  world.pass(6 * kHour);
  EXPECT_TRUE(is_allowed(world.judge(id)));
  world.pass(Seconds{1});
  EXPECT_EQ(world.reason(id), Reason::kStale);
}

TEST(Gates, CoolOffCountsBetweenTwoWitnessedCheckpointsOnly) {
  World world;
  const DocumentId id = world.submit(apply(world.policy, world.run_dry()), {"alice", "bob"});
  EXPECT_EQ(waits_for(world.judge(id)), WaitFor::kCoolOff);
  // Our own clock passes; no witness says so.
  world.pass(Seconds{10 * 60});
  EXPECT_EQ(waits_for(world.judge(id)), WaitFor::kCoolOff);
  world.pass(kHour);
  EXPECT_EQ(world.reason(id), Reason::kStale);
  world.witness();
  EXPECT_TRUE(is_allowed(world.judge(id)));
}

TEST(Gates, AWeakenedRootMakesItsClassWait) {
  World world;
  world.pass(kHour);
  world.submit(world.tenant.next(world.view.root(),
                                 [](model::Root& root) { root.policy.cool_off[3] = Seconds{3}; }),
               {"alice", "bob"});
  model::Order order = apply(world.policy, world.run_dry());
  order.schedule.not_after = start() + 3 * kDay;
  const DocumentId id = world.submit(order, {"alice", "bob"});
  world.pass(kHour);
  world.witness();
  EXPECT_EQ(waits_for(world.judge(id)), WaitFor::kCoolOff);
  world.pass(kDay);
  world.witness();
  EXPECT_TRUE(is_allowed(world.judge(id)));
}

// A world whose host stands in the given wave of its order.
struct Waves {
  World world;
  model::Order order;
  DocumentId id;

  Waves(std::vector<model::Wave> waves, std::uint16_t wave) {
    order = dry_run(world.policy);
    order.waves = std::move(waves);
    for (std::uint8_t nonce = 0;; ++nonce) {
      order.nonce.value.fill(nonce);
      const Bytes entry = world.tenant.sign(order, {"alice"});
      if (wave_of(order.waves, fixture::id_of(entry), world.host.agent) != wave) continue;
      id = world.submit(entry).id;
      return;
    }
  }
  void release(std::uint16_t wave, const char* person, Seconds life = kDay) {
    world.submit(model::Release{1, {}, id, wave, {}, world.clock.local + life}, {person});
  }
};

TEST(Waves, TheSecondWaitsForItsReleaseAndThenForNothing) {
  Waves w({{500, {}, model::Gate::kNone, {}}, {1000, {}, model::Gate::kManual, {}}}, 1);
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kRelease);
  w.release(0, "bob");
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kRelease);
  w.release(1, "conductor");
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kRelease);
  w.release(1, "bob");
  EXPECT_EQ(w.world.judge(w.id), Verdict(Allowed{Class::kObserve, 1, 0}));
}

TEST(Waves, TheFirstNeedsNoReleaseUnlessItsGateSaysSo) {
  Waves open({{500, {}, model::Gate::kNone, {}}, {1000, {}, model::Gate::kManual, {}}}, 0);
  EXPECT_TRUE(is_allowed(open.world.judge(open.id)));
  Waves standing({{500, {}, model::Gate::kManual, {}}, {1000, {}, model::Gate::kNone, {}}}, 0);
  EXPECT_EQ(waits_for(standing.world.judge(standing.id)), WaitFor::kRelease);
}

TEST(Waves, NobodyOvertakesTheCanaries) {
  Waves w({{500, {}, model::Gate::kManual, {}}, {1000, {}, model::Gate::kNone, {}}}, 1);
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kRelease);
  w.release(0, "bob");
  EXPECT_TRUE(is_allowed(w.world.judge(w.id)));
}

TEST(Waves, TheConductorOpensAutoGatesNotBeforeTheirDelay) {
  Waves w({{500, {}, model::Gate::kNone, {}}, {1000, 2 * kHour, model::Gate::kAuto, {}}}, 1);
  w.release(1, "conductor");
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kWaveDelay);
  w.world.pass(2 * kHour);
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kWaveDelay);  // our clock alone
  w.world.witness();
  EXPECT_TRUE(is_allowed(w.world.judge(w.id)));
}

TEST(Waves, TheDelayRunsFromTheReleaseOfTheWaveBefore) {
  Waves w({{300, {}, model::Gate::kManual, {}}, {1000, kHour, model::Gate::kNone, {}}}, 1);
  w.world.pass(3 * kHour);
  w.release(0, "bob");
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kWaveDelay);
  w.world.pass(kHour);
  w.world.witness();
  EXPECT_TRUE(is_allowed(w.world.judge(w.id)));
}

TEST(Waves, AReleaseEndsAndDiesWithItsSigner) {
  Waves w({{500, {}, model::Gate::kNone, {}}, {1000, {}, model::Gate::kManual, {}}}, 1);
  w.release(1, "bob", kHour);
  EXPECT_TRUE(is_allowed(w.world.judge(w.id)));
  w.world.pass(kHour);
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kRelease);
  w.release(1, "carol", kHour);
  EXPECT_TRUE(is_allowed(w.world.judge(w.id)));
  model::Stop stop = stop_of(1);
  stop.keys = {w.world.tenant.key("carol").public_key()};
  w.world.submit(stop, {"bob"});
  EXPECT_EQ(waits_for(w.world.judge(w.id)), WaitFor::kRelease);
}

TEST(Stops, EachKindHaltsWhatItNamesAndNothingElse) {
  World world;
  const DocumentId apply_id = world.ready_apply();
  const DocumentId dry_id = world.submit(
      [&] {
        model::Order order = dry_run(world.policy);
        order.nonce.value.fill(7);
        return order;
      }(),
      {"alice"});
  struct Row {
    const char* what;
    std::function<void(model::Stop&)> set;
    bool apply, dry;
  };
  const std::vector<Row> table = {
      {"all", [](auto& s) { s.halt_all = true; }, true, true},
      {"from contain", [](auto& s) { s.halt_from_class = Class::kContain; }, true, false},
      {"from destroy", [](auto& s) { s.halt_from_class = Class::kDestroy; }, false, false},
      {"order", [&](auto& s) { s.orders = {apply_id}; }, true, false},
      {"policy", [&](auto& s) { s.policies = {world.facts.digest}; }, true, true},
      {"host", [&](auto& s) { s.agents = {world.host.agent}; }, true, true},
      {"another host", [&](auto& s) { s.agents = {AgentId{}}; }, false, false},
  };
  std::uint8_t nonce = 10;
  for (const Row& row : table) {
    model::Stop stop = stop_of(++nonce);
    row.set(stop);
    const DocumentId id = world.submit(stop, {"bob"});
    EXPECT_EQ(world.reason(apply_id), row.apply ? Reason::kStopped : Reason::kNone) << row.what;
    EXPECT_EQ(world.reason(dry_id), row.dry ? Reason::kStopped : Reason::kNone) << row.what;
    model::Resume resume;
    resume.stops = {id};
    world.submit(resume, {"alice", "bob"});
    EXPECT_EQ(world.reason(apply_id), Reason::kNone) << row.what;
  }
}

TEST(Gates, AnExpiredRootLeavesOnlyObserveAndStop) {
  World world;
  const DocumentId apply_id = world.ready_apply();
  world.submit(world.tenant.next(world.view.root(),
                                 [&](model::Root& root) { root.expires = world.clock.local; }),
               {"alice", "bob"});
  model::Order order = dry_run(world.policy);
  order.nonce.value.fill(7);
  const DocumentId dry_id = world.submit(order, {"alice"});
  EXPECT_EQ(world.reason(apply_id), Reason::kRootExpired);
  EXPECT_TRUE(is_allowed(world.judge(dry_id)));
  model::Stop stop = stop_of(1);
  stop.halt_all = true;
  world.submit(stop, {"alice"});
  EXPECT_EQ(world.reason(dry_id), Reason::kStopped);
}

TEST(Gates, WithoutWitnessesNothingIsCleaned) {
  World world([](model::Root& root) {
    root.witnesses.clear();
    root.witness_quorum = 0;
  });
  const DocumentId id = world.ready_apply();
  EXPECT_EQ(world.reason(id), Reason::kStale);
  model::Order order = dry_run(world.policy);
  order.nonce.value.fill(7);
  EXPECT_TRUE(is_allowed(world.judge(world.submit(order, {"alice"}))));
}

TEST(Gates, AHostWhoseClockIsWrongDoesNotCleanWhateverItSays) {
  for (const Seconds error : {-365 * kDay, 365 * kDay, -kHour, 25 * kHour}) {
    World world;
    const DocumentId id = world.ready_apply();
    world.clock.local += error;
    EXPECT_FALSE(is_allowed(world.judge(id))) << error.count();
  }
  // Frozen: boottime goes on, the order's time runs out all the same.
  World world;
  const DocumentId id = world.ready_apply();
  world.clock.boottime += 2 * kDay;
  EXPECT_EQ(world.reason(id), Reason::kExpired);
}

TEST(Gates, ARepeatedDryRunRunsOnceInEachSlot) {
  World world;
  model::Order order = dry_run(world.policy);
  order.schedule.repeat = 6 * kHour;
  const DocumentId id = world.submit(order, {"alice"});
  EXPECT_EQ(world.judge(id), Verdict(Allowed{Class::kObserve, 0, 0}));
  world.executed.insert({id, 0});
  const Verdict verdict = world.judge(id);
  ASSERT_EQ(waits_for(verdict), WaitFor::kTime);
  EXPECT_EQ(std::get<Waiting>(verdict).until, start() + 6 * kHour);
  world.pass(6 * kHour);
  EXPECT_EQ(world.judge(id), Verdict(Allowed{Class::kObserve, 0, 1}));
}

TEST(Gates, ScopeIsTheCountryAndThenGroupsOrNames) {
  const AgentId me = World().host.agent;
  AgentId other;
  const auto ok = [&](const model::Scope& scope) {
    return in_scope(scope, me, "DE", {"web", "eu"}).has_value();
  };
  EXPECT_TRUE(ok({{"DE"}, {}, {}, {}}));
  EXPECT_TRUE(ok({{"FR", "DE"}, {"web"}, {}, {}}));
  EXPECT_TRUE(ok({{"DE"}, {"db"}, {me}, {}}));
  EXPECT_FALSE(ok({{"DE"}, {"db"}, {other}, {}}));
  EXPECT_FALSE(ok({{"DE"}, {}, {other}, {}}));
  EXPECT_FALSE(ok({{"DE"}, {"web"}, {me}, {me}}));
  EXPECT_FALSE(ok({{}, {"web"}, {me}, {}}));
}

TEST(Gates, TheLeastOfAllItemLimitsHolds) {
  World world;
  model::Order order = dry_run(world.policy);
  model::Root root = world.tenant.root();
  Consent consent;
  EXPECT_EQ(items_allowed(0, order, root, consent), limits::kItemsDefault);
  EXPECT_EQ(items_allowed(9999, order, root, consent), limits::kItemsMax);
  order.limits.items = 40;
  EXPECT_EQ(items_allowed(100, order, root, consent), 40u);
  root.policy.items_max = 30;
  EXPECT_EQ(items_allowed(100, order, root, consent), 30u);
  consent.items_max = 0;
  EXPECT_EQ(items_allowed(100, order, root, consent), 0u);
}

TEST(Refusals, SayWhatWasExpected) {
  World world;
  const DocumentId id = world.ready_apply();
  world.pass(kHour);
  const Verdict verdict = world.judge(id);
  EXPECT_THAT(std::get<Refusal>(verdict).detail,
              HasSubstr("the newest checkpoint is 1h old, class clean allows 15m"));
}

}  // namespace
}  // namespace fleetsweep::trust
