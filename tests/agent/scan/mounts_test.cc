// File systems that are mounted in the tree.

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
