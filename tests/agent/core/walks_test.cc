// Several orders answered by one walk of the host: what they share, and what stays each one's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using model::ReceiptKind;
using std::chrono::hours;
using std::chrono::minutes;

class Walks : public AgentCore {
 protected:
  Walks() {
    for (int i = 0; i < 20; ++i) {
      model::Policy policy = fixture::hash_policy();
      policy.title = fmt::format("Family {}", i);
      policy.verify.rescans = {Seconds(0)};
      policies.push_back(policy);
      digests.push_back(host.also(policy));
    }
    host.connect();
  }
  // The policy is there before the order is due, as it is with any order that was signed ahead.
  DocumentId dry_run_at_noon(std::size_t number) {
    model::Order order = fixture::dry_run(policies[number]);
    order.schedule.not_before = fixture::start() + hours(1);
    return host.order(order, {"alice"});
  }
  void noon() {
    host.pass(hours(1));
    host.deliver();
  }
  // An apply order of a policy whose dry run has found something; it cools off for an hour.
  DocumentId apply(std::size_t number) {
    const DocumentId dry = host.order(fixture::dry_run(policies[number]), {"alice"});
    host.scan_answers(host.found());
    return host.order(fixture::apply(policies[number], dry), {"alice", "bob"});
  }
  model::Receipt last_of(const DocumentId& order) {
    model::Receipt last;
    for (const model::Receipt& receipt : host.receipts())
      if (receipt.order == order) last = receipt;
    return last;
  }
  void act_answers(const DocumentId& order, HostState state) {
    model::ActDone done;
    done.order = order;
    done.state = state;
    done.acted = 1;
    host.run(host.core->on_act_done(done, host.now()));
  }

  std::vector<model::Policy> policies;
  std::vector<Digest> digests;
};

