#include "agent/plan/binding.h"

#include <gtest/gtest.h>

#include <functional>

namespace fleetsweep::plan {
namespace {

model::FileIdentity a_file() {
  model::FileIdentity file{"/tmp/x", 1, 2, 3, 4, 5, 1, {}};
  file.sha256.value[0] = 9;
  return file;
}

TEST(Binding, AFileThatChangedInAnyRespectIsAnotherFile) {
  EXPECT_TRUE(is_same_object(a_file(), a_file()));
  const std::function<void(model::FileIdentity&)> changes[] = {
      [](auto& f) { f.path = "/tmp/y"; },   [](auto& f) { ++f.device; },
      [](auto& f) { ++f.inode; },           [](auto& f) { ++f.size; },
      [](auto& f) { ++f.mtime_ns; },        [](auto& f) { ++f.ctime_ns; },
      [](auto& f) { ++f.sha256.value[31]; }};
  for (const auto& change : changes) {
    auto other = a_file();
    change(other);
    EXPECT_FALSE(is_same_object(a_file(), other));
  }
}

TEST(Binding, ANewPidOfTheSameProgramIsTheSameObject) {
  const model::ProcessIdentity before{10, 100, a_file(), false, "x", "x"};
  auto now = before;
  now.pid = 11;
  now.start_ticks = 200;
  now.exe_deleted = true;
  ++now.exe.ctime_ns;  // unlinking the running file did that
  EXPECT_TRUE(is_same_object(before, now));
  EXPECT_NE(object_key(before), object_key(now));
  ++now.exe.inode;
  EXPECT_FALSE(is_same_object(before, now));
  EXPECT_FALSE(is_same_object(model::ProcessIdentity{}, model::ProcessIdentity{}));
}

TEST(Binding, ALineIsTheSameWhenOtherLinesOfItsFileChanged) {
  model::PersistenceIdentity before;
  before.file = a_file();
  before.entry = "* * * * * x";
  before.entry_sha256.value[0] = 1;
  auto now = before;
  ++now.file.mtime_ns;
  ++now.file.sha256.value[0];
  EXPECT_TRUE(is_same_object(before, now));
  ++now.entry_sha256.value[0];
  EXPECT_FALSE(is_same_object(before, now));
}

TEST(Binding, TwoLibrariesOfOneLineAreTwoObjects) {
  model::PersistenceIdentity before;
  before.kind = model::PersistenceKind::kLdSoPreload;
  before.file = a_file();
  before.entry = "/lib/a.so /lib/b.so";
  before.command = "/lib/a.so";
  auto other = before;
  other.command = "/lib/b.so";
  EXPECT_FALSE(is_same_object(before, other));
  EXPECT_NE(object_key(before), object_key(other));
}

TEST(Binding, AnotherDetectionOfTheSameFileIsNoBinding) {
  model::Finding found{3, 0, model::Finding::kNoJoin, a_file(), ""};
  EXPECT_TRUE(is_bound(found, {found}));
  auto other = found;
  other.detection = 4;
  EXPECT_FALSE(is_bound(found, {other}));
  EXPECT_FALSE(is_bound(found, {}));
}

}  // namespace
}  // namespace fleetsweep::plan
