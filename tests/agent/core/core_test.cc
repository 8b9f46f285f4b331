#include "agent/core/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/crypto/digest.h"
#include "protocol/trust/act_check.h"
#include "tests/agent/core/harness.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using model::ReceiptKind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class AgentCore : public ::testing::Test {
 protected:
  DocumentId dry_run_found() {
    const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
    host.scan_answers(host.found());
    return id;
  }
  // Signed by two, cooled off, scanned again: act has the request now.
  DocumentId acting() {
    const DocumentId id =
        host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
    cool_off();
    EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
    host.scan_answers(host.found());
    return id;
  }
  // An hour in which the controller keeps talking.
  void cool_off(Harness& host) {
    for (int i = 0; i < 7; ++i) {
      host.pass(minutes(10));
      host.deliver();
    }
  }
  void cool_off() { cool_off(host); }
  Bytes stop_all() { return host.tenant.sign(model::Stop{.halt_all = true}, {"carol"}); }

  Harness host;
};

TEST_F(AgentCore, DryRunReportsWhatItFoundOnceWithoutShowingThePath) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  ASSERT_EQ(host.scans(), 1u) << host.core->why(id);
  EXPECT_FALSE(host.scans_[0].verify);
  host.scan_answers(host.found());
  host.deliver();
  host.pass(hours(2));
  ASSERT_EQ(host.receipts().size(), 1u);
  const model::Receipt receipt = host.last();
  EXPECT_EQ(receipt.order, id);
  EXPECT_EQ(receipt.kind, ReceiptKind::kScan);
  EXPECT_EQ(receipt.state, HostState::kFound);
  EXPECT_EQ(receipt.matched, 1u);
  EXPECT_EQ(receipt.scanned, 100u);
  EXPECT_THAT(receipt.verdicts, testing::ElementsAre("confirmed"));
  ASSERT_EQ(receipt.items.size(), 1u);
  EXPECT_EQ(receipt.items[0].detection, "known_hash");
  EXPECT_FALSE(receipt.items[0].path_hash.is_zero());
  EXPECT_EQ(to_text(receipt.items[0].sealed_path), "sealed:/tmp/.x/lookalike");
  EXPECT_EQ(receipt.items_root, items_root(receipt.items));
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, NothingFoundIsClean) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kClean);
  EXPECT_TRUE(host.last().items.empty());
}

TEST_F(AgentCore, NothingFoundWhereNotAllCouldBeReadIsSaidWithAReservation) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  model::ScanDone done = host.clean();
  done.result.unscannable = 2;
  host.scan_answers(done);
  EXPECT_EQ(host.last().state, HostState::kClean);
  EXPECT_EQ(host.last().reason, Reason::kUnscannable);
  EXPECT_EQ(host.core->why(id), "done: clean, but 2 objects could not be read");
}

// The time gate of the seed.

TEST_F(AgentCore, OrderDueInThePastRunsAtOnce) {
  host.pass(hours(3));
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, OrderForTheFutureWaitsAndStartsInItsTime) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.schedule.not_before = fixture::start() + fixture::kHour;
  const DocumentId id = host.order(order, {"alice"});
  host.pass(minutes(59));
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("waiting for time"));
  host.pass(minutes(2));
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, ControllerGoneWithinTheSignedGraceTheOrderStillFires) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.schedule.not_before = fixture::start() + 30 * fixture::kHour;
  order.schedule.not_after = fixture::start() + 60 * fixture::kHour;
  order.schedule.offline_grace = fixture::kDay + 0 * fixture::kHour;
  host.order(order, {"alice"});
  host.pass(hours(7));
  host.deliver();  // the last word of the controller
  host.disconnect();
  host.pass(hours(24));
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, ControllerGoneWithoutAGraceTheOrderIsRefusedAsStaleAndRunsWhenItIsBack) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.schedule.not_before = fixture::start() + 30 * fixture::kHour;
  order.schedule.not_after = fixture::start() + 60 * fixture::kHour;
  host.order(order, {"alice"});
  host.disconnect();
  host.pass(hours(31));
  EXPECT_EQ(host.scans(), 0u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kStale);
  EXPECT_EQ(host.last().kind, ReceiptKind::kRefused);
  host.connect();
  host.deliver();
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, ClockThatIsSetForwardWakesAWaitingOrder) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.schedule.not_before = fixture::start() + fixture::kHour;
  host.order(order, {"alice"});
  host.clock.local += 2 * fixture::kHour;  // no time has passed on the boot clock
  host.run(host.core->on_deadline(host.now()));
  EXPECT_EQ(host.scans(), 1u);
}