TEST_F(Walks, TwoOrdersThatComeTogetherWalkTwice) {
  const DocumentId first = dry_run_at_noon(0), second = dry_run_at_noon(1);
  noon();
  ASSERT_EQ(host.scans(), 1u) << host.core->why(second);
  EXPECT_THAT(host.scans_[0].policies, testing::ElementsAre(digests[0], digests[1]));
  EXPECT_FALSE(host.scans_[0].verify);
  host.scan_answers(host.found());
  EXPECT_EQ(host.receipts().size(), 1u);
  host.scan_answers(host.clean());
  EXPECT_EQ(last_of(first).state, HostState::kFound);
  EXPECT_EQ(last_of(first).policy, digests[0]);
  EXPECT_EQ(last_of(second).state, HostState::kClean);
  EXPECT_EQ(last_of(second).policy, digests[1]);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(Walks, WhatWaitsForAWalkWalksAlone) {
  host.order(fixture::dry_run(policies[0]), {"alice"});
  const DocumentId second = host.order(fixture::dry_run(policies[1]), {"alice"});
  const DocumentId third = host.order(fixture::dry_run(policies[2]), {"alice"});
  ASSERT_EQ(host.scans(), 1u);
  EXPECT_EQ(host.core->why(second), "waiting: another order is being carried out");
  host.scan_answers(host.clean());
  ASSERT_EQ(host.scans(), 2u);
  EXPECT_THAT(host.scans_[1].policies, testing::ElementsAre(digests[1], digests[2]));
  host.scan_answers(host.clean());
  host.scan_answers(host.found());
  EXPECT_EQ(last_of(third).state, HostState::kFound);
}

TEST_F(Walks, MoreOrdersThanAWalkAnswersAreLost) {
  std::vector<DocumentId> ids;
  for (std::size_t i = 0; i < 20; ++i) ids.push_back(dry_run_at_noon(i));
  noon();
  ASSERT_EQ(host.scans_.at(0).policies.size(), 16u);
  for (int i = 0; i < 16; ++i) host.scan_answers(host.clean());
  ASSERT_EQ(host.scans_.at(1).policies.size(), 4u);
  for (int i = 0; i < 4; ++i) host.scan_answers(host.clean());
  for (const DocumentId& id : ids) EXPECT_EQ(last_of(id).state, HostState::kClean);
}

TEST_F(Walks, AStopOfOneOrderEndsTheOthers) {
  const DocumentId first = dry_run_at_noon(0), second = dry_run_at_noon(1);
  noon();
  model::Stop stop;
  stop.orders = {first};
  stop.reason = "not this one";
  host.document(host.tenant.sign(stop, {"carol"}));
  EXPECT_EQ(host.scans_ended, 0u);
  EXPECT_EQ(last_of(first).reason, Reason::kStopped);
  host.scan_answers(host.found());  // for whom nobody waits
  host.scan_answers(host.found());
  EXPECT_EQ(last_of(first).reason, Reason::kStopped);
  EXPECT_EQ(last_of(first).kind, ReceiptKind::kStop);
  EXPECT_EQ(last_of(second).state, HostState::kFound);
  EXPECT_EQ(host.receipts().size(), 2u);
}

TEST_F(Walks, AStopOfAllReadsOnForThoseThatAreAnswered) {
  dry_run_at_noon(0);
  const DocumentId second = dry_run_at_noon(1);
  noon();
  host.scan_answers(host.found());
  host.document(stop_all());
  EXPECT_EQ(host.scans_ended, 1u);
  EXPECT_EQ(last_of(second).reason, Reason::kStopped);
  host.scan_answers(host.found());
  EXPECT_EQ(host.receipts().size(), 2u);
}

TEST_F(Walks, WhatExpiresInTheMiddleIsCleaned) {
  const DocumentId first = apply(0);
  const DocumentId dry = host.order(fixture::dry_run(policies[1]), {"alice"});
  host.scan_answers(host.found());
  model::Order brief = fixture::apply(policies[1], dry);
  brief.schedule.not_after = host.clock.local + minutes(90);
  const DocumentId second = host.order(brief, {"alice", "bob"});
  cool_off();
  ASSERT_EQ(host.scans_.back().policies.size(), 2u) << host.core->why(second);
  host.pass(minutes(30));
  host.deliver();
  host.scan_answers(host.found());
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts(), 1u);
  EXPECT_EQ(last_of(second).state, HostState::kExpired);
  act_answers(first, HostState::kCleaned);
  EXPECT_EQ(last_of(first).state, HostState::kCleaned);
  EXPECT_EQ(host.acts(), 1u);
}

TEST_F(Walks, TwoCleaningsRunAtOnce) {
  const DocumentId first = apply(0), second = apply(1);
  cool_off();
  const std::size_t walks = host.scans();
  ASSERT_EQ(host.scans_.back().policies.size(), 2u);
  EXPECT_TRUE(host.scans_.back().verify);
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts(), 0u) << "while the walk goes on";
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_EQ(host.acts_[0].policy, digests[0]);
  EXPECT_EQ(host.core->why(second), "waiting: another order is being carried out");
  act_answers(first, HostState::kCleaned);
  ASSERT_EQ(host.acts(), 2u);
  EXPECT_EQ(host.acts_[1].policy, digests[1]);
  EXPECT_EQ(host.acts_[1].request.findings.size(), 1u);
  EXPECT_EQ(host.scans(), walks) << "rescanned while another order is being carried out";
  act_answers(second, HostState::kCleaned);
  ASSERT_EQ(host.scans_.back().policies.size(), 2u) << "both rescans in one walk";
  host.scan_answers(host.clean());
  host.scan_answers(host.found());
  EXPECT_EQ(last_of(first).state, HostState::kVerified);
  EXPECT_EQ(last_of(second).state, HostState::kResidual);
}

TEST_F(Walks, AStopReachesOnlyTheCleaningThatRuns) {
  const DocumentId first = apply(0), second = apply(1);
  cool_off();
  host.scan_answers(host.found());
  host.scan_answers(host.found());
  model::Stop stop;
  stop.orders = {second};
  host.document(host.tenant.sign(stop, {"carol"}));
  EXPECT_EQ(host.stops_asked, 0u);
  EXPECT_EQ(last_of(second).reason, Reason::kStopped);
  act_answers(first, HostState::kCleaned);
  EXPECT_EQ(host.acts(), 1u);
  EXPECT_EQ(last_of(first).state, HostState::kCleaned);
}

