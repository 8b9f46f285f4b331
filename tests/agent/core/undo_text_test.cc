#include <gtest/gtest.h>

#include "agent/report/undo.h"

namespace fleetsweep::agent {
namespace {

using model::ActionKind;
using model::Outcome;
using model::Reason;

void add(model::ActDone& undo, ActionKind action, Outcome outcome, Reason reason,
         const std::string& path) {
  model::ReceiptItem item;
  item.action = action;
  item.outcome = outcome;
  item.reason = reason;
  undo.items.push_back(item);
  undo.paths.push_back(path);
}

TEST(UndoText, WhatIsNotBackIsOnlyCounted) {
  model::ActDone undo;
  undo.acted = 2;
  undo.detail = "services run on";
  add(undo, ActionKind::kQuarantine, Outcome::kFailed, Reason::kConflict, "/a\n");
  add(undo, ActionKind::kQuarantine, Outcome::kUndone, Reason::kNone, "/b");
  add(undo, ActionKind::kRemove, Outcome::kUndone, Reason::kNone, "/etc/crontab");
  add(undo, ActionKind::kQuarantine, Outcome::kFailed, Reason::kGone, "/c/d");
  add(undo, ActionKind::kRemove, Outcome::kFailed, Reason::kPermission, "/etc/rc.local");
  add(undo, ActionKind::kRemove, Outcome::kDone, Reason::kNone, "/etc/profile");
  add(undo, ActionKind::kCollect, Outcome::kDone, Reason::kNone, "/evidence");
  add(undo, ActionKind::kKill, Outcome::kSkipped, Reason::kNone, "/b");
  EXPECT_EQ(
      undo_text(undo),
      "2 put back, 4 not: /a\\x0a: conflict (another file is there), /c/d: gone (its folder is "
      "missing), /etc/rc.local: permission, /etc/profile: none (it did not come to that); "
      "services run on");
  for (int i = 0; i < 3; ++i)
    add(undo, ActionKind::kQuarantine, Outcome::kFailed, Reason::kExpired, "/e");
  EXPECT_TRUE(undo_text(undo).ends_with(
      "/e: expired (purged from the vault, it cannot come back), and 2 more; services run on"))
      << undo_text(undo);
  EXPECT_EQ(not_put_back(undo).size(), 7u);
}

TEST(UndoText, AWholeUndoNamesNothingAndARefusedOneSaysWhy) {
  model::ActDone undo;
  undo.detail = "this host never carried it out";
  EXPECT_EQ(undo_text(undo), "this host never carried it out");
  undo.detail.clear();
  undo.acted = 1;
  add(undo, ActionKind::kQuarantine, Outcome::kUndone, Reason::kNone, "/a");
  EXPECT_EQ(undo_text(undo), "1 put back");
}

}  // namespace
}  // namespace fleetsweep::agent