// Cleaning.

TEST_F(AgentCore, CleaningIsBoundToTheDryRunAndDoneMeansRescannedAndGone) {
  host.connect();
  const DocumentId id = acting();
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_TRUE(host.scans_[1].verify);
  EXPECT_EQ(host.acts_[0].request.findings.size(), 1u);
  EXPECT_EQ(host.acts_[0].policy, host.digest);
  EXPECT_FALSE(host.acts_[0].dry_run.is_zero());
  EXPECT_FALSE(host.acts_[0].request.resume);
  EXPECT_EQ(host.acts_[0].request.root_chain.size(), 1u);

  host.act_answers(HostState::kCleaned);
  EXPECT_EQ(host.last().state, HostState::kCleaned);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  ASSERT_EQ(host.scans(), 3u) << "the first rescan is due at once";
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kCleaned) << "one more rescan to come";
  host.pass(seconds(91));
  ASSERT_EQ(host.scans(), 4u);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_EQ(host.last().order, id);
  host.pass(hours(1));
  EXPECT_EQ(host.receipts().size(), 3u);
}

TEST_F(AgentCore, SameObjectStillThereIsResidual) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kResidual);
  EXPECT_EQ(host.last().items.size(), 1u);
}

TEST_F(AgentCore, AnotherObjectRightAwayIsRespawned) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  model::ScanDone again = host.found();
  std::get<model::FileIdentity>(again.result.findings[0].identity).inode = 42;
  host.scan_answers(again);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  EXPECT_EQ(host.last().reason, Reason::kRespawned);
}

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
  other.act_answers(HostState::kCleaned);
  other.crash();
  other.scan_answers(other.found());
  EXPECT_EQ(other.last().state, HostState::kResidual);
}

TEST_F(AgentCore, BackAfterACleanRescanIsRespawned) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, RescanAfterARebootCanOnlyTakeTheGoodWordBack) {
  Harness fresh;
  fresh.policy.verify.after_reboot = true;
  fresh.policy.verify.rescans = {Seconds(0)};
  fresh.digest = crypto::sha256(fixture::policy_bytes(fresh.policy));
  fresh.connect();
  const DocumentId dry = fresh.order(fixture::dry_run(fresh.policy), {"alice"});
  fresh.scan_answers(fresh.found());
  fresh.order(fixture::apply(fresh.policy, dry), {"alice", "bob"});
  cool_off(fresh);
  fresh.scan_answers(fresh.found());
  fresh.act_answers(HostState::kCleaned);
  fresh.scan_answers(fresh.clean());
  ASSERT_EQ(fresh.last().state, HostState::kVerified);
  const std::size_t before = fresh.receipts().size();
  fresh.clock.boot.value.fill(2);
  fresh.crash();
  ASSERT_EQ(fresh.scans(), 1u);
  fresh.scan_answers(fresh.found());
  ASSERT_EQ(fresh.receipts().size(), before + 1);
  EXPECT_EQ(fresh.last().state, HostState::kRespawned);
  fresh.crash();
  EXPECT_EQ(fresh.scans(), 0u) << "once";
}

TEST_F(AgentCore, HostWithNothingToCleanSaysSoAndStartsNoAct) {
  host.connect();
  const DocumentId dry = host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(host.clean());
  host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
  cool_off();
  host.scan_answers(host.clean());
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  EXPECT_EQ(host.last().state, HostState::kClean);
}

