#include "controller/campaign/rollout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/base/prng.h"

namespace fleetsweep::campaign {
namespace {

using model::Gate;
using model::HostState;
using model::Mode;
using model::Reason;
using model::ReceiptKind;

constexpr Instant kStart{Seconds(1'800'000'000)};
const DocumentId kDry{{1}};
const DocumentId kApply{{2}};
const DocumentId kUndo{{3}};

model::Order order(Mode mode, std::vector<model::Wave> waves = {{}}) {
  model::Order order;
  order.campaign = "c";
  order.mode = mode;
  order.waves = std::move(waves);
  order.schedule.not_before = to_timestamp(kStart);
  order.schedule.not_after = to_timestamp(kStart) + Seconds(86400);
  return order;
}

std::vector<Member> members(std::uint32_t count, std::uint32_t canaries = 0) {
  std::vector<Member> all;
  for (std::uint32_t i = 1; i <= count; ++i)
    all.push_back({i, static_cast<std::uint16_t>(canaries != 0 && i > canaries)});
  return all;
}

Report report(HostNo host, std::uint64_t seq, const DocumentId& order, ReceiptKind kind,
              HostState state, Reason reason = Reason::kNone) {
  Report report{host, seq, {}, order, kind, state, reason, 1, 1, to_timestamp(kStart)};
  report.id.value[0] = static_cast<std::uint8_t>(host);
  report.id.value[1] = static_cast<std::uint8_t>(seq);
  return report;
}

class RolloutTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(conserved(rollout_.tally())); }
  HostState state(HostNo host) const { return rollout_.standing(host)->state; }
  std::uint32_t in(HostState state) const {
    return rollout_.tally().states[static_cast<std::size_t>(state)];
  }
  void dry_run(std::uint32_t hosts) {
    rollout_.on_order(kDry, 1, order(Mode::kDryRun), members(hosts), kStart);
    for (HostNo host = 1; host <= hosts; ++host)
      rollout_.on_report(report(host, 1, kDry, ReceiptKind::kScan, HostState::kFound), kStart);
  }
  Rollout rollout_{"c"};
};

TEST_F(RolloutTest, ACleanedHostLooksAsIfNothingHadBeenDone) {
  dry_run(2);
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(2), kStart);
  for (const bool is_in_order : {true, false}) {
    const HostNo host = is_in_order ? 1 : 2;
    Report clean = report(host, 2, kApply, ReceiptKind::kClean, HostState::kCleaned);
    clean.matched = 8, clean.acted = 7;
    Report rescan = report(host, 3, kApply, ReceiptKind::kVerify, HostState::kVerified);
    rescan.matched = rescan.acted = 0;
    rollout_.on_report(is_in_order ? clean : rescan, kStart);
    rollout_.on_report(is_in_order ? rescan : clean, kStart);
    EXPECT_EQ(state(host), HostState::kVerified);
    EXPECT_EQ(rollout_.standing(host)->report->seq, 3u);
    EXPECT_EQ(rollout_.standing(host)->report->matched, 8u);
    EXPECT_EQ(rollout_.standing(host)->report->acted, 7u);
  }
}

TEST_F(RolloutTest, AnUndoThatFailedLooksAsIfNothingHadBeenFoundOrEverythingPutBack) {
  dry_run(2);
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(2), kStart);
  for (HostNo host : {1u, 2u}) {
    Report clean = report(host, 2, kApply, ReceiptKind::kClean, HostState::kCleaned);
    clean.matched = 11, clean.acted = 6;
    rollout_.on_report(clean, kStart);
  }
  rollout_.on_order(kUndo, 3, order(Mode::kUndo), members(1), kStart);
  const auto undo = [&](HostNo host, const DocumentId& of, Reason reason, std::uint32_t back) {
    Report undo = report(host, 3, of, ReceiptKind::kUndo, HostState::kFailed, reason);
    undo.matched = 0, undo.acted = back;
    rollout_.on_report(undo, kStart);
    const auto shown = rollout_.standing(host)->report;
    EXPECT_EQ(shown->reason, reason);
    EXPECT_EQ(shown->matched, 11u);
    EXPECT_EQ(shown->acted, back);
  };
  undo(1, kUndo, Reason::kExpired, 0);
  undo(2, kApply, Reason::kConflict, 4);  // by its owner, who has no order
}

