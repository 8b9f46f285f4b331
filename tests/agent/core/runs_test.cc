// What a run finds and does, and what its receipt says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using model::ReceiptKind;
using std::chrono::hours;
using std::chrono::seconds;

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

TEST_F(AgentCore, TheDryRunThatPeopleSignOnDoesNotSayThatItsHitLiesInAnImage) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  model::ScanDone done = host.found();
  done.result.findings[0].left_alone = "in a layer of a container image, as /usr/bin/lookalike";
  host.scan_answers(done);
  EXPECT_EQ(host.last().state, HostState::kFound);
  ASSERT_EQ(host.last().items.size(), 1u);
  EXPECT_EQ(host.last().items[0].outcome, model::Outcome::kFound);
  EXPECT_EQ(host.last().items[0].reason, Reason::kProtected) << "signers need no key to see it";
  const std::string told =
      "/tmp/.x/lookalike: only reported: in a layer of a container image, as /usr/bin/lookalike";
  EXPECT_EQ(to_text(host.last().items[0].sealed_path), "sealed:" + told);
  EXPECT_EQ(host.core->why(id), "done: found; " + told);
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

TEST_F(AgentCore, NobodyHearsThatAFileWasLookedAtInPart) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  model::ScanDone done = host.clean();
  done.result.partial = 3;
  done.result.partial_paths = {"/var/lib/db: 20 of 900 MiB"};
  host.scan_answers(done);
  EXPECT_EQ(host.last().reason, Reason::kNone);
  EXPECT_EQ(host.core->why(id), "done: clean; 3 files were looked at in part (in the log)");
  host.crash();
  EXPECT_EQ(host.core->why(id), "done: clean; 3 files were looked at in part (in the log)")
      << "forgotten";
}

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

model::ScanDone contradicted(model::ScanDone done) {
  done.result.mismatches = {"process 4711 answers to pidfd_open, and /proc does not list it",
                            "/tmp: its link count stands for 3 subfolders, and 2 are listed"};
  return done;
}

TEST_F(AgentCore, AHostThatContradictsItselfIsCalledClean) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(contradicted(host.clean()));
  EXPECT_EQ(host.last().kind, ReceiptKind::kScan);
  EXPECT_EQ(host.last().state, HostState::kUntrusted);
  EXPECT_NE(host.core->why(id).find("process 4711 answers"), std::string::npos)
      << host.core->why(id);
  EXPECT_NE(host.core->why(id).find("and 1 more"), std::string::npos);
}

TEST_F(AgentCore, WhatAHostThatContradictsItselfShowsIsLost) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.scan_answers(contradicted(host.found()));
  EXPECT_EQ(host.last().state, HostState::kUntrusted);
  EXPECT_EQ(host.last().matched, 1u);
  ASSERT_EQ(host.last().items.size(), 3u) << "what was found, and two contradictions";
  EXPECT_EQ(host.last().items[1].detection, "cross-view");
  EXPECT_EQ(to_text(host.last().items[1].sealed_path),
            "sealed:process 4711 answers to pidfd_open, and /proc does not list it");
}

TEST_F(AgentCore, AHostThatContradictsItselfIsCleaned) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  ASSERT_EQ(host.scans(), 2u);
  host.scan_answers(contradicted(host.found()));
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  EXPECT_EQ(host.last().state, HostState::kUntrusted);
  EXPECT_EQ(host.last().acted, 0u);
}

TEST_F(AgentCore, ARescanThatIsLiedToVerifies) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(contradicted(host.clean()));
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kUntrusted);
  const std::size_t before = host.receipts().size();
  host.pass(hours(1));
  EXPECT_EQ(host.receipts().size(), before) << "a later rescan gave it a good word";
}

TEST_F(AgentCore, SameObjectStillThereIsResidual) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned, Reason::kNone, false);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kResidual);
  EXPECT_EQ(host.last().items.size(), 1u);
}

TEST_F(AgentCore, AHostWithProcessesThatStayStoppedIsVerified) {
  host.connect();
  acting();
  host.act_answers(HostState::kResidual);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  EXPECT_EQ(host.last().state, HostState::kResidual);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kResidual);
}

class AStepThatFailed : public AgentCore {
 protected:
  void SetUp() override {
    host.connect();
    order = acting();
    model::ActDone done;
    done.state = HostState::kFailed;
    done.reason = Reason::kImmutable;
    done.detail = "/etc/keeps.it: immutable";
    done.acted = 2;
    done.removed = host.given_;
    host.run(host.core->on_act_done(done, host.now()));
  }
  DocumentId order;
};

