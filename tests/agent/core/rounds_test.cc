// What comes back is cleaned again under the same order: as often as its policy says, never once
// more, and each time by all gates.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "protocol/base/prng.h"
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
using testing::HasSubstr;

constexpr std::uint8_t kRounds = 2;

class Rounds : public AgentCore {
 protected:
  Rounds() {
    host.policy.verify.respawn_rounds = kRounds;
    host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
    host.connect();
  }
  // Cleaned, and the first rescan finds it in its place again.
  DocumentId respawned() {
    const DocumentId id = acting();
    host.act_answers(HostState::kCleaned);
    host.scan_answers(host.found());
    return id;
  }
  std::vector<std::pair<HostState, Reason>> said(const DocumentId& order) const {
    std::vector<std::pair<HostState, Reason>> all;
    for (const model::Receipt& receipt : host.receipts())
      if (receipt.order == order) all.emplace_back(receipt.state, receipt.reason);
    return all;
  }
};

TEST_F(Rounds, OfARoundThatNeedsARebootNobodyLearnsThatItWasOne) {
  respawned();
  host.scan_answers(host.found());
  host.act_answers(HostState::kNeedsReboot);
  EXPECT_EQ(host.last().state, HostState::kNeedsReboot);
  EXPECT_EQ(host.last().reason, Reason::kRespawned);
}

TEST_F(Rounds, WhatComesBackIsLeftUntilSomebodySignsAgain) {
  const DocumentId id = respawned();
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  ASSERT_EQ(host.scans(), 4u) << "looked at afresh: " << host.core->why(id);
  EXPECT_TRUE(host.scans_.back().verify);
  EXPECT_EQ(host.acts(), 1u);
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 2u);
  EXPECT_EQ(host.acts_[0].request.round, 0);
  EXPECT_EQ(host.acts_[1].request.round, 1);
  EXPECT_FALSE(host.acts_[1].request.resume);
  EXPECT_EQ(host.acts_[1].request.findings.size(), 1u);
  EXPECT_EQ(host.acts_[1].dry_run, host.acts_[0].dry_run) << "by the same dry run";
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  using Said = std::vector<std::pair<HostState, Reason>>;
  EXPECT_EQ(said(id), (Said{{HostState::kCleaned, Reason::kNone},
                            {HostState::kRespawned, Reason::kRespawned},
                            {HostState::kCleaned, Reason::kRespawned},
                            {HostState::kVerified, Reason::kNone}}));
  EXPECT_EQ(host.core->why(id), "done: verified; objects acted on: 2; came back 1 time");
}

TEST_F(Rounds, WhatKeepsComingBackIsCleanedForEver) {
  const DocumentId id = respawned();
  for (int round = 1; round <= kRounds; ++round) {
    host.scan_answers(host.found());
    ASSERT_EQ(host.acts(), 1u + static_cast<unsigned>(round));
    host.act_answers(HostState::kCleaned);
    host.scan_answers(host.found());
  }
  host.pass(hours(2));
  EXPECT_EQ(host.acts(), 1u + kRounds);
  EXPECT_EQ(host.scans(), 3u + 2 * kRounds);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  EXPECT_THAT(host.core->why(id), HasSubstr("came back 2 times"));
}

TEST_F(Rounds, NobodyIsAskedToIsolateAHostWhereItKeepsComingBack) {
  host.policy.verify.asks_isolation = true;
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  const DocumentId id = respawned();
  const auto asks = [&] {
    return std::ranges::count_if(host.last().items, [](const model::ReceiptItem& item) {
      return item.action == model::ActionKind::kIsolate && item.outcome == model::Outcome::kFound;
    });
  };
  EXPECT_EQ(asks(), 0) << "it is cleaned again first";
  for (int round = 1; round <= kRounds; ++round) {
    host.scan_answers(host.found());
    host.act_answers(HostState::kCleaned);
    host.scan_answers(host.found());
  }
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  EXPECT_EQ(asks(), 1);
  EXPECT_THAT(host.core->why(id), HasSubstr("asks to be isolated"));
  EXPECT_EQ(host.acts(), 1u + kRounds) << "no host isolates itself";
}

