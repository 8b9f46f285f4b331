// What came back is cleaned again under the same order, by the real fleetsweep-act, and one undo
// takes all rounds back.

#include <sstream>

#include "agent/act/ledger.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

struct Rounds : testing::Test {
  ActHost host;
  std::uint8_t rounds = 1;  // that the policy has
  std::string before, copy;
  std::string files;  // those that are taken, in every respect
  model::ActRequest request;

  void SetUp() override {
    host.policy.verify.respawn_rounds = rounds;
    host.infect();
    before = host.contents();
    files = taken();
    copy = host.root() + ".copy";
    output_of("cp -a " + host.root() + " " + copy);
    request = host.request();
    const Answer cleaned = host.run(request);
    ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
    host.come_back(copy);
  }
  std::string taken() const {
    std::string lines;
    std::istringstream manifest(host.manifest());
    for (std::string line; std::getline(manifest, line);)
      for (const char* path : {"tmp/kit/evil ", "usr/lib/libevil.so ", "usr/lib/libevil.so.1 ",
                               "opt/kit/worker ", "etc/systemd/system/evil.service "})
        if (line.starts_with(path)) lines += line + "\n";
    return lines;
  }
  // Of the same order, with what is found now.
  model::ActRequest again(std::uint8_t number) const {
    model::ActRequest next = host.request();
    next.order = request.order;
    next.checkpoint = request.checkpoint;
    next.round = number;
    return next;
  }
};

TEST_F(Rounds, WhatComesBackInNewFilesIsLeftOrIsNotPutBackByOneUndo) {
  const Answer second = host.run(again(1));
  ASSERT_EQ(second.state(), HostState::kCleaned) << second.text();
  EXPECT_EQ(second.done->acted, 8u) << second.text();
  EXPECT_EQ(second.done->removed.size(), 7u);
  for (const char* gone : {"/tmp/kit/evil", "/usr/lib/libevil.so", "/opt/kit/worker",
                           "/etc/ld.so.preload", "/etc/systemd/system/evil.service"})
    EXPECT_FALSE(fs::exists(fs::symlink_status(host.at(gone)))) << gone;
  host.come_back(copy);
  const Answer third = host.run(again(2));
  EXPECT_EQ(third.reason(), Reason::kExecuted) << third.text();
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil"))) << "the policy has one round";
  output_of("rm -r " + host.at("/tmp/kit/evil"));

  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(undone.done->items.size(), second.done->items.size() * 2) << "of both rounds";
  EXPECT_EQ(host.contents(), before);
  EXPECT_EQ(taken(), files);
}

TEST_F(Rounds, WhatComesBackWithAnotherOwnerModeAndTimeKeepsThemAfterTheUndo) {
  for (const char* path : {"/tmp/kit/evil", "/usr/lib/libevil.so"}) {
    fs::permissions(host.at(path), fs::perms(0700));
    output_of("touch " + host.at(path) + " && { setfattr -n user.note -v new " + host.at(path) +
              " || true; }");
    if (::geteuid() == 0) output_of("chown 1234:5678 " + host.at(path));
  }
  host.scan();
  ASSERT_EQ(host.run(again(1)).state(), HostState::kCleaned);
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.contents(), before);
  EXPECT_EQ(taken(), files);
  EXPECT_EQ(output_of("find " + host.root() + " -name '.fs*'"), "");
}

TEST_F(Rounds, ARoundIsBegunTwiceOrOutOfTurn) {
  EXPECT_EQ(host.run(again(0)).reason(), Reason::kExecuted);
  host.policy.verify.respawn_rounds = 3;
  EXPECT_EQ(host.run(again(2)).reason(), Reason::kPolicyMismatch) << "of another policy";
  host.policy.verify.respawn_rounds = 1;
  EXPECT_EQ(host.run(again(2)).reason(), Reason::kExecuted) << "more than the policy has";
  ASSERT_EQ(host.run(again(1)).state(), HostState::kCleaned);
  host.come_back(copy);
  EXPECT_EQ(host.run(again(1)).reason(), Reason::kExecuted);
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
}

struct ThreeRounds : Rounds {
  ThreeRounds() { rounds = 3; }
};

// What came back and went by itself before it could be cleaned has had its number.
TEST_F(ThreeRounds, ARoundAfterOneThatFoundNothingIsRefused) {
  ASSERT_EQ(host.run(again(2)).state(), HostState::kCleaned);
  host.come_back(copy);
  EXPECT_EQ(host.run(again(1)).reason(), Reason::kExecuted) << "an earlier one";
  EXPECT_EQ(host.run(again(2)).reason(), Reason::kExecuted) << "the same";
  EXPECT_EQ(host.run(again(4)).reason(), Reason::kExecuted) << "more than the policy has";
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
  ASSERT_EQ(host.run(again(3)).state(), HostState::kCleaned);
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil")));
}