TEST_F(RolloutTest, HostGoesFromPendingToFound) {
  rollout_.on_order(kDry, 1, order(Mode::kDryRun), members(2), kStart);
  EXPECT_EQ(in(HostState::kPending), 2u);
  rollout_.on_sent(1, 1, kStart);
  EXPECT_EQ(state(1), HostState::kPending) << "the log below 1 does not hold entry 1";
  rollout_.on_sent(1, 2, kStart);
  EXPECT_EQ(state(1), HostState::kOffered);
  rollout_.on_activity(1, true, kStart);
  EXPECT_EQ(state(1), HostState::kScanning);
  EXPECT_TRUE(
      rollout_.on_report(report(1, 1, kDry, ReceiptKind::kScan, HostState::kFound), kStart));
  EXPECT_EQ(state(1), HostState::kFound);
  EXPECT_EQ(rollout_.phase(), "scan");
  rollout_.on_report(report(2, 1, kDry, ReceiptKind::kScan, HostState::kClean), kStart);
  EXPECT_EQ(rollout_.phase(), "done");
}

TEST_F(RolloutTest, ApplyOrderShowsDryRunHostsAsWaitingUntilTheyClean) {
  dry_run(1);
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(1), kStart);
  EXPECT_EQ(state(1), HostState::kWaiting);
  rollout_.on_report(report(1, 2, kApply, ReceiptKind::kClean, HostState::kCleaned), kStart);
  EXPECT_EQ(state(1), HostState::kCleaned);
  rollout_.on_report(report(1, 3, kApply, ReceiptKind::kVerify, HostState::kVerified), kStart);
  EXPECT_EQ(state(1), HostState::kVerified);
  EXPECT_EQ(rollout_.phase(), "done");
}

TEST_F(RolloutTest, WhatAHostCouldNotReadIsForgottenOrCountedTwice) {
  dry_run(3);
  EXPECT_EQ(rollout_.tally().unscannable, 0u);
  const auto say = [&](std::uint64_t seq, const DocumentId& order, HostState state, Reason why) {
    rollout_.on_report(report(2, seq, order, ReceiptKind::kScan, state, why), kStart);
  };
  say(2, kDry, HostState::kClean, Reason::kUnscannable);
  say(3, kDry, HostState::kClean, Reason::kUnscannable);
  EXPECT_EQ(rollout_.tally().unscannable, 1u);
  EXPECT_EQ(in(HostState::kClean), 1u);
  // Waiting is the controller's word, which says nothing of what could be read.
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(3), kStart);
  EXPECT_EQ(rollout_.tally().unscannable, 0u);
  say(4, kApply, HostState::kVerified, Reason::kUnscannable);
  EXPECT_EQ(rollout_.tally().unscannable, 1u);
  say(5, kApply, HostState::kVerified, Reason::kNone);
  EXPECT_EQ(rollout_.tally().unscannable, 0u);
}

TEST_F(RolloutTest, UndoneHostMovesOnWithANewDryRunForItAlone) {
  dry_run(2);
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(2), kStart);
  for (HostNo host : {1u, 2u})
    rollout_.on_report(report(host, 2, kApply, ReceiptKind::kVerify, HostState::kVerified), kStart);
  rollout_.on_order(kUndo, 3, order(Mode::kUndo), {{1, 0}}, kStart);
  EXPECT_EQ(state(1), HostState::kVerified) << "an undo that nobody carried out changes nothing";
  rollout_.on_report(report(1, 3, kUndo, ReceiptKind::kUndo, HostState::kUndone), kStart);
  EXPECT_EQ(state(1), HostState::kUndone);
  rollout_.on_order(DocumentId{{4}}, 4, order(Mode::kDryRun), {{1, 0}}, kStart);
  EXPECT_EQ(state(1), HostState::kPending);
  EXPECT_EQ(state(2), HostState::kVerified);
  // Host 2 refuses the order that is not for it: that does not undo its verification.
  EXPECT_FALSE(rollout_.on_report(
      report(2, 3, DocumentId{{4}}, ReceiptKind::kRefused, HostState::kRefused, Reason::kScope),
      kStart));
  EXPECT_EQ(state(2), HostState::kVerified);
}

