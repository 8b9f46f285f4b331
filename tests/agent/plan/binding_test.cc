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
  model::Finding found{3, 0, model::Finding::kNoJoin, a_file(), {}};
  EXPECT_TRUE(is_bound(found, {found}));
  auto other = found;
  other.detection = 4;
  EXPECT_FALSE(is_bound(found, {other}));
  EXPECT_FALSE(is_bound(found, {}));
}

// Dropped again it has another inode and other times, and can never be the same object.
TEST(Binding, AFileThatWasDroppedAgainIsBoundToNoDryRunOrByItsNameAlone) {
  auto was = a_file();
  was.sha256.value.fill(7);
  auto now = was;
  ++now.inode;
  ++now.mtime_ns;
  ++now.ctime_ns;
  EXPECT_FALSE(is_same_object(was, now));
  EXPECT_TRUE(is_back(was, now));
  model::Finding before, found;
  before.identity = was;
  found.identity = now;
  EXPECT_FALSE(is_bound(found, {before}));
  EXPECT_TRUE(is_bound(found, {before}, true));
  found.detection = 1;
  EXPECT_FALSE(is_bound(found, {before}, true)) << "by another detection";

  for (const auto& change : std::vector<void (*)(model::FileIdentity&)>{
           [](auto& f) { f.path += "x"; }, [](auto& f) { ++f.size; },
           [](auto& f) { ++f.sha256.value[31]; }, [](auto& f) { f.sha256 = {}; }}) {
    auto other = now;
    change(other);
    EXPECT_FALSE(is_back(was, other));
  }
  was.sha256 = now.sha256 = {};
  EXPECT_FALSE(is_back(was, now)) << "nobody read either";
}

TEST(Binding, AProgramThatWasStartedFromTheNewFileIsAnotherOne) {
  const model::ProcessIdentity was{10, 100, a_file(), false, "x", "x"};
  auto now = was;
  ++now.exe.inode;
  now.exe.path = "/elsewhere";
  EXPECT_EQ(is_back(was, now), !was.exe.sha256.is_zero());
  now.exe.sha256.value.fill(9);
  EXPECT_FALSE(is_back(was, now));
  EXPECT_FALSE(is_back(was, now.exe)) << "a file is no process";
}

}  // namespace
}  // namespace fleetsweep::plan
