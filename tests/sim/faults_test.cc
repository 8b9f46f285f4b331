// What goes wrong on the way: crashes, silence, partitions, clocks, Stops, and people who sign too
// little.

#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

using model::HostState;
using model::Reason;

constexpr Duration kHour = std::chrono::hours(1);
constexpr Duration kMinute = std::chrono::minutes(1);

// After all faults: every infected host is clean, and every receipt ever made is stored once.
void expect_all_well(World& world) {
  // What a host had refused counts as settled until it says that it was cleaned after all.
  EXPECT_TRUE(world.run_until(
      [&] {
        return world.is_settled() && world.infected() == 0 &&
               world.count(HostState::kVerified) == world.infected_at_first();
      },
      kHour));
  EXPECT_EQ(world.infected(), 0u);
  EXPECT_EQ(world.checkers().changes(), world.infected_at_first());
  EXPECT_EQ(world.count(HostState::kVerified), world.infected_at_first());
  EXPECT_EQ(world.count(HostState::kClean), world.hosts() - world.infected_at_first());
  EXPECT_EQ(world.checkers().made(), world.checkers().stored());
  EXPECT_EQ(world.verdict(), "");
}

Bytes stop_everything() {
  model::Stop stop;
  stop.nonce.value.fill(5);
  stop.issued = fixture::start();
  stop.halt_all = true;
  stop.reason = "drill";
  return setting().tenant.sign(stop, {"carol"});
}

// The dry run is over, the clean order is in the log and cools off.
DocumentId ordered_clean(World& world) {
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour)) << world.states();
  return world.order(setting().apply(dry_run), {"alice", "bob"});
}

TEST(SimFaults, ControllerCrashInMidCampaignLosesNothing) {
  World world({.seed = 11, .hosts = 100});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  world.run_until([&] { return world.checkers().stored() > 40; }, kHour);
  world.controller().crash();
  EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour)) << world.states();
  world.order(setting().apply(dry_run), {"alice", "bob"});
  world.run_until([&] { return world.checkers().changes() > 10; }, kHour);
  world.controller().crash();
  expect_all_well(world);
  EXPECT_EQ(world.controller().crashes, 2u);
}

TEST(SimFaults, AgentCrashBetweenIntentAndDone) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed, .hosts = 20, .infected_permille = 1000, .act_crash = 0.3});
    ASSERT_FALSE(world.sweep().is_zero()) << world.states();
    expect_all_well(world);
    for (std::size_t i = 0; i < world.hosts(); ++i) crashes += world.host(i).crashes;
  }
  EXPECT_GT(crashes, 100u);
}

// The order is durable as begun, and act never heard of it: it is not lost.
TEST(SimFaults, AgentCrashBeforeActHearsOfTheOrder) {
  bool swallowed = false;
  World world({.seed = 23,
               .hosts = 1,
               .infected_permille = 1000,
               .tamper = [&](std::size_t, agent::Effects& effects) {
                 const auto starts = [](const agent::Action& action) {
                   return std::holds_alternative<agent::StartAct>(action);
                 };
                 if (!swallowed) swallowed = std::erase_if(effects.actions, starts) > 0;
               }});
  world.sweep(1000);
  ASSERT_TRUE(swallowed);
  ASSERT_EQ(world.checkers().begun(), 0u);
  world.host(0).crash();
  expect_all_well(world);
}

// A failed commit makes the controller load its core anew; its hosts do not notice.
TEST(SimFaults, ControllerThatReloadsKeepsTheHeadsOfItsHostsFresh) {
  World world({.seed = 24, .hosts = 20});
  world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  world.controller().faults.torn = 1;
  world.run_for(2 * kMinute);
  world.controller().faults.torn = 0;
  world.run_for(10 * kMinute);
  for (std::size_t i = 0; i < world.hosts(); ++i)
    EXPECT_LT(to_timestamp(world.now()) - world.host(i).core().status().witness_time, 2 * kMinute)
        << i;
  EXPECT_EQ(world.controller().crashes, 0u);
}

TEST(SimFaults, DuplicateReceiptsCountOnce) {
  World world({.seed = 12,
               .hosts = 50,
               .link = {.loss = 0.1,
                        .duplication = 0.7,
                        .delay_min = Duration(1),
                        .delay_max = Duration(3000)}});
  ASSERT_FALSE(world.sweep().is_zero()) << world.states();
  expect_all_well(world);
}

