#include "agent/act/unit_files.h"

#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

TEST(UnitFiles, SystemdIsNotToldOfAUnit) {
  for (const char* path :
       {"/etc/systemd/system/a.service", "/usr/lib/systemd/system/a.service",
        "/lib/systemd/system/a.timer", "/run/systemd/system/a.service.d/x.conf",
        "/etc/systemd/system/multi-user.target.wants/a.service", "/etc/init.d/a", "/etc/rc3.d/S20a",
        "/etc/rc.local", "/etc/systemd/system-generators/a", "/etc/systemd/system.conf"})
    EXPECT_TRUE(is_unit_file(path)) << path;
  for (const char* path : {"/etc/crontab", "/etc/systemd/user/a.service", "/lib/libudev.so",
                           "/root/.config/systemd/user/a.service", "/tmp/etc/systemd/system/a"})
    EXPECT_FALSE(is_unit_file(path)) << path;
}

TEST(UnitFiles, SystemdIsToldBeforeTheLastUnitIsGone) {
  Begin begin;
  begin.steps.resize(4);
  const auto add = [&](OpKind kind, std::uint32_t step, const char* path) {
    Op op;
    op.kind = kind;
    op.step = step;
    op.file.path = path;
    begin.ops.push_back(op);
  };
  add(OpKind::kStore, 3, "/etc/systemd/system/a.service");
  add(OpKind::kTake, 0, "/usr/lib/liba.so");
  EXPECT_EQ(last_unit_step(begin), std::nullopt) << "a copy changes nothing";
  add(OpKind::kUnlink, 1, "/etc/systemd/system/x.wants/a.service");
  add(OpKind::kTake, 2, "/etc/systemd/system/a.service");
  add(OpKind::kTake, 3, "/tmp/a");
  EXPECT_EQ(last_unit_step(begin), 2u);

  Transaction transaction;
  transaction.begin = begin;
  transaction.ops.resize(begin.ops.size());
  transaction.ops[1].stage = OpStage::kDone;
  transaction.ops[2].stage = OpStage::kFailed;
  EXPECT_FALSE(has_touched_units(transaction));
  for (const OpStage stage : {OpStage::kDone, OpStage::kUndone, OpStage::kUndoFailed}) {
    transaction.ops[3].stage = stage;
    EXPECT_TRUE(has_touched_units(transaction));
  }
}

}  // namespace
}  // namespace fleetsweep::act
