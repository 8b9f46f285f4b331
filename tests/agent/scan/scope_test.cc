#include "agent/scan/scope.h"

#include <gtest/gtest.h>

#include "agent/scan/walk.h"

namespace fleetsweep::scan {
namespace {

Scope scope(std::vector<std::string> paths, std::uint16_t depth = 0,
            const std::string& folder = "/") {
  auto root = Root::open(folder);
  EXPECT_TRUE(root.has_value());
  model::FileScope wanted;
  wanted.paths = std::move(paths);
  wanted.depth = depth;
  return Scope::of(wanted, *root,
                   [](const std::string& path, std::string_view) { ADD_FAILURE() << path; });
}

TEST(Scope, WithoutPathsItIsEverywhere) {
  EXPECT_TRUE(scope({}).contains("/any/thing"));
  EXPECT_TRUE(scope({}).covers_files_of("/"));
  EXPECT_EQ(scope({}).starts(), std::vector<std::string>{"/"});
}

TEST(Scope, HomesOfATreeWithoutUsersAreNowhereAndNotEverywhere) {
  const Scope homes = scope({"@home/.ssh"}, 0, "/dev");  // has no etc/passwd
  EXPECT_FALSE(homes.contains("/any/thing"));
  EXPECT_FALSE(homes.may_contain("/"));
  EXPECT_TRUE(homes.starts().empty());
}

TEST(Scope, APathIsAFolderOfItsOwnAndNotAPrefixOfNames) {
  const Scope tmp = scope({"/tmp"});
  EXPECT_TRUE(tmp.contains("/tmp/x"));
  EXPECT_TRUE(tmp.contains("/tmp/a/b/c"));
  EXPECT_FALSE(tmp.contains("/tmpfile"));
  EXPECT_FALSE(tmp.may_contain("/tmpfolder"));
  EXPECT_TRUE(tmp.may_contain("/"));
}

TEST(Scope, AStarStaysInsideItsComponent) {
  const Scope rsync = scope({"/tmp/.X2*-unix/.rsync"});
  EXPECT_TRUE(rsync.contains("/tmp/.X25-unix/.rsync/c/run"));
  EXPECT_FALSE(rsync.contains("/tmp/.X25-unix/deep/.rsync/run"));
  EXPECT_TRUE(rsync.may_contain("/tmp/.X25-unix"));
  EXPECT_FALSE(rsync.may_contain("/tmp/other"));
  EXPECT_EQ(rsync.starts(), std::vector<std::string>{"/tmp"});
}

TEST(Scope, TwoStarsAreAnyNumberOfFolders) {
  const Scope cron = scope({"/home/**/cron"});
  EXPECT_TRUE(cron.contains("/home/cron/x"));
  EXPECT_TRUE(cron.contains("/home/a/b/cron/x"));
  EXPECT_FALSE(cron.contains("/home/a/b/x"));
  EXPECT_TRUE(cron.may_contain("/home/a/b"));
}

TEST(Scope, DepthOneIsTheFolderItself) {
  const Scope one = scope({"/tmp"}, 1);
  EXPECT_TRUE(one.contains("/tmp/x"));
  EXPECT_FALSE(one.contains("/tmp/a/x"));
  EXPECT_TRUE(one.covers_files_of("/tmp"));
  EXPECT_FALSE(one.covers_files_of("/tmp/a"));
  EXPECT_FALSE(one.may_contain("/tmp/a"));
}

TEST(Scope, AFilesOwnPathIsAScope) {
  const Scope file = scope({"/etc/hosts"});
  EXPECT_TRUE(file.contains("/etc/hosts"));
  EXPECT_FALSE(file.contains("/etc/hosts.allow"));
  EXPECT_FALSE(file.covers_files_of("/etc"));
}

TEST(Scope, GlobsOfPathologicalShapeAreFast) {
  EXPECT_FALSE(matches_glob("*a*a*a*a*a*a*a*a*b", std::string(255, 'a')));
  EXPECT_TRUE(matches_glob("*?*", "x"));
  EXPECT_FALSE(matches_glob("?", ""));
}

TEST(Walk, TmpfsIsNeverSkippedAndProcAlwaysIs) {
  EXPECT_EQ(file_system_of(0x01021994), FileSystem::kHeld);   // tmpfs
  EXPECT_EQ(file_system_of(0x794c7630), FileSystem::kHeld);   // overlayfs
  EXPECT_EQ(file_system_of(0xef53), FileSystem::kHeld);       // ext4
  EXPECT_EQ(file_system_of(0x9fa0), FileSystem::kPseudo);     // proc
  EXPECT_EQ(file_system_of(0x6969), FileSystem::kElsewhere);  // nfs
}

}  // namespace
}  // namespace fleetsweep::scan
