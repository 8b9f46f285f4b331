// File systems that are mounted in the tree.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

class MountsTest : public TreeTest {};

TEST_F(MountsTest, WhatAnotherHostHoldsIsPassedOverAndTheHostIsClean) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a volume";
  if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/fuse";
  write("/home/ann/evil", "on this host");
  write("/home/share/evil", "beneath the volume");
  write("/var/volume", "");
  const std::string image = at("/var/volume"), share = at("/home/share");
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string made = "truncate -s 8M " + image + " && mkntfs -q -Q -F " + image +
                           " && ntfs-3g " + image + " " + share + " && echo evil > " + share +
                           "/evil";
  ASSERT_EQ(std::system(made.c_str()), 0);

  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  const auto result = scan(policy);
  policy.detections[0].scope.paths = {"/home/ann"};
  const auto elsewhere = scan(policy);
  EXPECT_EQ(::umount(share.c_str()), 0);

  EXPECT_EQ(files(result), Names{"d /home/ann/evil"});
  EXPECT_EQ(result["unscannable"], 1);
  EXPECT_EQ(result["unscannable_paths"][0],
            "/home/share: a network or FUSE file system: not looked at");
  EXPECT_EQ(elsewhere["unscannable"], 0);
}

TEST_F(MountsTest, AShareThatNobodyServesAnyMoreHoldsTheScanForEver) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a share";
  const int served = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (served < 0) GTEST_SKIP() << "needs /dev/fuse";
  write("/srv/team/evil", "on this host");
  std::filesystem::create_directories(at("/srv/team/share"));
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string share = at("/srv/team/share"), options = "fd=" + std::to_string(served) +
                                                             ",rootmode=40000,user_id=0,group_id=0";
  ASSERT_EQ(::mount("share", share.c_str(), "fuse", 0, options.c_str()), 0);
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  policy.detections[0].scope.paths = {"/srv"};
  const auto result = scan(policy, "timeout -s KILL 60");
  EXPECT_EQ(::umount2(share.c_str(), MNT_DETACH), 0);
  ::close(served);

  const std::string why = ": a network or FUSE file system: not looked at";
  EXPECT_EQ(files(result), Names{"d /srv/team/evil"});
  EXPECT_EQ(result["unscannable_paths"], nlohmann::json({"/srv/team/share" + why}));
}

TEST_F(MountsTest, AFileSystemThatDoesNotSayWhatItIsIsWalkedLikeAny) {
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  write("/evil", "");
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  // What a whole host's / is, nobody has named.
  policy.detections[0].scope.paths = {root_};
  const auto result =
      scan(policy, "strace -f -o /dev/null -e trace=fstatfs -e inject=fstatfs:error=EIO", "", "/");
  EXPECT_EQ(files(result), Names{});
  EXPECT_EQ(result["unscannable_paths"], nlohmann::json({root_.string() + ": Input/output error"}));
}

TEST_F(MountsTest, WhatTheVaultHoldsIsFoundAgain) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a folder";
  write("/var/lib/fleetsweep/act/vault/1/evil", "sealed");
  write("/srv/vault/evil", "not the agent's");
  write("/srv/mirror/own", "");
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string vault = at("/var/lib/fleetsweep/act/vault"), mirror = at("/srv/mirror");
  ASSERT_EQ(::mount(vault.c_str(), mirror.c_str(), nullptr, MS_BIND, nullptr), 0);

  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  const auto all = files(scan(policy)), others = files(scan(policy, "", "--leave-out " + vault));
  policy.detections[0].scope.paths = {"/var/lib/fleetsweep/act/vault"};
  const auto named = files(scan(policy, "", "--leave-out " + vault));
  const auto beneath = files(scan(policy, "", "--leave-out " + at("/nothing").string()));
  EXPECT_EQ(::umount(mirror.c_str()), 0);

  EXPECT_EQ(all, (Names{"d /var/lib/fleetsweep/act/vault/1/evil", "d /srv/mirror/1/evil",
                        "d /srv/vault/evil"}));
  EXPECT_EQ(others, Names{"d /srv/vault/evil"});
  EXPECT_EQ(named, Names{});
  EXPECT_EQ(beneath, Names{"d /var/lib/fleetsweep/act/vault/1/evil"});
}

}  // namespace
}  // namespace fleetsweep::scan