TEST_F(Rounds, WhatActLeftIsTriedAgain) {
  acting();
  host.act_answers(HostState::kCleaned, Reason::kNone, false);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, HostState::kResidual);
  host.pass(hours(1));
  EXPECT_EQ(host.acts(), 1u);
}

TEST_F(Rounds, AnOrderThatIsOverStartsARound) {
  host.policy.verify.rescans = {hours(2)};
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  model::Order order = fixture::apply(host.policy, dry_run_found());
  order.schedule.not_after = host.clock.local + hours(3);
  const DocumentId id = host.order(order, {"alice", "bob"});
  cool_off();
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 1u) << host.core->why(id);
  host.act_answers(HostState::kCleaned);
  host.pass(hours(2));
  host.deliver();
  ASSERT_EQ(host.scans(), 3u);
  const std::size_t before = host.receipts().size();
  host.scan_answers(host.found());
  EXPECT_EQ(host.scans(), 3u);
  EXPECT_EQ(host.receipts().size(), before + 1);
  EXPECT_EQ(host.last().state, HostState::kRespawned) << "and not expired: it is there";
  EXPECT_THAT(host.core->why(id), HasSubstr("respawned, and not cleaned again: expired"));
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.receipts().size(), before + 1);
}

TEST_F(Rounds, AStopLetsTheNextRoundBegin) {
  acting();
  host.act_answers(HostState::kCleaned);
  const Bytes stop = stop_all();
  host.document(stop);
  host.scan_answers(host.found());  // was on its way
  host.pass(minutes(5));
  EXPECT_EQ(host.acts(), 1u);
  model::Resume resume;
  resume.stops = {fixture::id_of(stop)};
  host.document(host.tenant.sign(resume, {"alice", "bob"}));
  host.scan_answers(host.found());  // the rescan that the stop ended
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  const Bytes again =
      host.tenant.sign(model::Stop{.nonce = Nonce{{1}}, .halt_all = true}, {"carol"});
  host.document(again);
  const std::size_t scans = host.scans();
  const std::size_t before = host.receipts().size();
  host.pass(minutes(5));
  EXPECT_EQ(host.scans(), scans);
  EXPECT_EQ(host.acts(), 1u);
  EXPECT_EQ(host.receipts().size(), before) << "that it is there is the last word";
  resume.stops = {fixture::id_of(again)};
  host.document(host.tenant.sign(resume, {"alice", "bob"}));
  host.deliver();
  ASSERT_EQ(host.scans(), scans + 1);
  host.scan_answers(host.found());
  ASSERT_EQ(host.acts(), 2u);
  EXPECT_EQ(host.acts_[1].request.round, 1);
}

TEST_F(Rounds, AnUndoBetweenTwoRoundsIsCleanedAway) {
  const DocumentId id = respawned();
  host.order(fixture::undo(id), {"alice", "bob"});
  host.scan_answers(host.found());  // of the round that was about to begin
  ASSERT_EQ(host.acts(), 2u);
  EXPECT_TRUE(host.acts_[1].policy.is_zero()) << "the undo";
  host.act_answers(HostState::kUndone);
  host.pass(hours(1));
  EXPECT_EQ(host.acts(), 2u);
  EXPECT_EQ(host.last().state, HostState::kUndone);
}

TEST_F(Rounds, ARefusedUndoBetweenTwoRoundsLetsTheNextOneBegin) {
  const DocumentId id = respawned();
  host.order(fixture::undo(id), {"alice", "bob"});
  host.scan_answers(host.found());  // of the round that was about to begin
  ASSERT_EQ(host.acts(), 2u);
  host.act_answers(HostState::kRefused, Reason::kDiskFull);
  host.pass(hours(1));
  EXPECT_EQ(host.acts(), 2u);
  EXPECT_THAT(host.core->why(id), HasSubstr("done: respawned"));
}

TEST_F(Rounds, TheOwnersUndoBetweenTwoRoundsIsCleanedAway) {
  const DocumentId id = respawned();
  model::ActDone done;
  done.state = HostState::kFailed;
  done.reason = Reason::kConflict;
  done.order = id;
  done.undo = done.local = true;
  host.run(host.core->on_act_done(done, host.now()));
  host.scan_answers(host.found());
  host.pass(hours(1));
  EXPECT_EQ(host.acts(), 1u);
}

