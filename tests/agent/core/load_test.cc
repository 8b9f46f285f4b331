// A core that crashes, or whose children do.

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
using std::chrono::seconds;

TEST_F(AgentCore, ACoreThatWasRestartedStillTellsWhatCameBackFromWhatWasMissed) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  host.crash();
  ASSERT_EQ(host.scans(), 1u);
  model::ScanDone again = host.found();
  std::get<model::FileIdentity>(again.result.findings[0].identity).inode = 42;
  host.scan_answers(again);
  EXPECT_EQ(host.last().state, HostState::kRespawned);

  Harness other;
  other.connect();
  const DocumentId dry = other.order(fixture::dry_run(other.policy), {"alice"});
  other.scan_answers(other.found());
  other.order(fixture::apply(other.policy, dry), {"alice", "bob"});
  cool_off(other);
  other.scan_answers(other.found());
  other.act_answers(HostState::kCleaned, Reason::kNone, false);
  other.crash();
  other.scan_answers(other.found());
  EXPECT_EQ(other.last().state, HostState::kResidual);
}

// Orders whose time is long over, so that the fold has forgotten them.
class ForgottenOrder : public AgentCore {
 protected:
  ForgottenOrder() { host.connect(); }
  void reboot() {
    ++host.clock.boot.value[0];
    host.crash();
  }
};

TEST_F(ForgottenOrder, OfAHostThatIsStartedAnewMonthsLaterNobodyHearsAgain) {
  const DocumentId id = acting();
  host.act_answers(HostState::kNeedsReboot);
  later(fixture::kDay * 100);
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
  ASSERT_EQ(host.core->status().orders, 0u);
  ASSERT_EQ(host.core->status().lines.size(), 1u);
  EXPECT_EQ(host.core->status().lines[0].order, id);
  reboot();
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.clean());
  host.crash();
  host.pass(seconds(91));
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_EQ(host.last().order, id);
  reboot();
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_TRUE(host.core->status().lines.empty());
}

TEST_F(ForgottenOrder, ARestartLosesItsLateRescan) {
  host.policy.verify.rescans = {Seconds(0), fixture::kDay * 120};
  host.policy.verify.respawn_rounds = 1;
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  const DocumentId id = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  later(fixture::kDay * 100);
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
  const Bytes stop =
      host.tenant.sign(model::Stop{.nonce = Nonce{{77}}, .policies = {host.digest}}, {"carol"});
  host.connect();
  host.document(stop);
  later(fixture::kDay * 21);
  EXPECT_EQ(host.scans(), 0u) << "stopped by its policy";
  model::Resume resume;
  resume.stops = {fixture::id_of(stop)};
  host.document(host.tenant.sign(resume, {"alice", "bob"}));
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.scans(), 1u) << "no gate could be asked for another round";
}

TEST_F(ForgottenOrder, ItsUndoIsCalledUnknownAfterTwoRestarts) {
  const DocumentId id = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  ASSERT_EQ(host.last().state, HostState::kVerified);
  later(fixture::kDay * 100);
  host.crash();
  host.crash();
  host.connect();
  model::Order undo = fixture::undo(id);
  undo.schedule.not_before = host.clock.local;
  undo.schedule.not_after = host.clock.local + fixture::kDay;
  const DocumentId undone = host.order(undo, {"alice", "bob"});
  ASSERT_EQ(host.acts(), 1u) << host.core->why(undone);
  host.act_answers(HostState::kUndone);
  EXPECT_EQ(host.last().state, HostState::kUndone);
}

TEST_F(ForgottenOrder, ThatWaitsForARebootIsKeptForEver) {
  const DocumentId id = acting();
  host.act_answers(HostState::kNeedsReboot);
  later(fixture::kDay * 200);
  later(fixture::kDay * 167);
  const std::size_t before = host.receipts().size();
  host.crash();
  ASSERT_EQ(host.receipts().size(), before + 1);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kNeedsReboot);
  EXPECT_EQ(host.last().reason, Reason::kExpired);
  reboot();
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.receipts().size(), before + 1) << "said once";
}

TEST_F(AgentCore, CrashBeforeTheCommitBeginsAnew) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  host.lose_commits = true;
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts(), 0u) << "what is not durable does not happen";
  host.crash();
  ASSERT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.scans(), 1u) << "the scan before the apply, again";
}

TEST_F(AgentCore, CrashWhileActingIsResumedNeverBegunAnew) {
  host.connect();
  const DocumentId id = acting();
  host.crash();
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_TRUE(host.acts_[0].request.resume);
  EXPECT_FALSE(host.acts_[0].request.order.empty());
  EXPECT_EQ(host.scans(), 0u);
  host.act_answers(HostState::kCleaned);
  EXPECT_EQ(host.last().state, HostState::kCleaned);
  EXPECT_EQ(host.last().order, id);
}

TEST_F(AgentCore, ActThatDiesOnAHaltedHostIsAskedToEndWhatItBegan) {
  host.connect();
  const DocumentId id = acting();
  host.run(host.core->on_halt(true, host.now()));
  host.run(host.core->on_child_lost(model::Child::kAct, "signal 9", host.now()));
  ASSERT_EQ(host.acts(), 2u) << "it is asked to end what it began";
  EXPECT_TRUE(host.acts_[1].request.resume);
  host.act_answers(HostState::kFailed, Reason::kHalted);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kHalted);
}

TEST_F(AgentCore, ActThatDiesIsResumedAFewTimesSaysSoAndIsLeftForTheNextStart) {
  host.connect();
  acting();
  const std::size_t before = host.receipts().size();
  for (int i = 0; i < 5; ++i)
    host.run(host.core->on_child_lost(model::Child::kAct, "signal 9", host.now()));
  EXPECT_EQ(host.acts(), 3u);
  ASSERT_EQ(host.receipts().size(), before + 1);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  EXPECT_EQ(host.last().state, HostState::kFailed);
  EXPECT_EQ(host.last().reason, Reason::kInternal);
  host.crash();
  ASSERT_EQ(host.acts(), 1u);
  host.act_answers(HostState::kCleaned);
  EXPECT_EQ(host.last().state, HostState::kCleaned) << "the newer word counts";
}

TEST_F(AgentCore, CrashDuringADryRunRepeatsIt) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.crash();
  EXPECT_EQ(host.scans(), 1u);
  host.scan_answers(host.found());
  EXPECT_EQ(host.receipts().size(), 1u);
}

TEST_F(AgentCore, CrashBetweenRescansGoesOnWithTheNext) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
  host.pass(seconds(91));
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kVerified);
}

TEST_F(AgentCore, ReceiptThatWasCommittedAndNotSentIsSentAfterTheCrash) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.disconnect();
  host.scan_answers(host.found());
  EXPECT_TRUE(host.sent_receipts.empty());
  host.crash();
  host.connect();
  ASSERT_EQ(host.sent_receipts.size(), 1u);
  EXPECT_THAT(host.sent_receipts[0], testing::ElementsAre(1));
}

TEST_F(AgentCore, OrderDoneBeforeTheCrashIsNotDoneAgain) {
  host.connect();
  dry_run_found();
  host.crash();
  host.connect();
  host.deliver();
  host.pass(hours(2));
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.receipts().size(), 1u);
}

}  // namespace
}  // namespace fleetsweep::agent