TEST_F(RolloutTest, LateReceiptWithALowerSequenceNumberChangesNothing) {
  dry_run(1);
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(1), kStart);
  EXPECT_TRUE(
      rollout_.on_report(report(1, 5, kApply, ReceiptKind::kVerify, HostState::kVerified), kStart));
  EXPECT_FALSE(
      rollout_.on_report(report(1, 4, kApply, ReceiptKind::kClean, HostState::kCleaned), kStart));
  EXPECT_EQ(state(1), HostState::kVerified);
}

TEST_F(RolloutTest, SameFactsInAnyOrderGiveTheSameStates) {
  std::vector<Report> facts;
  Prng prng(7);
  for (HostNo host = 1; host <= 30; ++host) {
    facts.push_back(report(host, 1, kDry, ReceiptKind::kScan, HostState::kFound));
    if (host % 3)
      facts.push_back(report(host, 2, kApply, ReceiptKind::kClean, HostState::kCleaned));
    if (host % 5)
      facts.push_back(report(host, 3, kApply, ReceiptKind::kVerify, HostState::kVerified));
  }
  std::vector<StateCounts> results;
  for (int round = 0; round < 5; ++round) {
    Rollout rollout("c");
    rollout.on_order(kDry, 1, order(Mode::kDryRun), members(30), kStart);
    rollout.on_order(kApply, 2, order(Mode::kApply), members(30), kStart);
    for (std::size_t i = facts.size() - 1; i > 0; --i)
      std::swap(facts[i], facts[prng.below(i + 1)]);
    for (const Report& fact : facts) {
      rollout.on_report(fact, kStart);
      ASSERT_TRUE(conserved(rollout.tally()));
    }
    results.push_back(rollout.tally().states);
  }
  EXPECT_EQ(std::count(results.begin(), results.end(), results[0]), 5);
}

TEST_F(RolloutTest, AHostThatLookedAheadAndWentAwayKeepsTheCampaignOpen) {
  dry_run(2);
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(2), kStart);
  rollout_.on_report(report(1, 2, kApply, ReceiptKind::kScan, HostState::kFound), kStart);
  rollout_.on_report(report(2, 2, kApply, ReceiptKind::kScan, HostState::kWaiting), kStart);
  EXPECT_EQ(state(1), HostState::kFound);
  EXPECT_EQ(state(2), HostState::kWaiting);
  EXPECT_EQ(rollout_.phase(), "clean");
  rollout_.on_time(kStart + std::chrono::hours(25));
  EXPECT_EQ(in(HostState::kExpired), 2u);
  EXPECT_EQ(rollout_.phase(), "done");
}

TEST_F(RolloutTest, HostsThatLookAheadAndCannotBeTrustedStopTheDayBeforeItComes) {
  const std::uint32_t hosts = 100;
  dry_run(hosts);
  model::Order day = order(Mode::kApply);
  day.breaker = {.failures = 3, .failed_permille = 500};
  rollout_.on_order(kApply, 2, day, members(hosts), kStart);
  for (HostNo host = 1; host <= hosts; ++host)
    rollout_.on_report(report(host, 2, kApply, ReceiptKind::kScan,
                              host <= 5    ? HostState::kUntrusted
                              : host <= 50 ? HostState::kFound
                                           : HostState::kWaiting),
                       kStart);
  EXPECT_TRUE(rollout_.take_trips().empty());
  EXPECT_EQ(in(HostState::kUntrusted), 5u) << "it is shown";
  EXPECT_EQ(rollout_.failure_ratio(0), 0);
  EXPECT_EQ(rollout_.phase(), "clean");
  // On the day they count, as their answer.
  for (HostNo host = 1; host <= hosts; ++host)
    rollout_.on_report(report(host, 3, kApply, ReceiptKind::kClean,
                              host <= 5 ? HostState::kUntrusted : HostState::kClean),
                       kStart);
  EXPECT_EQ(rollout_.failure_ratio(0), 0.05);
  EXPECT_EQ(rollout_.phase(), "done");
}