TEST_F(AgentCore, TracesThatAreOnlyReportedAreNotCalledCleaned) {
  host.policy.responses = {{.verdicts = {0}, .actions = {{.kind = model::ActionKind::kReport}}}};
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  host.connect();
  const DocumentId dry = host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kFound);
  host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
  cool_off();
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  EXPECT_EQ(host.last().state, HostState::kClean);
  EXPECT_EQ(host.last().verdicts.size(), 1u) << "the receipt still names what was seen";
}

TEST_F(AgentCore, ApplyThatArrivesWithItsDryRunWaitsForItInsteadOfRefusing) {
  host.connect();
  const Bytes dry = host.tenant.sign(fixture::dry_run(host.policy), {"alice"});
  host.log.append(dry);
  const DocumentId id =
      host.order(fixture::apply(host.policy, fixture::id_of(dry)), {"alice", "bob"});
  cool_off();
  EXPECT_TRUE(host.receipts().empty());
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("dry run"));
  host.scan_answers(host.found());
  EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
}

TEST_F(AgentCore, RefusalOfActIsReportedWithItsReasonAndNotRescanned) {
  host.connect();
  acting();
  host.act_answers(HostState::kRefused, Reason::kKnownGood);
  EXPECT_EQ(host.last().kind, ReceiptKind::kRefused);
  EXPECT_EQ(host.last().reason, Reason::kKnownGood);
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), 2u);
}

// Stop, halt, quorum.

TEST_F(AgentCore, StopBeatsAnOrderThatCoolsOff) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  host.document(stop_all());
  cool_off();
  EXPECT_EQ(host.scans(), 1u);
  EXPECT_EQ(host.last().kind, ReceiptKind::kStop);
  EXPECT_EQ(host.last().reason, Reason::kStopped);
  EXPECT_EQ(host.receipts().size(), 2u) << "said once";
}

TEST_F(AgentCore, StopThatComesDuringTheScanBeatsTheFirstSideEffect) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  ASSERT_EQ(host.scans(), 2u);
  host.document(stop_all());
  EXPECT_EQ(host.scans_ended, 1u);
  host.scan_answers(host.found());  // was on its way
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.last().reason, Reason::kStopped);
}

TEST_F(AgentCore, ADryRunThatIsStoppedReadsOnToItsEnd) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  ASSERT_EQ(host.scans(), 1u);
  const Bytes stop = stop_all();
  host.document(stop);
  EXPECT_EQ(host.scans_ended, 1u);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().kind, ReceiptKind::kStop);
  host.scan_answers(host.found());
  EXPECT_EQ(host.receipts().size(), 1u) << "nobody waits for that result";
  model::Resume resume;
  resume.stops = {fixture::id_of(stop)};
  host.document(host.tenant.sign(resume, {"alice", "bob"}));
  EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
}

TEST_F(AgentCore, TheOwnersHaltLetsAScanGoOn) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  host.run(host.core->on_halt(true, host.now()));
  EXPECT_EQ(host.scans_ended, 1u);
  EXPECT_EQ(host.last().reason, Reason::kHalted);
  host.run(host.core->on_halt(false, host.now()));
  EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
}

TEST_F(AgentCore, AHaltedHostIsRescanned) {
  host.connect();
  acting();
  host.run(host.core->on_halt(true, host.now()));
  host.act_answers(HostState::kCleaned);
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), 2u);
  host.run(host.core->on_halt(false, host.now()));
  EXPECT_EQ(host.scans(), 3u) << "done means rescanned and gone";
}

TEST_F(AgentCore, StopThatComesWhileActingAsksActToStopOnce) {
  host.connect();
  acting();
  host.document(stop_all());
  host.deliver();
  EXPECT_EQ(host.stops_asked, 1u);
  host.act_answers(HostState::kFailed, Reason::kStopped);
  EXPECT_EQ(host.last().kind, ReceiptKind::kStop);
}

