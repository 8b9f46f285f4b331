// Who isolates a host makes sure that it can be released.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "agent/plan/network.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class Isolation : public AgentCore {
 protected:
  Isolation() { host.connect(); }
  DocumentId isolated() {
    const DocumentId id = cut_off();
    host.scan_answers(host.clean());
    host.remembered.clear();
    return id;
  }
  // And its first rescan has begun.
  DocumentId cut_off() {
    const DocumentId id = acting();
    host.connect();  // it was silent while it cooled off
    model::ActDone done;
    done.state = HostState::kCleaned;
    done.order = id;
    model::ReceiptItem item;
    item.action = model::ActionKind::kIsolate;
    item.outcome = model::Outcome::kDone;
    done.items = {item};
    done.paths = {"the host from everything but its controller, for 1d"};
    done.removed = host.given_;
    host.run(host.core->on_act_done(done, host.now()));
    return id;
  }
  // That it ended, of which there is one receipt.
  void expect_said(const DocumentId& id) {
    const auto all = host.receipts();
    EXPECT_EQ(std::ranges::count(all, Reason::kTimeout, &model::Receipt::reason), 1);
    const auto told = std::ranges::find(all, Reason::kTimeout, &model::Receipt::reason);
    ASSERT_NE(told, all.end());
    EXPECT_EQ(told->order, id);
    EXPECT_EQ(told->kind, model::ReceiptKind::kUndo);
    EXPECT_EQ(told->state, HostState::kFailed);
    EXPECT_TRUE(host.remembered.empty()) << "it would be cut off again";
    EXPECT_THAT(host.core->why(id), HasSubstr("; no longer isolated: "));
  }
  void hear() {
    host.run(host.core->on_message(model::Checkpoint{host.log.note(host.clock.local)}, host.now()));
  }
};

TEST_F(Isolation, AnIsolationEndsAlthoughTheControllerIsReached) {
  const DocumentId id = isolated();
  host.pass(seconds(1));
  hear();
  EXPECT_TRUE(host.remembered.empty()) << "that may have been on its way before";
  host.pass(seconds(10));
  hear();
  ASSERT_EQ(host.remembered.size(), 1u);
  EXPECT_FALSE(host.remembered[0].checkpoint.empty());
  EXPECT_TRUE(host.remembered[0].order.empty());
  host.pass(seconds(10));
  hear();
  EXPECT_EQ(host.remembered.size(), 1u) << "once is enough";
  EXPECT_THAT(host.core->why(id), Not(HasSubstr("no longer isolated")));
}

TEST_F(Isolation, ARescanThatEndsLateSaysOfAKeptIsolationThatItEnded) {
  const DocumentId id = cut_off();
  host.pass(seconds(10));
  hear();
  ASSERT_EQ(host.remembered.size(), 1u);
  host.pass(plan::kUnreachedMax + seconds(2));
  host.scan_answers(host.clean());
  host.pass(minutes(2));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_THAT(host.core->why(id), Not(HasSubstr("no longer isolated")));
}

TEST_F(Isolation, ALateRoundSaysOfAKeptIsolationThatItEnded) {
  host.policy.verify.respawn_rounds = 1;
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  const DocumentId id = cut_off();
  host.scan_answers(host.found());  // and the look before the next round has begun
  host.pass(seconds(10));
  hear();
  ASSERT_EQ(host.remembered.size(), 1u);
  host.pass(plan::kUnreachedMax + seconds(2));
  host.deliver();
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 2u) << host.core->why(id);
  host.act_answers(HostState::kCleaned);
  EXPECT_EQ(host.last().state, HostState::kCleaned);
  EXPECT_THAT(host.core->why(id), Not(HasSubstr("no longer isolated")));
}

