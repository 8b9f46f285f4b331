// Which order may run, which waits, which is refused.

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
using std::chrono::seconds;

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

TEST_F(AgentCore, AnUndoThatComesBeforeItsOrderBeginsLetsItBegin) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  ASSERT_EQ(host.scans(), 2u);
  const DocumentId undo = host.order(fixture::undo(id), {"alice", "bob"});
  EXPECT_EQ(host.last().order, undo);
  EXPECT_EQ(host.last().reason, Reason::kUndoUnknown);
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kStopped);
  EXPECT_EQ(host.core->why(id), "refused: stopped: order " + undo.hex() + " undoes it");
  const std::size_t said = host.receipts().size();
  host.crash();
  host.connect();
  host.pass(hours(25));
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.receipts().size(), said) << "once";
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

TEST_F(AgentCore, TheBeginningOfAnIdNamesItsOrder) {
  host.connect();
  const DocumentId id = dry_run_found();
  const std::string hex = id.hex();
  EXPECT_EQ(host.core->order_named(hex), id);
  EXPECT_EQ(host.core->order_named(hex.substr(0, 8)), id);
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

TEST_F(AgentCore, UndoOfWhatWasNeverDoneIsRefused) {
  host.connect();
  host.order(fixture::undo(DocumentId{}), {"alice", "bob"});
  EXPECT_EQ(host.acts(), 0u);
}

}  // namespace
}  // namespace fleetsweep::agent
