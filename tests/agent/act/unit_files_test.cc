#include "agent/act/unit_files.h"

#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

TEST(UnitFiles, SystemdIsNotToldOfAUnit) {
  for (const char* path :
       {"/etc/systemd/system/a.service", "/usr/lib/systemd/system/a.service",
        "/lib/systemd/system/a.timer", "/run/systemd/system/a.service.d/x.conf",
        "/etc/systemd/system/multi-user.target.wants/a.service", "/etc/init.d/a", "/etc/rc3.d/S20a",
        "/etc/rc.local", "/etc/systemd/system-generators/a", "/etc/systemd/system.conf",
        "/run/systemd/system.attached/a.service", "/etc/systemd/system.control/a.service",
        "/run/systemd/transient/a.timer", "/run/systemd/transient/a.service.d/50-x.conf"})
    EXPECT_TRUE(is_unit_file(path)) << path;
  for (const char* path : {"/etc/crontab", "/etc/systemd/user/a.service", "/lib/libudev.so",
                           "/root/.config/systemd/user/a.service", "/tmp/etc/systemd/system/a",
                           "/run/user/0/systemd/transient/a.service"})
    EXPECT_FALSE(is_unit_file(path)) << path;
}

TEST(UnitFiles, NobodyIsToldOfAUsersUnit) {
  for (const char* path :
       {"/etc/systemd/user/a.service", "/root/.config/systemd/user/a.service",
        "/home/ann/.local/share/systemd/user/default.target.wants/a.service",
        "/usr/lib/systemd/user-generators/a", "/etc/systemd/user.conf.d/a.conf",
        "/usr/share/systemd/user/a.service", "/etc/xdg/systemd/user/a.service",
        "/home/ann/.config/systemd/user.control/a.service",
        "/run/user/1000/systemd/transient/a.service", "/run/user/1000/systemd/user/a.service"})
    EXPECT_TRUE(is_user_unit_file(path)) << path;
  for (const char* path : {"/etc/systemd/system/a.service", "/etc/systemd/users/a", "/etc/crontab",
                           "/run/systemd/transient/a.service"})
    EXPECT_FALSE(is_user_unit_file(path)) << path;
}

TEST(UnitFiles, AChangeOfAUnitIsNotSeenOrSeenTwice) {
  Transaction transaction;
  const auto add = [&](OpKind kind, const char* path) {
    Op op;
    op.kind = kind;
    op.file.path = path;
    transaction.begin.ops.push_back(op);
    transaction.ops.emplace_back();
  };
  add(OpKind::kStore, "/etc/systemd/system/a.service");
  add(OpKind::kTake, "/usr/lib/liba.so");
  transaction.ops[0].stage = transaction.ops[1].stage = OpStage::kDone;
  EXPECT_FALSE(may_change_units(transaction.begin)) << "a copy changes nothing";
  for (const OpKind kind : {OpKind::kTake, OpKind::kUnlink, OpKind::kEdit, OpKind::kMode}) {
    add(kind, "/etc/systemd/system-generators/a");
    EXPECT_TRUE(may_change_units(transaction.begin));
    OpStage& stage = transaction.ops.back().stage;
    UnitChanges told;
    for (const OpStage untouched : {OpStage::kPending, OpStage::kFailed}) {
      stage = untouched;
      EXPECT_EQ(unit_changes(transaction), told);
    }
    for (const OpStage touched :
         {OpStage::kIntended, OpStage::kDone, OpStage::kUndone, OpStage::kUndoFailed}) {
      stage = touched;
      EXPECT_NE(unit_changes(transaction), told);
      told = unit_changes(transaction);
      EXPECT_EQ(unit_changes(transaction), told);
    }
    transaction.begin.ops.pop_back();
    transaction.ops.pop_back();
  }
}

}  // namespace
}  // namespace fleetsweep::act