TEST_F(Walks, AnUndoWaitsForCleaningsThatHaveNotBegun) {
  const DocumentId first = apply(0);
  cool_off();
  host.scan_answers(host.found());
  act_answers(first, HostState::kCleaned);
  host.scan_answers(host.clean());
  host.connect();
  const DocumentId second = apply(1);
  apply(2);
  cool_off();
  host.scan_answers(host.found());
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 2u) << host.core->why(second);
  host.order(fixture::undo(first), {"alice", "bob"});
  act_answers({}, HostState::kCleaned);
  ASSERT_EQ(host.acts(), 3u);
  EXPECT_TRUE(host.acts_[2].policy.is_zero()) << "the undo comes first";
}

TEST_F(Walks, ADryRunReadsEverythingForTheRescanBesideIt) {
  apply(0);
  cool_off();
  host.scan_answers(host.found());
  host.connect();
  const DocumentId dry = host.order(fixture::dry_run(policies[1]), {"alice"});
  act_answers({}, HostState::kCleaned);
  EXPECT_TRUE(host.scans_.back().verify);
  EXPECT_EQ(host.scans_.back().policies.size(), 1u);
  host.scan_answers(host.clean());
  EXPECT_FALSE(host.scans_.back().verify) << host.core->why(dry);
  EXPECT_THAT(host.scans_.back().policies, testing::ElementsAre(digests[1]));
}

// Which of them kills the scanner nobody knows: the innocent must not share its end.
TEST_F(Walks, AScannerThatDiesOfOnePolicyTakesTheOthersAlong) {
  const DocumentId guilty = dry_run_at_noon(0), innocent = dry_run_at_noon(1);
  noon();
  host.run(host.core->on_child_lost(model::Child::kScan, "signal 11", host.now()));
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(host.scans_.back().policies, testing::ElementsAre(digests[0]));
    host.run(host.core->on_child_lost(model::Child::kScan, "signal 11", host.now()));
  }
  EXPECT_EQ(last_of(guilty).reason, Reason::kInternal);
  ASSERT_THAT(host.scans_.back().policies, testing::ElementsAre(digests[1]));
  host.scan_answers(host.clean());
  EXPECT_EQ(last_of(innocent).state, HostState::kClean);
  EXPECT_EQ(host.scans(), 5u);
}

TEST_F(Walks, AnAnswerThatFailsForOneIsBelievedOfAll) {
  const DocumentId guilty = dry_run_at_noon(0), innocent = dry_run_at_noon(1);
  noon();
  model::ScanDone failed;
  failed.reason = Reason::kInternal;
  failed.detail = "the parser died 50 times";
  host.scan_answers(failed);
  host.scan_answers(failed);
  EXPECT_TRUE(host.receipts().empty());
  host.scan_answers(failed);
  EXPECT_EQ(last_of(guilty).reason, Reason::kInternal);
  host.scan_answers(host.clean());
  EXPECT_EQ(last_of(innocent).state, HostState::kClean);
}

TEST_F(Walks, ACrashInTheMiddleForgetsThoseThatShareTheWalk) {
  const DocumentId first = apply(0), second = apply(1);
  cool_off();
  host.scan_answers(host.found());
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 1u);
  host.crash();
  host.connect();
  host.deliver();
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_TRUE(host.acts_[0].request.resume);
  act_answers(first, HostState::kCleaned);
  ASSERT_EQ(host.scans(), 1u);
  EXPECT_EQ(host.scans_[0].policies.size(), 2u) << "the rescan of one, and the other anew";
  host.scan_answers(host.clean());
  host.scan_answers(host.found());
  EXPECT_EQ(last_of(first).state, HostState::kVerified);
  act_answers(second, HostState::kCleaned);
  host.scan_answers(host.clean());
  EXPECT_EQ(last_of(second).state, HostState::kVerified);
}

}  // namespace
}  // namespace fleetsweep::agent