TEST_F(Isolation, AHostThatNobodyCanReleaseStaysCutOffAndSaysNothing) {
  const DocumentId id = isolated();
  host.disconnect();
  const std::size_t before = host.receipts().size();
  host.pass(plan::kUnreachedMax + seconds(2));
  EXPECT_TRUE(host.remembered.empty());
  EXPECT_THAT(host.core->why(id), HasSubstr("; no longer isolated: the controller was not heard"));
  ASSERT_GT(host.receipts().size(), before);
  const auto all = host.receipts();
  const auto told = std::ranges::find(all, Reason::kTimeout, &model::Receipt::reason);
  ASSERT_NE(told, all.end());
  EXPECT_EQ(told->order, id);
  EXPECT_EQ(told->kind, model::ReceiptKind::kUndo);
  EXPECT_EQ(told->state, HostState::kFailed);
  ASSERT_EQ(told->items.size(), 1u);
  EXPECT_EQ(told->items[0].action, model::ActionKind::kIsolate);
  host.connect();
  host.deliver();
  EXPECT_TRUE(host.remembered.empty()) << "it was heard after the end, and would be cut off again";
}

TEST_F(Isolation, ARestartForgetsThatItStillHasToBeHeard) {
  isolated();
  host.crash();
  host.connect();
  host.pass(seconds(10));
  hear();
  ASSERT_EQ(host.remembered.size(), 1u);
  EXPECT_FALSE(host.remembered[0].checkpoint.empty());
}

TEST_F(Isolation, AfterANewStartOfTheHostAnIsolationIsKeptThatIsGone) {
  const DocumentId id = isolated();
  host.disconnect();
  host.pass(minutes(2));
  host.clock.boot.value.fill(2);
  host.uptime = seconds(20);
  host.crash();
  host.connect();
  host.pass(seconds(10));
  hear();
  expect_said(id);
  host.crash();
  expect_said(id);
}

TEST_F(Isolation, AnIsolationThatEndedWhileTheAgentWasDownIsKept) {
  const DocumentId id = isolated();
  host.disconnect();
  host.pass(minutes(9));
  host.crash();
  host.pass(minutes(2));
  host.connect();
  host.pass(seconds(10));
  hear();
  expect_said(id);
}

TEST_F(Isolation, AStopOfBeforeProvesThatTheControllerIsHeard) {
  isolated();
  host.document(host.tenant.sign(model::Stop{.orders = {DocumentId{{9}}}}, {"carol"}));
  ASSERT_EQ(host.remembered.size(), 1u);
  EXPECT_TRUE(host.remembered[0].checkpoint.empty());
}

TEST_F(Isolation, ARelayThatIsSignedMeanwhileStaysCutOff) {
  isolated();
  host.pass(seconds(10));
  hear();
  host.crash();
  host.connect();
  host.remembered.clear();
  model::Endpoints endpoints;
  endpoints.relays = {{"tcp://192.0.2.99:7700", {}, {}, fixture::start() + fixture::kDay}};
  const Bytes envelope = host.tenant.sign(endpoints, {"alice"});
  host.document(envelope);
  ASSERT_EQ(host.remembered.size(), 1u);
  EXPECT_THAT(host.remembered[0].stops, testing::Contains(envelope));
  EXPECT_FALSE(host.remembered[0].checkpoint.empty()) << "the isolation would end";
}

TEST_F(Isolation, AHostThatIsNotCutOffTroublesActWithRelays) {
  model::Endpoints endpoints;
  endpoints.relays = {{"tcp://192.0.2.99:7700", {}, {}, fixture::start() + fixture::kDay}};
  host.document(host.tenant.sign(endpoints, {"alice"}));
  EXPECT_TRUE(host.remembered.empty());
}

TEST_F(Isolation, AnUndoneIsolationIsWaitedFor) {
  const DocumentId id = isolated();
  host.order(fixture::undo(id), {"alice", "bob"});
  host.act_answers(HostState::kUndone);
  host.remembered.clear();
  host.disconnect();
  host.pass(minutes(20));
  EXPECT_THAT(host.core->why(id), Not(HasSubstr("no longer isolated")));
  EXPECT_EQ(host.last().state, HostState::kUndone);
}

}  // namespace
}  // namespace fleetsweep::agent