TEST_F(Rounds, TheOwnersUndoDuringARescanAfterARebootIsCleanedAway) {
  const DocumentId id = acting();
  host.act_answers(HostState::kNeedsReboot);
  ++host.clock.boot.value[0];
  host.crash();
  ASSERT_EQ(host.scans(), 1u);
  model::ActDone done;
  done.state = HostState::kUndone;
  done.order = id;
  done.undo = done.local = true;
  done.acted = 1;
  host.run(host.core->on_act_done(done, host.now()));
  host.scan_answers(host.found());  // what was put back
  host.pass(hours(1));
  EXPECT_EQ(host.last().state, HostState::kUndone);
  EXPECT_EQ(host.scans(), 1u);
  EXPECT_THAT(host.core->why(id), HasSubstr("undone by the owner"));
}

TEST_F(Rounds, WhatTheOwnerUndidWhileTheAgentWasDownIsVerifiedAndCleanedAway) {
  const DocumentId id = acting();
  host.crash();
  ASSERT_EQ(host.acts(), 1u);
  ASSERT_TRUE(host.acts_[0].request.resume);
  model::ActDone done{.state = HostState::kUndone, .order = id, .undo = true, .acted = 1};
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_EQ(host.last().kind, ReceiptKind::kUndo);
  EXPECT_EQ(host.last().state, HostState::kUndone);
  EXPECT_TRUE(host.last().local);
  host.connect();
  host.deliver();
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.acts(), 1u);
  EXPECT_THAT(host.core->why(id), HasSubstr("undone by the owner of this host"));
}

TEST_F(Rounds, AnUndoOfTheOwnersThatFailedWhileTheAgentWasDownIsResumedForEver) {
  const DocumentId id = acting();
  host.crash();
  model::ActDone done{
      .state = HostState::kFailed, .reason = Reason::kConflict, .order = id, .undo = true};
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_EQ(host.last().kind, ReceiptKind::kUndo);
  EXPECT_EQ(host.last().reason, Reason::kConflict);
  host.pass(hours(1));
  EXPECT_EQ(host.acts(), 1u);
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.core->why(id),
            "done: failed; its undo by the owner of this host failed: conflict");
}

// The process dies before it hears what its act did about the undo, and asks act about the order
// that it had given up before.
TEST_F(Rounds, TheAnswerToAnOrderThatWasUndoneMeanwhileIsTakenForItsCleaning) {
  const DocumentId id = acting();
  for (int i = 0; i < 3; ++i)
    host.run(host.core->on_child_lost(model::Child::kAct, "signal 9", host.now()));
  model::Order order = fixture::undo(id);
  while (fixture::id_of(host.tenant.sign(order, {"alice", "bob"})) < id) ++order.nonce.value[0];
  const DocumentId undo = host.order(order, {"alice", "bob"});
  ASSERT_TRUE(host.acts_.back().policy.is_zero()) << "the undo";
  host.crash();
  model::ActDone done{.state = HostState::kUndone, .order = undo, .undo = true, .acted = 1};
  host.run(host.core->on_act_done(done, host.now()));
  host.run(host.core->on_act_done(done, host.now()));
  EXPECT_EQ(host.acts(), 2u) << "both are resumed";
  EXPECT_EQ(host.last().order, undo);
  EXPECT_EQ(host.last().kind, ReceiptKind::kUndo);
  EXPECT_EQ(host.last().state, HostState::kUndone);
  EXPECT_FALSE(host.last().local);
  EXPECT_THAT(host.core->why(id), HasSubstr("undone by order"));
  host.pass(hours(1));
  EXPECT_EQ(host.scans(), 0u);
}

TEST_F(Rounds, ARescanThatDiesAfterTheOwnersUndoHasTheLastWord) {
  const DocumentId id = acting();
  host.act_answers(HostState::kCleaned);
  for (int i = 0; i < 2; ++i)
    host.run(host.core->on_child_lost(model::Child::kScan, "signal 9", host.now()));
  model::ActDone done;
  done.state = HostState::kUndone;
  done.order = id;
  done.undo = done.local = true;
  host.run(host.core->on_act_done(done, host.now()));
  host.run(host.core->on_child_lost(model::Child::kScan, "signal 9", host.now()));
  EXPECT_EQ(host.last().state, HostState::kUndone);
  EXPECT_THAT(host.core->why(id), HasSubstr("undone by the owner"));
}