TEST_F(AgentCore, OrderWithoutItsQuorumActsOnNobody) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice"});
  host.pass(hours(2));
  host.deliver();
  EXPECT_EQ(host.scans(), 1u);
  EXPECT_EQ(host.acts(), 0u);
  const auto says_why = testing::StartsWith("refused: quorum: role clean: ");
  EXPECT_THAT(host.core->why(id), says_why);
  host.crash();
  EXPECT_THAT(host.core->why(id), says_why) << "a restart does not forget what it refused";
  ASSERT_EQ(host.core->status().refused.size(), 1u);
  EXPECT_EQ(host.core->status().refused.front().id, id);
}

TEST_F(AgentCore, HaltedHostBeginsNothingSaysItOnceAndGoesOnWhenResumed) {
  host.connect();
  host.run(host.core->on_halt(true, host.now()));
  host.order(fixture::dry_run(host.policy), {"alice"});
  cool_off();
  EXPECT_EQ(host.scans(), 0u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kHalted);
  host.run(host.core->on_halt(false, host.now()));
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, RefusalIsSaidOncePerReasonAlsoAfterARestart) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.scope.jurisdictions = {"FR"};
  host.order(order, {"alice"});
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kJurisdiction);
  host.deliver();
  host.crash();
  host.connect();
  host.deliver();
  host.pass(hours(1));
  EXPECT_EQ(host.receipts().size(), 1u);
}

TEST_F(AgentCore, OrderForOthersIsNotCommentedAndItsPolicyNotFetched) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.scope.groups = {"db"};
  const DocumentId id = host.order(order, {"alice"});
  EXPECT_TRUE(host.receipts().empty());
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("scope"));
  for (const auto& want : of_kind<model::Want>(host.sent)) EXPECT_TRUE(want.blob.is_zero());
}

TEST_F(AgentCore, OrderForOthersThatIsStoppedOrEndsIsStillNotCommentedAfterARestart) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.scope.groups = {"db"};
  const DocumentId id = host.order(order, {"alice"});
  const auto expect_silence = [&] {
    host.crash();
    host.connect();
    host.deliver();
    EXPECT_TRUE(host.receipts().empty());
    EXPECT_THAT(host.core->why(id), testing::StartsWith("refused: scope: "));
  };
  host.document(stop_all());
  expect_silence();
  host.run(host.core->on_halt(true, host.now()));
  expect_silence();
  host.pass(hours(25));
  expect_silence();
}

TEST_F(AgentCore, OrderNotReachedInItsTimeIsReportedAsExpired) {
  host.order(fixture::dry_run(host.policy), {"alice"});  // its policy never comes
  host.pass(hours(25));
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kExpired);
  EXPECT_EQ(host.last().state, HostState::kExpired);
}

TEST_F(AgentCore, OrderThatEndedBeforeThisHostWasEnrolledIsHistory) {
  host.connect();
  auto order = fixture::dry_run(host.policy);
  order.schedule.not_before = fixture::start() - 5 * fixture::kDay;
  order.schedule.not_after = fixture::start() - 4 * fixture::kDay;
  host.order(order, {"alice"});
  EXPECT_TRUE(host.receipts().empty());
}

TEST_F(AgentCore, PolicyThatTheEdgeDoesNotHaveIsReportedAndTheOrderRunsWhenItComes) {
  host.connect();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  host.run(host.core->on_message(model::Entries{0, host.log.entries()}, host.now()));
  host.run(host.core->on_message(model::Checkpoint{host.log.note(host.clock.local)}, host.now()));
  EXPECT_TRUE(host.receipts().empty()) << "it is only on its way";
  host.sent.clear();
  host.run(host.core->on_message(model::Blob{.digest = host.digest}, host.now()));
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMissing);
  host.pass(seconds(31));
  host.serve_policy();
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, PolicyWithOtherBytesIsAMismatch) {
  host.connect();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  host.run(host.core->on_message(model::Entries{0, host.log.entries()}, host.now()));
  host.run(host.core->on_message(model::Checkpoint{host.log.note(host.clock.local)}, host.now()));
  Bytes bytes = fixture::policy_bytes(host.policy);
  bytes.back() ^= 1;
  host.run(host.core->on_message(model::Blob{host.digest, 0, bytes.size(), bytes}, host.now()));
  EXPECT_EQ(host.last().reason, Reason::kPolicyMismatch);
  EXPECT_EQ(host.scans(), 0u);
}