TEST_F(AStepThatFailed, LeavesNobodyToLookForTheOthers) {
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kFailed) << "nothing found does not make it done";
  EXPECT_EQ(host.last().reason, Reason::kImmutable);
  EXPECT_THAT(host.core->why(order),
              testing::HasSubstr("/etc/keeps.it: immutable; a rescan finds nothing any more"));
}

TEST_F(AStepThatFailed, HidesThatTheOthersCameBack) {
  model::ScanDone again = host.found();
  std::get<model::FileIdentity>(again.result.findings[0].identity).inode = 42;
  host.scan_answers(again);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, ALineThatIsPutBackAsItWasIsResidual) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  model::PersistenceIdentity line;
  line.kind = model::PersistenceKind::kCron;
  line.file.path = "/etc/crontab";
  line.entry = "* * * * * root /tmp/.x/lookalike";
  line.entry_sha256 = crypto::sha256(as_bytes(line.entry));
  model::ScanDone put_back = host.found();
  put_back.result.findings[0].identity = line;
  put_back.sealed[0].finding = codec::encode(put_back.result.findings[0]);
  host.scan_answers(put_back);
  host.act_answers(HostState::kCleaned);
  host.scan_answers(put_back);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, WhatIsBackIsResidualBesideATraceThatNobodyActsOn) {
  host.connect();
  const auto with_trace = [](const model::ScanDone& found) {
    model::ScanDone both = found;
    model::Finding trace = both.result.findings[0];
    trace.number = 1;
    std::get<model::FileIdentity>(trace.identity).path = "/var/lock/trace";
    std::get<model::FileIdentity>(trace.identity).inode = 77;
    both.sealed.push_back({codec::encode(trace), both.sealed[0].mac});
    both.result.findings.push_back(std::move(trace));
    return both;
  };
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  host.scan_answers(with_trace(host.found()));
  host.act_answers(HostState::kCleaned);
  model::ScanDone again = with_trace(host.found());
  std::get<model::FileIdentity>(again.result.findings[0].identity).inode = 42;
  host.scan_answers(again);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, WhatWasChangedUnderActsHandIsSaidToHaveComeBack) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned, Reason::kNone, false);
  model::ScanDone again = host.found();
  std::get<model::FileIdentity>(again.result.findings[0].identity).inode = 42;
  host.scan_answers(again);
  EXPECT_EQ(host.last().state, HostState::kResidual) << "act left what has this place";
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

TEST_F(AgentCore, BackAfterACleanRescanIsRespawned) {
  host.connect();
  acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, WhatBroughtItBackIsKeptFromPeople) {
  host.connect();
  const DocumentId id = acting();
  host.act_answers(HostState::kCleaned);
  model::ScanDone again = host.found();
  std::get<model::FileIdentity>(again.result.findings[0].identity).inode = 42;
  const std::string why = "cron /etc/cron.d/job:2 starts it: /tmp/.x/lookalike";
  again.origins = {{0, model::ObjectKind::kPersistence, why},
                   {0, model::ObjectKind::kProcess, "its parent is sh: sh /tmp/.y"},
                   {7, model::ObjectKind::kProcess, "of no finding"}};
  host.scan_answers(again);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  ASSERT_EQ(host.last().items.size(), 3u) << "the object, and two that may start it";
  EXPECT_EQ(host.last().items[1].reason, Reason::kRespawned);
  EXPECT_EQ(host.last().items[1].detection, "known_hash");
  EXPECT_EQ(host.last().items[1].object, model::ObjectKind::kPersistence);
  EXPECT_EQ(to_text(host.last().items[1].sealed_path), "sealed:" + why);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr(why + ", and 2 more"));
  host.crash();
  EXPECT_THAT(host.core->why(id), testing::HasSubstr(why)) << "forgotten";
}