TEST_F(RolloutTest, ALookAheadOfAnOlderOrderUnsettlesWhatANewerOneDid) {
  dry_run(2);
  const DocumentId later{{4}};
  rollout_.on_order(kApply, 2, order(Mode::kApply), members(2), kStart);
  rollout_.on_order(later, 3, order(Mode::kApply), members(2), kStart);
  const Report clean = report(1, 2, later, ReceiptKind::kClean, HostState::kClean);
  const Report look = report(1, 3, kApply, ReceiptKind::kScan, HostState::kWaiting);
  rollout_.on_report(clean, kStart);
  EXPECT_TRUE(rollout_.on_report(look, kStart));
  rollout_.on_report({2, 3, look.id, look.order, look.kind, look.state}, kStart);
  rollout_.on_report({2, 2, clean.id, clean.order, clean.kind, clean.state}, kStart);
  for (const HostNo host : {1u, 2u}) EXPECT_EQ(state(host), HostState::kClean);
  EXPECT_EQ(rollout_.phase(), "done");
}

TEST_F(RolloutTest, SilentHostIsUnreachableUntilItSpeaks) {
  rollout_.on_order(kDry, 1, order(Mode::kDryRun), members(1), kStart);
  rollout_.on_silent(1, true, kStart);
  EXPECT_EQ(state(1), HostState::kUnreachable);
  rollout_.on_silent(1, false, kStart);
  EXPECT_EQ(state(1), HostState::kPending);
  rollout_.on_report(report(1, 1, kDry, ReceiptKind::kScan, HostState::kClean), kStart);
  rollout_.on_silent(1, true, kStart);
  EXPECT_EQ(state(1), HostState::kClean) << "what it said stays said";
}

TEST_F(RolloutTest, HostThatNeverAnsweredExpiresWithItsOrder) {
  rollout_.on_order(kDry, 1, order(Mode::kDryRun), members(2), kStart);
  rollout_.on_report(report(1, 1, kDry, ReceiptKind::kScan, HostState::kClean), kStart);
  rollout_.on_time(kStart + Seconds(86401));
  EXPECT_EQ(state(1), HostState::kClean);
  EXPECT_EQ(state(2), HostState::kExpired);
}

TEST_F(RolloutTest, LaterEnrolmentJoins) {
  dry_run(1);
  rollout_.on_member(kDry, {9, 0}, kStart);
  EXPECT_EQ(rollout_.tally().targeted, 2u);
  EXPECT_EQ(state(9), HostState::kPending);
}

class Waves : public RolloutTest {
 protected:
  // Two canaries in wave 0, eight hosts in wave 1, which opens by health 10 s later.
  void start(Gate gate = Gate::kAuto) {
    dry_run(10);
    rollout_.on_order(kApply, 2,
                      order(Mode::kApply, {{.permille = 200},
                                           {.permille = 1000,
                                            .delay_min = Seconds(10),
                                            .gate = gate,
                                            .deadline = Seconds(3600)}}),
                      members(10, 2), kStart);
    rollout_.on_cosigned(3, to_timestamp(kStart));
  }
  void say(HostNo host, HostState state) {
    rollout_.on_report(report(host, ++seq_, kApply, ReceiptKind::kVerify, state), kStart);
  }
  std::uint64_t seq_ = 1;
};

TEST_F(Waves, HealthyCanaryOpensTheNextWaveAfterItsDelayOnce) {
  start();
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(60)).empty()) << "nobody answered yet";
  say(1, HostState::kVerified);
  say(2, HostState::kClean);
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(9)).empty()) << "before its delay";
  const auto due = rollout_.take_releases(kStart + Seconds(10));
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].wave, 1);
  EXPECT_EQ(due[0].order, kApply);
  EXPECT_EQ(due[0].evidence.size(), 2u);
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(11)).empty()) << "asked only once";
  rollout_.on_released(kApply, 1, to_timestamp(kStart) + Seconds(11));
  EXPECT_EQ(rollout_.orders()[1].released, (std::vector<bool>{true, true}));
}