TEST_F(Rounds, WhatCameBackAsSomethingElseIsSaidToBeRefused) {
  const DocumentId id = respawned();
  host.scan_answers(host.found());
  host.act_answers(HostState::kFailed, Reason::kChanged);
  EXPECT_EQ(host.last().kind, ReceiptKind::kClean);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
  EXPECT_EQ(host.last().reason, Reason::kChanged);
  host.pass(hours(1));
  EXPECT_EQ(host.acts(), 2u) << host.core->why(id);
}

TEST_F(Rounds, WhatWentByItselfIsNotLookedForAgain) {
  const DocumentId id = respawned();
  host.scan_answers(host.clean());
  EXPECT_EQ(host.acts(), 1u);
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_EQ(host.last().order, id);
}

TEST_F(Rounds, AHostWhereProcessesStayStoppedIsVerifiedSinceItsRoundFoundNothing) {
  const DocumentId id = acting();
  host.act_answers(HostState::kResidual);  // they stay stopped
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.connect();
  host.deliver();
  host.scan_answers(host.found());
  ASSERT_EQ(host.last().state, HostState::kRespawned) << host.core->why(id);
  host.scan_answers(host.clean());
  host.crash();
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kResidual);
}

TEST_F(Rounds, WhatWentByItselfIsNotLookedForAfterTheNextReboot) {
  host.policy.verify.after_reboot = true;
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  respawned();
  host.scan_answers(host.clean());
  host.scan_answers(host.clean());
  host.pass(seconds(91));
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().state, HostState::kVerified);
  ++host.clock.boot.value[0];
  host.crash();
  EXPECT_EQ(host.scans(), 1u);
}

// Before every answer the process may die. Act begins each round once, in turn, and no round twice.
class CrashingRounds : public Rounds, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(CrashingRounds, LoseARoundOrRepeatIt) {
  Prng prng(GetParam());
  const DocumentId id = respawned();
  std::vector<int> begun = {0};
  std::size_t seen_scans = host.scans() - 1, seen_acts = host.acts();
  const auto is_over = [&] {
    return host.last().state == HostState::kRespawned && begun.size() == 1u + kRounds;
  };
  for (int turn = 0; turn < 200 && !is_over(); ++turn) {
    if (prng.chance(0.4)) {
      host.crash();
      seen_scans = seen_acts = 0;
      host.connect();
      host.deliver();
    }
    if (host.acts() > seen_acts) {
      const model::ActRequest& request = host.acts_.back().request;
      seen_acts = host.acts();
      if (request.resume && request.round >= begun.size()) {
        host.act_answers(HostState::kRefused);  // its journal has not heard of it
        continue;
      }
      if (!request.resume) begun.push_back(request.round);
      if (prng.chance(0.3)) continue;  // it dies before it can answer
      host.act_answers(HostState::kCleaned);
    } else if (host.scans() > seen_scans) {
      seen_scans = host.scans();
      host.scan_answers(host.found());
    } else if (host.core->status().activity == "acting") {
      host.run(host.core->on_child_lost(model::Child::kAct, "signal 9", host.now()));
    } else {
      host.pass(minutes(1));
    }
  }
  for (int turn = 0; turn < 5; ++turn) {  // nor later
    host.pass(minutes(5));
    host.crash();
    host.connect();
    host.deliver();
    if (host.acts() > 0 && !host.acts_.back().request.resume)
      begun.push_back(host.acts_.back().request.round);
    if (host.scans() > 0) host.scan_answers(host.found());
  }
  EXPECT_EQ(begun, (std::vector<int>{0, 1, 2})) << host.core->why(id);
  EXPECT_EQ(host.last().state, HostState::kRespawned);
}

INSTANTIATE_TEST_SUITE_P(Each, CrashingRounds, testing::Range<std::uint64_t>(1, 31));

}  // namespace
}  // namespace fleetsweep::agent