TEST(SimFaults, StopBeatsAnOrderInFlight) {
  World world({.seed = 13, .hosts = 50});
  ordered_clean(world);
  for (std::size_t i = 0; i < 10; ++i) world.network().cut(i);
  world.document(stop_everything());
  world.run_for(kHour / 2);
  world.network().heal();
  world.run_for(kHour / 2);
  EXPECT_EQ(world.checkers().begun(), 0u);
  EXPECT_EQ(world.infected(), world.infected_at_first());
  EXPECT_EQ(world.controller().campaign("sweep")->phase(), "stopped");
  EXPECT_EQ(world.count(HostState::kRefused), world.hosts());
  EXPECT_EQ(world.verdict(), "");
}

TEST(SimFaults, StopReachesAHostThatIsActing) {
  World world({.seed = 14, .hosts = 1, .infected_permille = 0});
  for (int i = 0; i < 20; ++i)
    world.host(0).host.add_file(fmt::format("/tmp/.x/copy-{:02}", i), true);
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  const DocumentId order = world.order(setting().apply(dry_run, 1000), {"alice", "bob"});
  ASSERT_TRUE(world.run_until([&] { return world.checkers().changes() > 0; }, kHour));
  world.document(stop_everything());
  world.run_for(kHour);
  EXPECT_LT(world.checkers().changes(), 20u);
  const agent::Job* job = world.host(0).store().job(order);
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, HostState::kFailed);
  EXPECT_EQ(job->reason, Reason::kStopped);
  EXPECT_EQ(world.verdict(), "");
}

TEST(SimFaults, OrderWithoutQuorumActsOnNobody) {
  World world({.seed = 15, .hosts = 20});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  const model::Order order = setting().apply(dry_run, 1000);
  // The controller refuses it.
  const auto refused = world.try_order(order, {"alice"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUntrusted);
  // A taken controller with a deceived witness puts it into the log all the same.
  fixture::Log forged;
  const auto& entries = world.controller().core().find(setting().tenant.id())->entries;
  for (const Bytes& entry : entries) forged.append(entry);
  const Bytes bad = setting().tenant.sign(order, {"alice"});
  const std::uint64_t index = forged.append(bad);
  for (int minute = 0; minute < 60; ++minute) {
    const std::string note = forged.note(to_timestamp(world.now()));
    world.checkers().on_witnessed(note, to_timestamp(world.now()));
    for (std::size_t i = 0; i < world.hosts(); ++i) {
      const auto send = [&](model::Message message) {
        world.host(i).deliver(std::make_shared<const model::Message>(std::move(message)));
      };
      send(model::Entries{index, {bad}});
      send(model::Checkpoint{note});
    }
    world.run_for(kMinute);
  }
  EXPECT_EQ(world.host(0).core().status().log_size, index + 1);
  EXPECT_EQ(world.checkers().begun(), 0u);
  EXPECT_EQ(world.infected(), world.infected_at_first());
  EXPECT_EQ(world.verdict(), "");
}

TEST(SimFaults, HostOfflineDuringTheCampaignCatchesUp) {
  World world({.seed = 16, .hosts = 40});
  for (std::size_t i = 0; i < 5; ++i) world.host(i).shut_down();
  ASSERT_FALSE(world.sweep(400).is_zero()) << world.states();
  EXPECT_EQ(world.count(HostState::kUnreachable), 5u);
  for (std::size_t i = 0; i < 5; ++i) world.host(i).start();
  world.run_until([&] { return world.count(HostState::kUnreachable) == 0; }, kHour);
  expect_all_well(world);
}

TEST(SimFaults, HostOfflineUntilTheOrderEndedExpires) {
  World world({.seed = 17, .hosts = 10, .infected_permille = 1000});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  model::Order order = setting().apply(dry_run);
  order.schedule.not_after = to_timestamp(world.now()) + Seconds(3600);
  world.order(order, {"alice", "bob"});
  world.host(3).shut_down();
  world.run_for(kHour * 2);
  world.host(3).start();
  EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour)) << world.states();
  EXPECT_TRUE(world.host(3).host.is_infected());
  EXPECT_EQ(world.infected(), 1u);
  EXPECT_EQ(world.count(HostState::kExpired), 1u);
  EXPECT_EQ(world.count(HostState::kVerified), 9u);
  EXPECT_EQ(world.verdict(), "");
}

TEST(SimFaults, ClockSkewOfMinutesDoesNoHarm) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    World world({.seed = seed, .hosts = 30, .skew_max = Seconds(240)});
    ASSERT_FALSE(world.sweep().is_zero()) << seed;
    expect_all_well(world);
  }
}

TEST(SimFaults, ClockFarBehindActsOnlyWhenItIsSet) {
  World world({.seed = 18, .hosts = 10, .infected_permille = 1000});
  world.controller().tamper_time = [](Bytes) { return Bytes(); };  // nobody tells the time
  ordered_clean(world);
  world.host(2).skew = -Seconds(7200);
  world.run_for(kHour / 2);
  EXPECT_TRUE(world.host(2).host.is_infected());
  EXPECT_EQ(world.count(HostState::kRefused), 1u);
  world.host(2).skew = Seconds(0);
  world.run_until([&] { return world.count(HostState::kRefused) == 0; }, kHour);
  expect_all_well(world);
}

