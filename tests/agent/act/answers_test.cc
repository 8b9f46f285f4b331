#include "agent/act/answers.h"

#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

using model::ActionKind;
using model::HostState;
using model::Outcome;

DocumentId id(std::uint8_t first) {
  DocumentId id;
  id.value[0] = first;
  return id;
}

Step step(ActionKind action, Outcome outcome, std::uint8_t object) {
  Step step;
  step.item.action = action;
  step.item.outcome = outcome;
  step.object.value[0] = object;
  step.path = "/x";
  return step;
}

Transaction ended(std::vector<Step> steps, std::optional<UndoEnd> undone = {}) {
  Transaction transaction;
  transaction.begin.order = id(1);
  transaction.begin.steps = std::move(steps);
  transaction.end = End{HostState::kCleaned, Reason::kNone, "cleaned so"};
  if (undone) transaction.undo = UndoBegin{id(2)};
  transaction.undo_end = std::move(undone);
  return transaction;
}

TEST(Answers, AReportCountsAsDoneAndARemovedObjectIsForgotten) {
  const auto done = answer(ended({step(ActionKind::kQuarantine, Outcome::kDone, 1),
                                  step(ActionKind::kRestart, Outcome::kDone, 2),
                                  step(ActionKind::kRestart, Outcome::kFound, 3),
                                  step(ActionKind::kCollect, Outcome::kDone, 4),
                                  step(ActionKind::kKill, Outcome::kSkipped, 5)}),
                           false);
  EXPECT_EQ(done.state, HostState::kCleaned);
  EXPECT_EQ(done.acted, 2u) << "a file and a service; one was only named";
  EXPECT_EQ(done.items.size(), 5u);
  ASSERT_EQ(done.removed.size(), 1u);
  EXPECT_EQ(done.removed[0].value[0], 1);
}

TEST(Answers, ATransactionWithoutItsEndIsCalledCleaned) {
  Transaction open = ended({});
  open.end.reset();
  EXPECT_EQ(answer(open, false).state, HostState::kFailed);
  open = ended({});
  open.undo = UndoBegin{};
  EXPECT_EQ(answer(open, true).state, HostState::kFailed) << "its undo has not ended";
  EXPECT_EQ(answer(open, true).order, id(1)) << "the owner's hand has no order";
}

TEST(Answers, OneRoundThatWasNotUndoneIsHiddenByTheOthers) {
  const auto good = ended({step(ActionKind::kRemove, Outcome::kUndone, 1)},
                          UndoEnd{HostState::kUndone, Reason::kNone, "back"});
  const auto bad = ended({step(ActionKind::kRemove, Outcome::kFailed, 1)},
                         UndoEnd{HostState::kFailed, Reason::kConflict, "somebody wrote there"});
  for (const auto& rounds : {std::vector{&good, &bad}, std::vector{&bad, &good}}) {
    const auto all = answer_undo(rounds, id(1), id(2));
    EXPECT_EQ(all.state, HostState::kFailed);
    EXPECT_EQ(all.reason, Reason::kConflict);
    EXPECT_EQ(all.detail, "somebody wrote there");
    EXPECT_EQ(all.items.size(), 2u);
    EXPECT_EQ(all.order, id(2));
    EXPECT_TRUE(all.undo);
    EXPECT_FALSE(all.local);
  }
  const auto by_hand = answer_undo({&good, &good}, id(1), DocumentId{});
  EXPECT_EQ(by_hand.state, HostState::kUndone);
  EXPECT_EQ(by_hand.acted, 2u);
  EXPECT_EQ(by_hand.order, id(1));
  EXPECT_TRUE(by_hand.local);
}

TEST(Answers, WhatAnUndoDidNotComeToCountsAsPutBack) {
  const auto stopped = answer(ended({step(ActionKind::kRemove, Outcome::kUndone, 1),
                                     step(ActionKind::kRemove, Outcome::kDone, 2)},
                                    UndoEnd{HostState::kFailed, Reason::kStopped, ""}),
                              false);
  EXPECT_EQ(stopped.acted, 1u);
}

TEST(Answers, AFullDiskIsCalledADamagedJournal) {
  EXPECT_EQ(reason_of_state({Code::kUnavailable, ""}), Reason::kDiskFull);
  EXPECT_EQ(reason_of_state({Code::kOverloaded, ""}), Reason::kVaultFull);
  EXPECT_EQ(reason_of_state({Code::kInternal, ""}), Reason::kIo);
  const auto done = failed(answer(ended({}), false), {Code::kUnavailable, "no room"});
  EXPECT_EQ(done.state, HostState::kFailed);
  EXPECT_EQ(done.reason, Reason::kDiskFull);
  EXPECT_EQ(done.detail, "no room");
}

}  // namespace
}  // namespace fleetsweep::act