TEST_F(AgentCore, PolicyOfTheFutureIsRefusedForItsSchema) {
  host.policy.schema = 2;
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kSchema);
}

TEST_F(AgentCore, OfACleanedHostItIsSaidWhatWasDone) {
  host.connect();
  const DocumentId id = acting();
  host.act_answers(HostState::kCleaned);
  EXPECT_EQ(host.core->why(id), "cleaned; objects acted on: 1");
  host.crash();
  EXPECT_EQ(host.core->why(id), "cleaned; objects acted on: 1");
  host.connect();
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.core->why(id), "done: verified; objects acted on: 1");
  host.crash();
  EXPECT_EQ(host.core->why(id), "done: verified; objects acted on: 1") << "nor forgotten";
}

TEST_F(AgentCore, TheBeginningOfAnIdNamesItsOrder) {
  host.connect();
  const DocumentId id = dry_run_found();
  const std::string hex = id.hex();
  EXPECT_EQ(host.core->order_named(hex), id);
  EXPECT_EQ(host.core->order_named(hex.substr(0, 8)), id);
  EXPECT_EQ(host.core->order_named(hex.substr(0, 63)), id);
  EXPECT_EQ(host.core->order_named(hex.substr(0, 7)).error().code, Code::kInvalid);
  EXPECT_EQ(host.core->order_named(hex + "0").error().code, Code::kInvalid);
  EXPECT_EQ(host.core->order_named("zzzzzzzz").error().code, Code::kInvalid);
  const std::string other = std::string(hex[0] == '0' ? "1" : "0") + hex.substr(1, 11);
  EXPECT_EQ(host.core->order_named(other).error().code, Code::kNotFound);
}

TEST_F(AgentCore, APolicyThatKillsItsReaderIsReadForEver) {
  host.connect();
  host.guard.poison.insert(host.digest);
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kPoison);
}

TEST_F(AgentCore, AnOrderThatKillsItsJudgeIsJudgedForEver) {
  host.connect();
  const Bytes order = host.tenant.sign(fixture::dry_run(host.policy), {"alice"});
  const DocumentId id = fixture::id_of(order);
  host.guard.poison.insert(Digest{id.value});
  host.document(order);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kPoison);
  // The others are judged, and after a restart it is not said again.
  model::Order other = fixture::dry_run(host.policy);
  other.title = "other";
  host.order(other, {"alice"});
  EXPECT_EQ(host.scans(), 1u);
  host.crash();
  host.connect();
  host.deliver();
  EXPECT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(AgentCore, AResultThatKillsItsReaderIsScannedForEver) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  ASSERT_EQ(host.scans(), 1u);
  host.guard.read.clear();
  host.scan_answers(host.found());
  EXPECT_TRUE(host.guard.read.contains(Digest{id.value})) << "counted before it is looked at";
  EXPECT_EQ(host.receipts().size(), 1u);
}

TEST_F(AgentCore, ScannerThatDiesIsStartedAgain) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  ASSERT_EQ(host.scans(), 2u);
  host.run(host.core->on_child_lost(model::Child::kScan, "signal 9", host.now()));
  ASSERT_EQ(host.scans(), 3u);
  EXPECT_TRUE(host.scans_.back().verify) << "as the first time: no cache is believed";
  host.run(host.core->on_child_lost(model::Child::kScan, "signal 9", host.now()));
  EXPECT_EQ(host.receipts().size(), 1u) << "only the dry run's";
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 1u);
  host.run(host.core->on_child_lost(model::Child::kAct, "signal 9", host.now()));
  EXPECT_EQ(host.receipts().size(), 1u) << "the scan's deaths are not act's";
}