TEST(SimFaults, AWrongClockKeepsAHostFromBeingCleanedAlthoughAWitnessHostTellsTheTime) {
  World world({.seed = 31, .hosts = 10, .infected_permille = 1000});
  ordered_clean(world);
  world.host(1).skew = -Seconds(365 * 86400);
  world.host(2).skew = -Seconds(7200);
  world.host(3).skew = Seconds(365 * 86400);
  world.host(3).synchronised = false;
  expect_all_well(world);
}

// Stolen with all its keys, but for those of the witness host: it keeps the answers of today for
// later.
TEST(SimFaults, AThiefOfTheControllerSetsAClockBackWithAnOldTimeStatement) {
  World world({.seed = 32, .hosts = 10, .infected_permille = 1000});
  std::vector<Bytes> kept;
  world.controller().tamper_time = [&](Bytes statement) {
    kept.push_back(std::move(statement));
    return kept.size() == 1 ? Bytes() : kept.front();
  };
  ordered_clean(world);
  world.host(2).skew = -Seconds(365 * 86400);
  world.run_for(kHour);
  EXPECT_GT(kept.size(), 5u) << "it asks again and again";
  EXPECT_TRUE(world.host(2).host.is_infected());
  EXPECT_EQ(world.infected(), 1u);
  EXPECT_EQ(world.count(HostState::kRefused), 1u);
  EXPECT_EQ(world.verdict(), "");
  // An honest controller again.
  world.controller().tamper_time = nullptr;
  expect_all_well(world);
}

TEST(SimFaults, PartitionHeals) {
  World world({.seed = 19, .hosts = 60});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  world.run_for(Seconds(8));
  for (std::size_t i = 0; i < 30; ++i) world.network().cut(i);
  world.run_for(10 * kMinute);
  world.network().heal();
  EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour)) << world.states();
  world.order(setting().apply(dry_run), {"alice", "bob"});
  world.run_for(Seconds(75));
  for (std::size_t i = 20; i < 60; ++i) world.network().cut(i);
  world.run_for(10 * kMinute);
  world.network().heal();
  expect_all_well(world);
}

// A stream of checkpoints to a host that is busy with something else: its queue is full, and what
// it must know comes when it reads.
TEST(SimFaults, HostThatDoesNotReadMissesNothing) {
  World world({.seed = 26,
               .hosts = 10,
               .infected_permille = 1000,
               .times = {.checkpoint_interval = Seconds(5)}});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  for (std::size_t i = 0; i < 3; ++i) world.host(i).set_reading(false);
  world.order(setting().apply(dry_run, 1000), {"alice", "bob"});
  world.run_for(5 * kMinute);
  EXPECT_GT(world.controller().refused, 100u);
  EXPECT_EQ(world.count(HostState::kVerified), 7u);
  for (std::size_t i = 0; i < 3; ++i) world.host(i).set_reading(true);
  expect_all_well(world);
}

TEST(SimFaults, NobodyActsWhileTheWitnessIsAway) {
  World world({.seed = 20, .hosts = 20});
  ordered_clean(world);
  world.controller().witness_up = false;
  world.run_for(kHour);
  EXPECT_EQ(world.checkers().begun(), 0u);
  world.controller().witness_up = true;
  expect_all_well(world);
}

TEST(SimFaults, ProtectedPathIsNeverTouched) {
  World world({.seed = 21, .hosts = 4, .infected_permille = 0});
  for (std::size_t i = 0; i < 4; ++i) world.host(i).host.add_file("/etc/passwd", true);
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  world.order(setting().apply(dry_run, 1000), {"alice", "bob"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  EXPECT_EQ(world.checkers().changes(), 0u);
  EXPECT_EQ(world.count(HostState::kRefused), 4u);
  EXPECT_TRUE(world.controller().campaign("sweep")->breaker_open());
  EXPECT_EQ(world.verdict(), "");
}

// Most canaries are well, so that it is the breaker and nothing else that holds the next wave.
TEST(SimFaults, FailingCanariesOpenTheBreakerAndNobodyElseBegins) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed,
                 .hosts = 100,
                 .infected_permille = 1000,
                 .controller_faults = {.torn = 0.01, .crash = 0.01}});
    const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
    ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
    const model::Order order = setting().apply(dry_run, 200);
    const DocumentId id = world.order(order, {"alice", "bob"});
    std::size_t canaries = 0;
    for (std::size_t i = 0; i < world.hosts(); ++i)
      if (trust::wave_of(order.waves, id, world.host(i).id()) == 0)
        world.host(i).host.reinfections = canaries++ < order.breaker.failures ? kForEver : 0;
    ASSERT_GT(canaries, 2 * order.breaker.failures);
    world.run_for(kHour);
    world.calm();
    world.run_for(kHour);
    const campaign::Rollout* sweep = world.controller().campaign("sweep");
    EXPECT_TRUE(sweep->breaker_open());
    EXPECT_EQ(sweep->orders().back().released, (std::vector<bool>{true, false}));
    EXPECT_EQ(world.checkers().begun(), canaries);
    EXPECT_EQ(world.count(HostState::kVerified), canaries - order.breaker.failures);
    EXPECT_EQ(world.count(HostState::kWaiting), world.hosts() - canaries);
    EXPECT_EQ(world.verdict(), "");
  }
}