TEST_F(Rounds, OtherContentUnderAnOldNameIsTakenForWhatTheDryRunFound) {
  write_text(host.at("/tmp/kit/evil"), "something else, and just as long");
  host.scan();
  const Answer second = host.run(again(1));
  ASSERT_EQ(second.state(), HostState::kCleaned) << second.text();
  EXPECT_EQ(second.item("/tmp/kit/evil", ActionKind::kQuarantine)->reason, Reason::kChanged);
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
  EXPECT_FALSE(fs::exists(host.at("/opt/kit/worker")));
}

TEST_F(Rounds, WhatWasTakenBackIsCleanedAgain) {
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text() << "it was there already";
  host.scan();
  EXPECT_EQ(host.run(again(1)).reason(), Reason::kExecuted);
  EXPECT_EQ(host.contents(), before);
  EXPECT_EQ(taken(), files);
}

TEST_F(Rounds, AResumedRoundIsAnsweredWithTheOneBeforeIt) {
  model::ActRequest resumed = again(1);
  resumed.resume = true;
  const Answer nothing = host.run(resumed);
  EXPECT_EQ(nothing.state(), HostState::kRefused) << nothing.text();
  EXPECT_EQ(nothing.reason(), Reason::kNone) << "nothing was begun";
  ASSERT_FALSE(host.run(again(1), "renamed:1").done);
  const Answer finished = host.run(resumed);
  EXPECT_EQ(finished.state(), HostState::kCleaned) << finished.text();
  EXPECT_EQ(finished.done->acted, 8u);
}

// It names its own order, and not whatever was done last.
TEST_F(Rounds, AResumedOrderIsAnsweredWithTheTransactionOfAnother) {
  model::Order order = host.order();
  order.title = "another, for what came back";
  host.dry_run = host.findings;
  const model::ActRequest other = host.request(order, {"alice", "bob"});
  const Answer second = host.run(other);
  ASSERT_EQ(second.state(), HostState::kCleaned) << second.text();
  model::ActRequest resumed = request;
  resumed.resume = true;
  const Answer first = host.run(resumed);
  EXPECT_EQ(first.done->order, fixture::id_of(request.order)) << first.text();
  resumed = other;
  resumed.resume = true;
  EXPECT_EQ(host.run(resumed).done->order, fixture::id_of(other.order));
}

struct KilledUndo : Rounds {
  void is_finished_after(const std::string& place) {
    model::ActRequest undo = host.undo_request(request);
    ASSERT_FALSE(host.run(undo, place).done) << place << " was not reached";
    undo.resume = true;
    const Answer resumed = host.run(undo);
    EXPECT_EQ(resumed.state(), HostState::kUndone) << resumed.text();
    EXPECT_EQ(host.contents(), before);
  }
};

TEST_F(KilledUndo, InTheNewestRoundForgetsTheOlder) {
  ASSERT_EQ(host.run(again(1)).state(), HostState::kCleaned);
  is_finished_after("undone:3");
}

TEST_F(KilledUndo, BetweenTwoRoundsForgetsTheOlder) {
  ASSERT_EQ(host.run(again(1)).state(), HostState::kCleaned);
  std::size_t done = 0;
  {
    const auto ledger = Ledger::open(host.state() + "/journal");
    ASSERT_TRUE(ledger);
    const auto rounds = ledger->rounds(fixture::id_of(request.order));
    ASSERT_EQ(rounds.size(), 2u);
    for (const OpState& op : ledger->find(rounds.front())->ops) done += op.stage == OpStage::kDone;
  }
  // Its beginning, two records for each operation, its end.
  is_finished_after(fmt::format("record:{}", 2 * done + 2));
}

// The newer round is taken back to its end, and of the older one nothing is begun.
TEST_F(Rounds, AStopBetweenTwoRoundsOfAnUndoIsNotHeard) {
  ASSERT_EQ(host.run(again(1)).state(), HostState::kCleaned);
  std::size_t done = 0;
  const auto rounds_of = [&] {
    auto ledger = Ledger::open(host.state() + "/journal");
    EXPECT_TRUE(ledger);
    return ledger;
  };
  {
    const auto ledger = rounds_of();
    const auto rounds = ledger->rounds(fixture::id_of(request.order));
    ASSERT_EQ(rounds.size(), 2u);
    for (const OpState& op : ledger->find(rounds.front())->ops) done += op.stage == OpStage::kDone;
  }
  model::ActRequest undo = host.undo_request(request);
  ASSERT_FALSE(host.run(undo, fmt::format("record:{}", 2 * done + 2)).done);
  write_text(host.state() + "/../halt", "");
  undo.resume = true;
  const Answer stopped = host.run(undo);
  EXPECT_EQ(stopped.state(), HostState::kFailed) << stopped.text();
  EXPECT_EQ(stopped.reason(), Reason::kHalted) << stopped.text();
  const auto ledger = rounds_of();
  const auto rounds = ledger->rounds(fixture::id_of(request.order));
  EXPECT_EQ(ledger->find(rounds[0])->undo_end->state, HostState::kUndone);
  EXPECT_FALSE(ledger->find(rounds[1])->undo) << "the older one was begun";
  output_of("rm " + host.state() + "/../halt");
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_EQ(host.contents(), before);
}

}  // namespace
}  // namespace fleetsweep::act