// Its number and its start, counted in ticks since the boot, may well be those of the old one.
TEST_F(AgentCore, AProcessOfAnotherBootIsTakenForTheOneThatWasCleaned) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  model::ScanDone running = host.found();
  running.result.findings[0].identity = model::ProcessIdentity{.pid = 41, .start_ticks = 1234};
  host.scan_answers(running);
  host.act_answers(HostState::kCleaned);
  host.clock.boot.value.fill(2);
  host.crash();
  host.scan_answers(running);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, AProcessOfAnotherBootIsTakenForTheOneThatAResumedActLeft) {
  host.connect();
  host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  cool_off();
  model::ScanDone running = host.found();
  running.result.findings[0].identity = model::ProcessIdentity{.pid = 41, .start_ticks = 1234};
  host.scan_answers(running);
  host.clock.boot.value.fill(2);
  host.crash();
  host.act_answers(HostState::kCleaned, Reason::kNone, false);
  host.scan_answers(running);
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

TEST_F(AgentCore, TheLookAfterARebootIsSpentInTheBootInWhichTheCleaningEnded) {
  host.policy.verify.after_reboot = true;
  host.policy.verify.rescans = {Seconds(0)};
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  host.connect();
  acting();
  host.clock.boot.value.fill(2);
  host.crash();
  host.act_answers(HostState::kCleaned);  // resumed
  host.scan_answers(host.clean());
  ASSERT_EQ(host.last().state, HostState::kVerified);
  EXPECT_EQ(host.scans(), 1u);
  host.clock.boot.value.fill(3);
  host.crash();
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

TEST_F(AgentCore, AHostThatWaitedForARebootHearsNothingWhenThatWasEnough) {
  host.connect();
  const DocumentId id = acting();
  host.act_answers(HostState::kNeedsReboot);
  EXPECT_EQ(host.last().state, HostState::kNeedsReboot);
  host.pass(hours(1));
  ASSERT_EQ(host.scans(), 2u) << "nothing changes before the reboot";
  host.clock.boot.value.fill(2);
  host.crash();
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kNeedsReboot) << "the policy asks for another look";
  EXPECT_EQ(host.core->why(id),
            "gone after the reboot: to be looked for again; objects acted on: 1");
  host.crash();
  EXPECT_EQ(host.scans(), 0u) << "not before its time";
  host.pass(seconds(91));
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.core->why(id), "done: verified; objects acted on: 1");
  host.clock.boot.value.fill(3);
  host.crash();
  EXPECT_EQ(host.scans(), 0u) << "once";
}

TEST_F(AgentCore, WhatActMayNotTouchIsForgottenOverAReboot) {
  host.connect();
  const DocumentId id = acting();
  model::ActDone done{.state = HostState::kNeedsReboot, .order = id, .acted = 1};
  done.items.resize(2);
  for (model::ReceiptItem& item : done.items) item.action = model::ActionKind::kQuarantine;
  done.items[0].outcome = model::Outcome::kDone;
  done.items[1].outcome = model::Outcome::kSkipped;
  done.items[1].reason = Reason::kProtected;
  done.paths = {"/lib/modules/x.ko", "/usr/bin/left"};
  done.removed = host.given_;
  host.run(host.core->on_act_done(done, host.now()));
  host.clock.boot.value.fill(2);
  host.crash();
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kResidual);
}

TEST_F(AgentCore, WhatComesBackMinutesAfterTheRebootIsCalledVerified) {
  host.connect();
  acting();
  host.act_answers(HostState::kNeedsReboot);
  host.clock.boot.value.fill(2);
  host.crash();
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

// Its host went down in the midst of it, and what act then says is about the kernel of today.
TEST_F(AgentCore, AStartBeforeActSaidSoIsTakenForTheOneThatIsNeeded) {
  host.connect();
  acting();
  host.clock.boot.value.fill(2);
  host.crash();
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_TRUE(host.acts_[0].request.resume);
  host.act_answers(HostState::kNeedsReboot);
  host.pass(hours(1));
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.last().state, HostState::kNeedsReboot);
  host.clock.boot.value.fill(3);
  host.crash();
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kVerified);
}

TEST_F(AgentCore, WhatARebootDidNotRemoveIsSaidToHaveComeBack) {
  host.connect();
  acting();
  host.act_answers(HostState::kNeedsReboot, Reason::kNone, false);
  host.clock.boot.value.fill(2);
  host.crash();
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kResidual);
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

TEST_F(AgentCore, RefusalOfActIsReportedWithItsReasonAndNotRescanned) {
  host.connect();
  acting();
  host.act_answers(HostState::kRefused, Reason::kKnownGood);
  EXPECT_EQ(host.last().kind, ReceiptKind::kRefused);
  EXPECT_EQ(host.last().reason, Reason::kKnownGood);
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), 2u);
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