TEST_F(AgentCore, ScannerThatDiesThreeTimesIsAResult) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  for (int i = 0; i < 3; ++i)
    host.run(host.core->on_child_lost(model::Child::kScan, "signal 11", host.now()));
  EXPECT_EQ(host.last().state, HostState::kFailed);
  EXPECT_EQ(host.last().reason, Reason::kInternal);
  EXPECT_EQ(host.last().kind, ReceiptKind::kScan);
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), 3u);
}

// Undo.

TEST_F(AgentCore, UndoPutsBackAndEndsTheRescansOfWhatItUndoes) {
  host.connect();
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());  // the second rescan is still to come
  host.order(fixture::undo(applied), {"alice", "bob"});
  ASSERT_EQ(host.acts(), 2u);
  EXPECT_TRUE(host.acts_[1].policy.is_zero());
  host.act_answers(HostState::kUndone);
  EXPECT_EQ(host.last().kind, ReceiptKind::kUndo);
  EXPECT_EQ(host.last().state, HostState::kUndone);
  const std::size_t scans = host.scans();
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), scans);
}

TEST_F(AgentCore, UndoByTheOwnerBecomesALocalReceipt) {
  host.connect();
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  model::ActDone done;
  done.state = HostState::kUndone;
  done.order = applied;
  done.undo = done.local = true;
  done.acted = 1;
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_TRUE(host.last().local);
  EXPECT_EQ(host.last().state, HostState::kUndone);
  EXPECT_EQ(host.last().order, applied);
  host.pass(hours(1));
  EXPECT_EQ(host.last().state, HostState::kUndone) << "no rescan reports what was put back";
}

TEST_F(AgentCore, UndoOfWhatWasNeverDoneIsRefused) {
  host.connect();
  host.order(fixture::undo(DocumentId{}), {"alice", "bob"});
  EXPECT_EQ(host.acts(), 0u);
}

// Crashes.

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

// Receipts on the way.

TEST_F(AgentCore, ReceiptIsSentUntilAckedAndNotAfterwards) {
  host.connect();
  dry_run_found();
  ASSERT_EQ(host.sent_receipts.size(), 1u);
  host.disconnect();
  host.connect();
  ASSERT_EQ(host.sent_receipts.size(), 2u) << "the first may be lost";
  host.ack_all();
  host.ack_all();
  host.disconnect();
  host.connect();
  EXPECT_EQ(host.sent_receipts.size(), 2u);
  EXPECT_EQ(host.core->status().outbox, 0u);
}

TEST_F(AgentCore, ForkedLogStopsEverything) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  fixture::Log other;
  other.append(host.tenant.root_envelope());
  other.append(host.tenant.sign(fixture::dry_run(host.policy), {"bob"}));
  while (other.entries().size() < host.log.entries().size()) other.append(to_bytes("noise"));
  host.pass(hours(1));
  host.run(host.core->on_message(model::Checkpoint{other.note(host.clock.local)}, host.now()));
  host.crash();
  EXPECT_TRUE(host.core->status().forked);
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("log_fork"));
}

TEST_F(AgentCore, GapInTheLogIsAskedForOnce) {
  host.connect();
  host.sent.clear();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  const std::vector<Bytes> tail = {host.log.entries().back()};
  host.run(host.core->on_message(model::Entries{1, tail}, host.now()));
  host.run(host.core->on_message(model::Entries{1, tail}, host.now()));
  const auto wants = of_kind<model::Want>(host.sent);
  ASSERT_EQ(wants.size(), 1u);
  EXPECT_EQ(wants[0].entries_from, 0u);
}

