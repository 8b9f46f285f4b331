// A host whose clock is in doubt.

#include "agent/core/time_question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/trust/act_check.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// A clock in doubt, and a witness host that knows better.

class DoubtfulClock : public AgentCore {
 protected:
  // The dry run was made while the clock was right; the apply order meets a wrong one.
  void wrong_by(Seconds wrong) {
    host.connect();
    dry_ = dry_run_found();
    host.wrong = wrong;
    host.clock.synchronised = false;
    id_ = host.order(fixture::apply(host.policy, dry_), {"alice", "bob"});
  }
  std::size_t questions() const { return of_kind<model::TimeRequest>(host.sent).size(); }
  void expect_it_runs() {
    const std::size_t before = host.scans();
    cool_off();
    ASSERT_EQ(host.scans(), before + 1) << host.core->why(id_);
    host.scan_answers(host.found());
    ASSERT_EQ(host.acts(), 1u) << host.core->why(id_);
    // act judges by the same answer.
    const trust::ActAnchor anchor{.tenant = host.tenant.id()};
    model::ActRequest request = host.acts_.back().request;
    request.policy = fixture::policy_bytes(host.policy);
    request.dry_run = {{}};
    const auto verified = trust::verify_for_act(anchor, request, host.now().clock);
    EXPECT_TRUE(verified) << verified.error().detail;
    host.act_answers(HostState::kCleaned);
  }

  DocumentId dry_, id_;
};

TEST_F(DoubtfulClock, AYearBackTheOrderWaitsForAWitnessHostAndThenRuns) {
  wrong_by(-365 * fixture::kDay);
  EXPECT_EQ(questions(), 1u);
  EXPECT_EQ(host.core->why(id_), "waiting for a witness host to say what time it is");
  host.tell_time(host.time_statement());
  EXPECT_TRUE(host.core->is_told_time(host.now()));
  EXPECT_THAT(host.core->why(id_), testing::HasSubstr("waiting for cool-off"));
  expect_it_runs();
  // The receipt says what the host's own clock is.
  EXPECT_EQ(host.last().clock, model::ClockState::kBehind);
  EXPECT_EQ(host.last().state, HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(seconds(89));
  EXPECT_EQ(host.scans(), 3u);
  host.pass(seconds(2));
  EXPECT_EQ(host.scans(), 4u) << "the rescan is counted by the same clock";
}

// Observing changes nothing, and still: a host that is a year behind would be a blank in every
// count for a year.
TEST_F(DoubtfulClock, AYearBackADryRunWaitsForAYear) {
  host.wrong = -365 * fixture::kDay;
  host.clock.synchronised = false;
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  EXPECT_EQ(questions(), 1u);
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.core->why(id), "waiting for a witness host to say what time it is");
  host.tell_time(host.time_statement());
  ASSERT_EQ(host.scans(), 1u) << host.core->why(id);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().clock, model::ClockState::kBehind);
}

TEST_F(DoubtfulClock, AYearAheadADryRunIsSaidToBeOverAndItsPolicyNotFetched) {
  host.connect();
  host.deliver();
  host.wrong = 365 * fixture::kDay;
  host.clock.synchronised = false;
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  ASSERT_EQ(questions(), 1u);
  EXPECT_TRUE(host.receipts().empty());
  host.tell_time(host.time_statement());
  host.serve_policy();
  EXPECT_EQ(host.scans(), 1u) << host.core->why(id);
}

// The witnesses' floor is no clock to start by: it would let whoever holds their keys start early.
TEST_F(DoubtfulClock, NobodyTellsTheTimeAndAnOrderStartsByTheFloorOrNeverEnds) {
  host.wrong = -365 * fixture::kDay;
  host.clock.synchronised = false;
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  host.pass(seconds(11));
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("waiting for time"));
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("behind"));
  host.pass(hours(24) * 8);  // longer than the order lives
  host.connect();
  host.deliver();
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.last().reason, Reason::kExpired) << host.core->why(id);
}

