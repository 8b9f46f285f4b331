// Each checker catches something broken: a host, an agent's core, a controller that does what it
// must not. Without these a checker that looks nowhere would be content with everything.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace fleetsweep::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr Duration kHour = std::chrono::hours(1);

std::vector<std::string> objections(World& world) {
  return world.checkers().violations();
}

World::Options broken_host(HostBug bug) {
  return {.seed = 31, .hosts = 5, .infected_permille = 1000, .bug = bug};
}

// A core that hands one order to act whatever its gates say, with all that act would ask for.
class Reckless {
 public:
  void order(Bytes envelope) { order_ = std::move(envelope); }
  std::function<void(std::size_t, agent::Effects&)> tamper() {
    return [this](std::size_t host, agent::Effects& effects) {
      if (order_.empty() || !done_.insert(host).second) return;
      model::ActRequest request;
      request.order = order_;
      request.root_chain = {setting().tenant.root_envelope()};
      model::Finding finding;
      model::FileIdentity file;
      file.path = "/tmp/.x/lookalike";
      file.device = 1;
      file.inode = 101;
      file.size = 12;
      file.sha256.value.fill(0xaa);
      finding.identity = file;
      request.findings = {{codec::encode(finding), Digest{}}};
      effects.actions.push_back(agent::StartAct{std::move(request), setting().digest, {}});
    };
  }

 private:
  Bytes order_;
  std::set<std::size_t> done_;  // once each
};

struct RecklessFleet {
  Reckless core;
  World world{{.seed = 32,
               .hosts = 5,
               .infected_permille = 1000,
               .tamper = core.tamper(),
               .bug = HostBug::kIgnoresTheGates}};
  DocumentId dry_run = world.order(setting().dry_run(), {"alice"});

  RecklessFleet() {
    EXPECT_TRUE(world.run_until([this] { return world.is_settled(); }, kHour));
    EXPECT_EQ(world.verdict(), "");
  }
};

TEST(SimCheckers, CatchAnAgentThatIgnoresTheQuorum) {
  RecklessFleet fleet;
  fleet.core.order(setting().tenant.sign(setting().apply(fleet.dry_run), {"alice"}));
  fleet.world.run_for(kHour / 6);
  EXPECT_THAT(objections(fleet.world), Contains(HasSubstr("that 1 of 2 people signed")));
  EXPECT_THAT(objections(fleet.world), Contains(HasSubstr("that is not in the log")));
}

TEST(SimCheckers, CatchAnAgentThatActsWithoutAFreshHead) {
  RecklessFleet fleet;
  const model::Order order = setting().apply(fleet.dry_run, 1000);
  fleet.world.order(order, {"alice", "bob"});
  fleet.world.controller().witness_up = false;
  fleet.world.run_for(kHour);
  fleet.core.order(setting().tenant.sign(order, {"alice", "bob"}));
  fleet.world.run_for(kHour / 6);
  EXPECT_THAT(objections(fleet.world), Contains(HasSubstr("without a fresh head")));
  EXPECT_THAT(objections(fleet.world), Not(Contains(StartsWith("quorum"))));
}

TEST(SimCheckers, CatchAnAgentThatActsAfterTheEndOfTheOrder) {
  RecklessFleet fleet;
  model::Order order = setting().apply(fleet.dry_run, 1000);
  order.schedule.not_after = to_timestamp(fleet.world.now()) + Seconds(5);
  fleet.world.order(order, {"alice", "bob"});
  fleet.world.run_for(kHour / 2);
  fleet.core.order(setting().tenant.sign(order, {"alice", "bob"}));
  fleet.world.run_for(kHour / 6);
  EXPECT_THAT(objections(fleet.world), Contains(HasSubstr("after its end")));
  EXPECT_THAT(objections(fleet.world), Not(Contains(HasSubstr("without a fresh head"))));
}

TEST(SimCheckers, CatchAnAgentThatActsBeforeTheOrdersTime) {
  RecklessFleet fleet;
  model::Order order = setting().apply(fleet.dry_run, 1000);
  order.schedule.not_before = to_timestamp(fleet.world.now()) + std::chrono::hours(3);
  fleet.world.order(order, {"alice", "bob"});
  fleet.core.order(setting().tenant.sign(order, {"alice", "bob"}));
  fleet.world.run_for(kHour / 6);
  EXPECT_THAT(objections(fleet.world), Contains(HasSubstr("before its time")));
}