TEST_F(AgentCore, AnswerThatGotLostIsWaitedForUntilTheNextConnection) {
  host.connect();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  host.sent.clear();
  host.run(host.core->on_message(model::Checkpoint{host.log.note(host.clock.local)}, host.now()));
  ASSERT_EQ(of_kind<model::Want>(host.sent).size(), 1u);
  host.pass(seconds(29));
  EXPECT_EQ(of_kind<model::Want>(host.sent).size(), 1u);
  host.pass(seconds(1));
  ASSERT_EQ(of_kind<model::Want>(host.sent).size(), 2u);
  host.pass(minutes(1));
  EXPECT_EQ(of_kind<model::Want>(host.sent).size(), 4u) << "and so on, not faster";
  host.deliver();
  const std::size_t asked = of_kind<model::Want>(host.sent).size();
  host.pass(minutes(2));
  EXPECT_EQ(of_kind<model::Want>(host.sent).size(), asked) << "it has them";
}

// A broken relay, or a thief who was driven out: the honest edge must be able to go on.
TEST_F(AgentCore, EntriesOfAnotherTreeAreAskedForAgainAtEachCheckpoint) {
  host.connect();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  const auto note = [&] { return model::Checkpoint{host.log.note(host.clock.local)}; };
  host.run(host.core->on_message(note(), host.now()));
  for (std::size_t times = 1; times <= 3; ++times) {
    ASSERT_EQ(of_kind<model::Want>(host.sent).size(), times);
    std::vector<Bytes> changed = host.log.entries();
    changed.back().back() ^= 1;
    host.run(host.core->on_message(model::Entries{0, changed}, host.now()));
    EXPECT_EQ(host.core->status().log_size, 0u);
    host.run(host.core->on_message(note(), host.now()));
  }
  EXPECT_EQ(of_kind<model::Want>(host.sent).back().entries_from, 0u);
  host.deliver();
  EXPECT_EQ(host.core->status().log_size, host.log.entries().size());
  EXPECT_FALSE(host.core->status().forked);
}

TEST_F(AgentCore, AReceiptDoesNotSayWhichConsentItWasGivenUnder) {
  host.connect();
  const auto consent = trust::parse_consent("max_class = read\n");
  ASSERT_TRUE(consent);
  host.run(host.core->on_consent(*consent, host.now()));
  const DocumentId dry = dry_run_found();
  EXPECT_EQ(host.last().consent, crypto::sha256(as_bytes("max_class = read\n")));
  host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
  EXPECT_EQ(host.last().reason, Reason::kConsent);
  EXPECT_EQ(host.last().consent, consent->digest);
  EXPECT_EQ(host.core->status().consent, *consent);
}

// A Stop that comes without the log: from the owner's hand, a share, a stick.

class StopFile : public AgentCore {
 protected:
  trust::Taken offer(const Bytes& stop) {
    Core::StopAnswer answer;
    host.run(host.core->on_stop(stop, "test", answer, host.now()));
    says_ = answer.says;
    refusal_ = answer.notice.refusal;
    return answer.notice.taken;
  }
  Bytes resume(const Bytes& stop) {
    model::Resume resume;
    resume.stops = {fixture::id_of(stop)};
    return host.tenant.sign(resume, {"alice", "bob"});
  }
  std::string says_;
  trust::Refusal refusal_;
};

TEST_F(StopFile, WithoutAControllerItIsIgnored) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  host.disconnect();
  const Bytes stop = stop_all();
  EXPECT_EQ(offer(stop), trust::Taken::kAccepted);
  ASSERT_EQ(host.remembered.size(), 1u) << "act is told at once";
  EXPECT_EQ(host.remembered[0].stops, std::vector<Bytes>{stop});
  EXPECT_TRUE(host.remembered[0].order.empty());
  EXPECT_EQ(says_, "halts everything: ");
  const auto receipts = host.receipts();
  ASSERT_EQ(receipts.size(), 3u);  // of the dry run, of the Stop, of the order it hit
  EXPECT_EQ(receipts[1].kind, ReceiptKind::kStop);
  EXPECT_EQ(receipts[1].order, fixture::id_of(stop));
  EXPECT_EQ(receipts[2].kind, ReceiptKind::kStop);
  EXPECT_EQ(receipts[2].order, id);
  EXPECT_EQ(receipts[2].reason, Reason::kStopped);
  // The controller comes back, and knows nothing of the Stop.
  host.connect();
  cool_off();
  EXPECT_EQ(host.scans(), 1u);
  host.document(resume(stop));
  host.deliver();
  EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_EQ(offer(stop), trust::Taken::kKnown) << "lifted for ever";
  EXPECT_EQ(says_, "");
  EXPECT_EQ(host.stops_asked, 0u);
}