// Overshoot: what was let go before the breaker opened, and not one host of the next wave.
TEST(SimFaults, WaveThatFailsAfterHealthyCanariesIsTheLast) {
  World world({.seed = 25, .hosts = 100, .infected_permille = 1000});
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  model::Order order = setting().apply(dry_run);
  order.waves = {{100, Seconds(0), model::Gate::kNone, Seconds(0)},
                 {400, Seconds(30), model::Gate::kAuto, Seconds(0)},
                 {1000, Seconds(30), model::Gate::kAuto, Seconds(0)}};
  const DocumentId id = world.order(order, {"alice", "bob"});
  for (std::size_t i = 0; i < world.hosts(); ++i)
    world.host(i).host.reinfections =
        trust::wave_of(order.waves, id, world.host(i).id()) == 1 ? kForEver : 0;
  world.run_for(2 * kHour);
  const campaign::Rollout* sweep = world.controller().campaign("sweep");
  const campaign::Tally& tally = sweep->tally();
  EXPECT_TRUE(sweep->breaker_open());
  EXPECT_EQ(sweep->orders().back().released, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(world.checkers().begun(), tally.waves[0].targeted + tally.waves[1].targeted);
  EXPECT_EQ(world.count(HostState::kVerified), tally.waves[0].targeted);
  EXPECT_EQ(world.count(HostState::kWaiting), tally.waves[2].targeted);
  EXPECT_EQ(world.verdict(), "");
}

TEST(SimFaults, RebootInTheMiddleChangesNothing) {
  World world({.seed = 22, .hosts = 20, .infected_permille = 500});
  ordered_clean(world);
  world.run_for(Seconds(20));
  for (std::size_t i = 0; i < 20; i += 2) world.host(i).reboot();
  expect_all_well(world);
}

// Everything at once: loss, duplicates, disorder, wrong clocks, torn commits and crashes at any
// commit of anybody, and then silence of the faults.
TEST(SimFaults, LossAndCrashesAtAnyCommitConverge) {
  std::uint64_t agent_crashes = 0;
  std::uint64_t controller_crashes = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World world({.seed = seed,
                 .hosts = 30,
                 .link = {.loss = 0.05,
                          .duplication = 0.05,
                          .delay_min = Duration(1),
                          .delay_max = Duration(400)},
                 .agent_faults = {.torn = 0.01, .crash = 0.03},
                 .controller_faults = {.torn = 0.01, .crash = 0.01},
                 .act_crash = 0.05,
                 .skew_max = Seconds(60)});
    const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
    world.run_for(5 * kMinute);
    world.order(setting().apply(dry_run, 200), {"alice", "bob"});
    world.run_for(10 * kMinute);
    world.calm();
    expect_all_well(world);
    for (std::size_t i = 0; i < world.hosts(); ++i) agent_crashes += world.host(i).crashes;
    controller_crashes += world.controller().crashes;
    if (HasFailure()) return;
  }
  EXPECT_GT(agent_crashes, 200u);
  EXPECT_GT(controller_crashes, 20u);
}

TEST(SimFaults, OneSeedMakesOneStory) {
  const auto story = [](std::uint64_t seed) {
    World world({.seed = seed,
                 .hosts = 20,
                 .link = {.loss = 0.05, .duplication = 0.05, .delay_max = Duration(300)},
                 .agent_faults = {.crash = 0.02}});
    world.order(setting().dry_run(), {"alice"});
    world.run_for(5 * kMinute);
    std::string told = fmt::format("{} events", world.events());
    for (std::size_t i = 0; i < world.hosts(); ++i)
      told += fmt::format(" {}:{}", world.host(i).crashes,
                          world.host(i).store().stored().previous.hex().substr(0, 8));
    return told;
  };
  EXPECT_EQ(story(5), story(5));
  EXPECT_NE(story(5), story(6));
}

}  // namespace
}  // namespace fleetsweep::sim