TEST(SimCheckers, CatchAWaveThatOvertakesItsCanaries) {
  RecklessFleet fleet;
  const model::Order order = setting().apply(fleet.dry_run, 1);
  fleet.world.order(order, {"alice", "bob"});
  fleet.core.order(setting().tenant.sign(order, {"alice", "bob"}));
  fleet.world.run_for(Seconds(20));
  EXPECT_THAT(objections(fleet.world), Contains(StartsWith("wave")));
  EXPECT_THAT(objections(fleet.world), Not(Contains(StartsWith("quorum"))));
}

TEST(SimCheckers, CatchAConductorThatReleasesAtOnce) {
  World world({.seed = 39, .hosts = 20});
  world.controller().bug_releases_at_once = true;
  world.sweep(400);
  EXPECT_THAT(objections(world), Contains(HasSubstr("is released before its time")));
  EXPECT_THAT(objections(world), Contains(HasSubstr("has said how it went")));
}

TEST(SimCheckers, CatchAConductorThatReleasesOverFailures) {
  World world({.seed = 40, .hosts = 20, .infected_permille = 1000});
  for (std::size_t i = 0; i < world.hosts(); ++i) world.host(i).host.reinfections = kForEver;
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  const DocumentId order = world.order(setting().apply(dry_run, 400), {"alice", "bob"});
  world.run_for(kHour);
  EXPECT_EQ(world.verdict(), "");
  world.controller().release_at_once(order);
  EXPECT_THAT(objections(world), Contains(HasSubstr("is released over an open breaker")));
  EXPECT_THAT(objections(world), Not(Contains(HasSubstr("before"))));
}

TEST(SimCheckers, CatchARoundTooMany) {
  World world({.seed = 41, .hosts = 1, .infected_permille = 1000});
  world.host(0).host.reinfections = kForEver;
  const DocumentId dry_run = world.order(setting().dry_run(), {"alice"});
  ASSERT_TRUE(world.run_until([&] { return world.is_settled(); }, kHour));
  const Bytes order = setting().tenant.sign(setting().apply(dry_run, 1000), {"alice", "bob"});
  world.document(order);
  world.run_for(kHour);
  EXPECT_EQ(world.checkers().changes(), 1u + kRounds);
  EXPECT_EQ(world.verdict(), "");
  world.checkers().on_begin(0, order, kRounds + 1, to_timestamp(world.now()));
  EXPECT_THAT(objections(world), Contains(StartsWith("rounds")));
}

TEST(SimCheckers, CatchACoreThatActsBeforeItIsDurable) {
  World world({.seed = 33,
               .hosts = 5,
               .infected_permille = 1000,
               .tamper = [](std::size_t, agent::Effects& effects) {
                 std::erase_if(effects.records, [](const agent::Record& record) {
                   const auto* put = std::get_if<agent::PutJob>(&record);
                   return put && put->job.phase == agent::Phase::kActing;
                 });
               }});
  world.sweep(1000);
  EXPECT_THAT(objections(world), Contains(HasSubstr("before it is durable")));
}

TEST(SimCheckers, CatchAHostThatActsBeforeItsJournal) {
  World world(broken_host(HostBug::kActsBeforeTheJournal));
  world.sweep(1000);
  EXPECT_THAT(objections(world), Contains(HasSubstr("has not journalled it")));
}

TEST(SimCheckers, CatchAHostThatActsTwice) {
  World world(broken_host(HostBug::kActsTwice));
  world.sweep(1000);
  EXPECT_THAT(objections(world), Contains(StartsWith("twice")));
}

TEST(SimCheckers, CatchAHostThatTouchesAProtectedPath) {
  World world({.seed = 34, .hosts = 3, .infected_permille = 0, .bug = HostBug::kTouchesProtected});
  world.host(1).host.add_file("/etc/passwd", true);
  world.sweep(1000);
  EXPECT_THAT(objections(world), Contains(StartsWith("protected")));
}