// The root is known from enrolment; the log may be on its way for a while, or withheld.
TEST_F(StopFile, BeforeTheFirstLogEntryItIsRefused) {
  const Bytes stop = stop_all();
  EXPECT_EQ(offer(host.tenant.sign(model::Stop{.halt_all = true}, {"dave"})),
            trust::Taken::kRefused);
  EXPECT_EQ(offer(stop), trust::Taken::kAccepted) << refusal_.detail;
  EXPECT_EQ(offer(stop), trust::Taken::kKnown);
  EXPECT_EQ(says_, "halts everything: ");
  EXPECT_TRUE(host.remembered.empty()) << "act has no chain to verify it by";
  host.crash();
  EXPECT_EQ(host.core->status().stops.size(), 1u);
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  EXPECT_EQ(host.scans(), 0u) << host.core->why(id);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kStopped);
  ASSERT_FALSE(host.remembered.empty()) << "act is told when the chain is here";
  EXPECT_EQ(host.remembered.back().stops, std::vector<Bytes>{stop});
  host.document(resume(stop));
  EXPECT_EQ(host.scans(), 1u) << host.core->why(id);
}

TEST_F(StopFile, ItDoesNotReachWhatIsRunning) {
  host.connect();
  acting();
  host.disconnect();
  EXPECT_EQ(offer(stop_all()), trust::Taken::kAccepted);
  EXPECT_EQ(host.stops_asked, 1u);
}

TEST_F(StopFile, ACrashForgetsIt) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  const Bytes stop = stop_all();
  offer(stop);
  host.crash();
  host.connect();
  cool_off();
  EXPECT_EQ(host.scans(), 0u) << host.core->why(id);
  EXPECT_EQ(offer(stop), trust::Taken::kKnown);
  // act is told of it too.
  EXPECT_EQ(host.core->status().stops.size(), 1u);
}

// As with a logged one: who may stop is asked of the root that stood when it was taken.
TEST_F(StopFile, ItsSignerLeavesAndARestartFreesWhatHeStopped) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  ASSERT_EQ(offer(stop_all()), trust::Taken::kAccepted);  // by carol
  auto root = host.tenant.next(host.tenant.verified(), [](model::Root& r) {
    r.keys[2] = {fixture::key_named("dave").public_key(), {}, "dave", 0, ""};
  });
  host.document(host.tenant.sign(root, {"alice", "bob", "dave"}));
  ASSERT_EQ(host.core->status().root_version, 2u);
  host.crash();
  host.connect();
  cool_off();
  EXPECT_EQ(host.core->status().stops.size(), 1u);
  EXPECT_EQ(host.scans(), 0u) << host.core->why(id);
}

TEST_F(StopFile, AStrangersStopOrAnotherDocumentIsTaken) {
  host.connect();
  host.deliver();
  EXPECT_EQ(offer(host.tenant.sign(model::Stop{.halt_all = true}, {"dave"})),
            trust::Taken::kRefused);
  EXPECT_EQ(offer(host.tenant.sign(fixture::dry_run(host.policy), {"alice"})),
            trust::Taken::kRefused);
  model::Stop elsewhere{.halt_all = true};
  elsewhere.tenant.value.fill(9);
  EXPECT_EQ(offer(host.tenant.sign(elsewhere, {"carol"})), trust::Taken::kRefused);
  EXPECT_EQ(refusal_.reason, Reason::kTenant);
  EXPECT_EQ(offer(to_bytes("nonsense")), trust::Taken::kRefused);
  EXPECT_TRUE(host.core->status().stops.empty());
  EXPECT_TRUE(host.receipts().empty());
}

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