TEST_F(DoubtfulClock, AYearAheadTheOrderIsNotSaidToBeOverBeforeAWitnessHostWasAsked) {
  wrong_by(365 * fixture::kDay);
  EXPECT_EQ(questions(), 1u);
  EXPECT_EQ(host.receipts().size(), 1u) << "of the dry run";
  host.tell_time(host.time_statement());
  expect_it_runs();
  EXPECT_EQ(host.last().clock, model::ClockState::kAhead);
}

TEST_F(DoubtfulClock, AFrozenClockIsNoticedAndOverruled) {
  wrong_by(Seconds{0});
  EXPECT_EQ(questions(), 0u);
  for (int i = 0; i < 2; ++i) {
    host.pass(minutes(10));
    host.wrong -= fixture::kHour / 6;
    host.connect();
    host.deliver();
  }
  EXPECT_EQ(host.core->clock_state(host.now()), model::ClockState::kBehind);
  ASSERT_GE(questions(), 1u);
  host.tell_time(host.time_statement());
  expect_it_runs();
}

TEST_F(DoubtfulClock, ADeadRtcAfterARebootIsOverruledAnew) {
  wrong_by(-365 * fixture::kDay);
  host.tell_time(host.time_statement());
  ASSERT_TRUE(host.core->is_told_time(host.now()));
  ++host.clock.boot.value[0];
  host.uptime = seconds(30);
  host.wrong = -(host.clock.local - timestamp(0));
  host.crash();
  EXPECT_FALSE(host.core->is_told_time(host.now())) << "told in another boot";
  host.connect();
  host.deliver();
  ASSERT_EQ(questions(), 1u);
  host.tell_time(host.time_statement());
  expect_it_runs();
}

TEST_F(DoubtfulClock, WithoutAnAnswerTheOrderIsRefusedAndAskedForAgain) {
  wrong_by(-365 * fixture::kDay);
  host.pass(seconds(11));
  EXPECT_EQ(host.last().reason, Reason::kClock);
  EXPECT_EQ(host.last().order, id_);
  const auto before = questions();
  host.pass(seconds(50));
  EXPECT_GT(questions(), before);
  host.tell_time(host.time_statement());
  expect_it_runs();
}

TEST_F(DoubtfulClock, WhatAThiefOfTheControllerCanSayMovesNothing) {
  wrong_by(-365 * fixture::kDay);
  const Bytes good = host.time_statement();
  for (const char* key : {"log", "witness", "conductor", "alice"}) {
    host.tell_time(host.time_statement(key));
    EXPECT_FALSE(host.core->is_told_time(host.now())) << key;
  }
  host.pass(seconds(11));  // late
  host.tell_time(good);
  EXPECT_FALSE(host.core->is_told_time(host.now()));
  host.pass(seconds(50));  // the answer to the first question, when the second one was asked
  ASSERT_EQ(questions(), 2u);
  host.tell_time(good);
  EXPECT_FALSE(host.core->is_told_time(host.now()));
  EXPECT_EQ(host.last().reason, Reason::kClock);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(DoubtfulClock, ARootWithoutTimeKeysAsksNobody) {
  host.connect();
  const DocumentId dry = dry_run_found();
  host.wrong = -365 * fixture::kDay;
  auto root = host.tenant.next(host.tenant.verified(), [](model::Root& r) { r.time_keys.clear(); });
  host.document(host.tenant.sign(root, {"alice", "bob"}));
  host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
  EXPECT_EQ(questions(), 0u);
  EXPECT_EQ(host.last().reason, Reason::kClock);
}

TEST_F(DoubtfulClock, ARootThatDropsTheTimeKeyTakesBackWhatItSaid) {
  wrong_by(-365 * fixture::kDay);
  host.tell_time(host.time_statement());
  auto root = host.tenant.next(host.tenant.verified(), [](model::Root& r) { r.time_keys.clear(); });
  host.document(host.tenant.sign(root, {"alice", "bob"}));
  EXPECT_FALSE(host.core->is_told_time(host.now()));
  EXPECT_EQ(host.last().reason, Reason::kClock);
}

TEST_F(DoubtfulClock, WhatWasToldIsGoodForADay) {
  wrong_by(-365 * fixture::kDay);
  host.tell_time(host.time_statement());
  host.pass(hours(25));
  EXPECT_FALSE(host.core->is_told_time(host.now()));
}

}  // namespace
}  // namespace fleetsweep::agent