TEST_F(AgentCore, AnUndoThatActRefusesEndsTheRescansOfWhatItWouldUndo) {
  host.connect();
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  const DocumentId undo = host.order(fixture::undo(applied), {"alice", "bob"});
  ASSERT_EQ(host.acts(), 2u);
  host.act_answers(HostState::kRefused, Reason::kDiskFull);
  EXPECT_EQ(host.core->why(undo), "refused: disk_full");
  host.pass(seconds(91));
  ASSERT_EQ(host.scans(), 4u) << host.core->why(applied);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().order, applied);
  EXPECT_EQ(host.last().state, HostState::kVerified);
}

TEST_F(AgentCore, WhatAnUndoPutBackBeforeItsActDiedIsSaidToHaveComeBack) {
  host.connect();
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.order(fixture::undo(applied), {"alice", "bob"});
  for (int i = 0; i < 3; ++i)
    host.run(host.core->on_child_lost(model::Child::kAct, "signal 9", host.now()));
  ASSERT_EQ(host.last().reason, Reason::kInternal);
  const std::size_t scans = host.scans();
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), scans);
}

TEST_F(AgentCore, TheOwnerIsNotToldThatHisHostIsCutOff) {
  host.connect();
  const DocumentId applied = acting();
  model::ActDone done;
  done.state = HostState::kCleaned;
  done.order = applied;
  for (const auto kind : {model::ActionKind::kBlock, model::ActionKind::kKill}) {
    model::ReceiptItem item;
    item.action = kind;
    item.outcome = model::Outcome::kDone;
    done.items.push_back(item);
  }
  done.paths = {"out 192.0.2.66, for 1d", "/tmp/evil"};
  host.run(host.core->on_act_done(done, host.now()));
  host.scan_answers(host.clean());
  EXPECT_TRUE(host.core->why(applied).ends_with("; cut off: out 192.0.2.66, for 1d"))
      << host.core->why(applied);
  host.crash();
  EXPECT_TRUE(host.core->why(applied).ends_with("; cut off: out 192.0.2.66, for 1d"))
      << "forgotten: " << host.core->why(applied);
  done.state = HostState::kUndone;
  done.undo = done.local = true;
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_EQ(host.core->why(applied).find("cut off"), std::string::npos);
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
  done.detail = "purged and gone for good";
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_TRUE(host.core->why(applied).starts_with(
      "undone by the owner of this host: purged and gone for good"));
  EXPECT_TRUE(host.last().local);
  EXPECT_EQ(host.last().state, HostState::kUndone);
  EXPECT_EQ(host.last().order, applied);
  host.pass(hours(1));
  EXPECT_EQ(host.last().state, HostState::kUndone) << "no rescan reports what was put back";
}

// Half of it is back: nobody would know which half.
TEST_F(AgentCore, AnUndoThatFailedLeavesTheOrderDoneAndVerified) {
  host.connect();
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  model::ActDone done;
  done.state = HostState::kFailed;
  done.reason = Reason::kConflict;
  done.order = applied;
  done.undo = done.local = true;
  done.acted = 1;
  done.paths = {"/tmp/a", "/tmp/b"};
  done.items.resize(2);
  for (model::ReceiptItem& item : done.items) item.action = model::ActionKind::kQuarantine;
  done.items[0].outcome = model::Outcome::kFailed;
  done.items[0].reason = Reason::kConflict;
  done.items[1].outcome = model::Outcome::kUndone;
  const std::string what = "1 put back, 1 not: /tmp/a: conflict (another file is there)";
  const auto says = [&](const std::string& by) {
    return host.core->why(applied).find("its undo by " + by + " failed: conflict: " + what) !=
           std::string::npos;
  };
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_TRUE(says("the owner of this host")) << host.core->why(applied);
  EXPECT_EQ(host.last().state, HostState::kFailed);
  host.crash();
  EXPECT_TRUE(says("the owner of this host")) << "forgotten: " << host.core->why(applied);
  const std::size_t scans = host.scans();
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), scans) << "a rescan would say that it came back";

  host.connect();
  const DocumentId undo = host.order(fixture::undo(applied), {"alice", "bob"});
  done.local = false;
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_TRUE(says("order " + undo.hex().substr(0, 12))) << host.core->why(applied);
  EXPECT_EQ(host.core->why(undo), "failed: conflict: " + what);
  EXPECT_EQ(host.last().items.size(), 2u);
}

}  // namespace
}  // namespace fleetsweep::agent