TEST(SimCheckers, CatchAControllerThatCountsTwice) {
  World world({.seed = 35, .hosts = 5});
  world.controller().bug_counts_twice = true;
  world.sweep();
  EXPECT_THAT(objections(world), Contains(HasSubstr("1 receipts are stored, 2 were counted")));
}

// Its own book says another receipt than the one it sends.
TEST(SimCheckers, CatchAReceiptThatTheHostNeverMade) {
  World world({.seed = 41, .hosts = 3, .tamper = [](std::size_t, agent::Effects& effects) {
                 for (agent::Record& record : effects.records)
                   if (auto* put = std::get_if<agent::PutReceipt>(&record)) put->id.value[0] ^= 1;
               }});
  world.order(setting().dry_run(), {"alice"});
  world.run_for(kHour / 6);
  EXPECT_THAT(objections(world), Contains(HasSubstr("is stored, and the host never made it")));
}

// No core or store of ours gets so far: the facts are told to the checkers themselves.
TEST(SimCheckers, CatchWhatNoBrokenPartOfTheWorldCanDo) {
  Checkers checkers(setting(), Seconds(360));
  const auto last = [&] { return checkers.violations().back(); };
  store::Receipt receipt{.tenant = 1, .host = 1, .seq = 1};
  checkers.on_receipt_made(0, 1, receipt.id);
  checkers.on_receipt_stored(receipt);
  ASSERT_TRUE(checkers.violations().empty());
  checkers.on_receipt_made(0, 1, receipt.id);
  EXPECT_EQ(last(), "receipts: host 0 made number 1 twice");
  checkers.on_receipt_stored(receipt);
  EXPECT_EQ(last(), "receipts: number 1 of host 0 is stored twice");
  checkers.on_logged({1, 2, 3}, fixture::start());
  EXPECT_EQ(last(), "the log took an entry that is no envelope");
}

// Two waves that lose and gain the same host add up, and neither of them is right.
TEST(SimCheckers, CatchAWaveWhoseStatesAreNotItsHosts) {
  Checkers checkers(setting(), Seconds(360));
  campaign::Tally tally;
  tally.targeted = 4;
  tally.states[0] = 4;
  tally.waves = {{2, {3}}, {2, {1}}};
  checkers.on_campaign(tally, 4);
  EXPECT_THAT(checkers.violations(),
              ElementsAre("conservation: a wave of 2 hosts has 3 in its states",
                          "conservation: a wave of 2 hosts has 1 in its states"));
}

TEST(SimCheckers, CatchAControllerThatForgetsAHost) {
  World world({.seed = 36, .hosts = 5});
  world.host(4).shut_down();
  world.order(setting().dry_run(), {"alice"});
  world.run_for(Seconds(60));
  EXPECT_EQ(world.verdict(), "");
  world.controller().bug_forgets_a_host = true;
  world.controller().crash();
  world.run_for(Seconds(60));
  EXPECT_THAT(objections(world), Contains(HasSubstr("5 hosts are targeted, the counters say 4")));
}

TEST(SimCheckers, CatchAControllerThatAcknowledgesBeforeItCommits) {
  World world({.seed = 37, .hosts = 20});
  world.controller().bug_acks_before_commit = true;
  world.controller().faults.crash = 0.05;
  world.order(setting().dry_run(), {"alice"});
  world.run_for(kHour / 6);
  EXPECT_THAT(objections(world), Contains(HasSubstr("which the controller does not hold")));
}

TEST(SimCheckers, CatchAFleetThatNeverConverges) {
  World world({.seed = 38, .hosts = 5, .tamper = [](std::size_t, agent::Effects& effects) {
                 std::erase_if(effects.actions, [](const agent::Action& action) {
                   return std::holds_alternative<agent::SendReceipts>(action);
                 });
               }});
  EXPECT_TRUE(world.sweep().is_zero());
}

TEST(SimCheckers, SayHowToRepeatWhatTheyCaught) {
  World world(broken_host(HostBug::kActsTwice));
  world.sweep(1000);
  EXPECT_THAT(world.verdict(), StartsWith("seed 31 with 5 hosts: "));
}

}  // namespace
}  // namespace fleetsweep::sim
