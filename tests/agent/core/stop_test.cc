// Stops and the owner's halt, by the log and without it.

#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using model::ReceiptKind;
using std::chrono::hours;

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
  EXPECT_EQ(refusal_.reason, Reason::kUntrusted) << refusal_.detail;
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

}  // namespace
}  // namespace fleetsweep::agent