TEST_F(Waves, ReleaseThatTheRootDidNotAllowIsNeverAskedAgain) {
  start();
  say(1, HostState::kVerified);
  say(2, HostState::kVerified);
  ASSERT_EQ(rollout_.take_releases(kStart + Seconds(10)).size(), 1u);
  rollout_.on_release_refused(kApply, 1, "no conductor");
  EXPECT_EQ(rollout_.orders()[1].refused, (std::vector<std::string>{"", "no conductor"}));
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(20)).empty()) << "the answer is the same";
  rollout_.on_root();
  EXPECT_EQ(rollout_.orders()[1].refused, (std::vector<std::string>{"", ""}));
  EXPECT_EQ(rollout_.take_releases(kStart + Seconds(20)).size(), 1u);
  rollout_.on_root();
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(30)).empty()) << "it is on its way";
}

TEST_F(Waves, ManualGateIsNeverOpenedByHealth) {
  start(Gate::kManual);
  say(1, HostState::kVerified);
  say(2, HostState::kVerified);
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(3600)).empty());
}

TEST_F(Waves, CanaryThatHelpedNobodyHoldsTheNextWave) {
  start();
  say(1, HostState::kRefused);
  rollout_.on_silent(2, true, kStart);
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(60)).empty());
}

TEST_F(Waves, CanaryThatFailsAsManyAsItHelpsHoldsTheNextWave) {
  start();
  say(1, HostState::kVerified);
  say(2, HostState::kResidual);
  EXPECT_FALSE(rollout_.breaker_open()) << "one of three";
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(60)).empty());
}

TEST_F(Waves, OpenBreakerHoldsTheNextWave) {
  start();
  say(1, HostState::kVerified);
  say(2, HostState::kVerified);
  for (HostNo host = 3; host <= 5; ++host) say(host, HostState::kResidual);
  const auto trips = rollout_.take_trips();
  ASSERT_EQ(trips.size(), 1u);
  EXPECT_EQ(trips[0].order, kApply);
  EXPECT_EQ(trips[0].reason, TripReason::kWaveFailures);
  EXPECT_TRUE(rollout_.breaker_open());
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(60)).empty());
  say(6, HostState::kFailed);
  EXPECT_TRUE(rollout_.take_trips().empty()) << "an open breaker opens no second time";
}

TEST_F(Waves, TripIsRememberedOverARestart) {
  start();
  rollout_.on_trip({kApply, 1, TripReason::kGlobalFailures, to_timestamp(kStart)});
  EXPECT_TRUE(rollout_.breaker_open());
  EXPECT_TRUE(rollout_.take_trips().empty());
}

TEST_F(Waves, StopHoldsTheNextWaveAndResumeLetsItGo) {
  start();
  say(1, HostState::kVerified);
  say(2, HostState::kVerified);
  rollout_.on_stopped(kApply, true);
  EXPECT_EQ(rollout_.phase(), "stopped");
  EXPECT_TRUE(rollout_.take_releases(kStart + Seconds(60)).empty());
  rollout_.on_stopped(kApply, false);
  EXPECT_EQ(rollout_.take_releases(kStart + Seconds(60)).size(), 1u);
}

TEST_F(Waves, WaveThatMissesItsDeadlineOpensTheBreaker) {
  start();
  rollout_.on_released(kApply, 1, to_timestamp(kStart));
  rollout_.on_time(kStart + Seconds(3600));
  EXPECT_TRUE(rollout_.take_trips().empty());
  rollout_.on_time(kStart + Seconds(3601));
  ASSERT_EQ(rollout_.take_trips().size(), 1u);
}

TEST_F(Waves, TalliesOfWavesSumToTheCampaign) {
  start();
  say(1, HostState::kVerified);
  say(7, HostState::kResidual);
  ASSERT_EQ(rollout_.tally().waves.size(), 2u);
  EXPECT_EQ(rollout_.tally().waves[0].targeted, 2u);
  EXPECT_EQ(rollout_.tally().waves[1].targeted, 8u);
  EXPECT_DOUBLE_EQ(rollout_.failure_ratio(1), 1.0);
  EXPECT_DOUBLE_EQ(rollout_.failure_ratio(0), 0.0);
}

}  // namespace
}  // namespace fleetsweep::campaign
