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

// A share whose server is gone: whoever asks anything of it waits for ever.
class DeadShare {
 public:
  explicit DeadShare(std::string point)
      : point_(std::move(point)), served_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    const std::string options =
        "fd=" + std::to_string(served_) + ",rootmode=40000,user_id=0,group_id=0";
    EXPECT_EQ(::mount("share", point_.c_str(), "fuse", 0, options.c_str()), 0);
  }
  ~DeadShare() {
    EXPECT_EQ(::umount2(point_.c_str(), MNT_DETACH), 0);
    ::close(served_);
  }
  DeadShare(const DeadShare&) = delete;
  DeadShare& operator=(const DeadShare&) = delete;

 private:
  std::string point_;
  int served_;
};

constexpr const char* kDeadline = "timeout -s KILL 60";

std::string left_out(const std::string& share) {
  return share + ": a network or FUSE file system: not looked at";
}

class MountsTest : public TreeTest {
 protected:
  static bool may_mount_shares() {
    return ::geteuid() == 0 && ::access("/dev/fuse", R_OK | W_OK) == 0;
  }
  static void own_mounts() {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  }
};

TEST_F(MountsTest, WhatAnotherHostHoldsIsPassedOverAndTheHostIsClean) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a volume";
  if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/fuse";
  write("/home/ann/evil", "on this host");
  write("/home/share/evil", "beneath the volume");
  write("/var/volume", "");
  const std::string image = at("/var/volume"), share = at("/home/share");
  own_mounts();
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
  if (!may_mount_shares()) GTEST_SKIP() << "needs root and /dev/fuse";
  write("/srv/team/evil", "on this host");
  std::filesystem::create_directories(at("/srv/team/share"));
  write("/srv/list", "");
  own_mounts();
  const DeadShare share(at("/srv/team/share"));
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  policy.detections[0].scope.paths = {"/srv"};
  const auto all = scan(policy, kDeadline);
  policy.detections[0].scope.paths = {"/srv/list", "/srv/team/share/below/it"};
  const auto beneath = scan(policy, kDeadline);

  EXPECT_EQ(files(all), Names{"d /srv/team/evil"});
  for (const auto& result : {all, beneath})
    EXPECT_EQ(result["unscannable_paths"], nlohmann::json({left_out("/srv/team/share")}));
}

TEST_F(MountsTest, ADeadShareHoldsThePlacesOfPersistence) {
  if (!may_mount_shares()) GTEST_SKIP() << "needs root and /dev/fuse";
  write("/etc/passwd",
        "ann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/home/bob:/bin/sh\n"
        "eve:x:1002:1002::/srv/eve:/bin/sh\n");
  write("/home/ann/.bashrc", "evil\n");
  write("/etc/cron.d/job", "* * * * * root evil\n");
  for (const char* folder : {"/home/ann/.config", "/home/ann/work", "/net/home", "/etc/cron.d/mnt"})
    std::filesystem::create_directories(at(folder));
  std::filesystem::create_symlink("/net/home/bob", at("/home/bob"));
  std::filesystem::create_directories(at("/srv"));
  std::filesystem::create_symlink("../home/ann/.config/eve", at("/srv/eve"));
  own_mounts();
  // In a home and beneath a star, where homes lead to, and in a place.
  const DeadShare config(at("/home/ann/.config")), work(at("/home/ann/work")), net(at("/net/home")),
      place(at("/etc/cron.d/mnt"));
  model::Policy policy;
  policy.detections = {detection("p", ObjectKind::kPersistence, {})};
  policy.detections.push_back(detection("f", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  const auto result = scan(policy, kDeadline);

  const Names found = persistence(result);
  EXPECT_TRUE(found.contains("p * * * * * root evil") && found.contains("p evil"));
  // Each once, though many places and the walk lead there.
  std::set<std::string> why;
  for (const auto& path : result["unscannable_paths"]) why.insert(path.get<std::string>());
  Names expected;
  for (const char* share : {"/home/ann/.config", "/home/ann/work", "/net/home", "/etc/cron.d/mnt"})
    expected.insert(left_out(share));
  EXPECT_EQ(why, expected) << result.dump(1);
  EXPECT_EQ(result["unscannable"], 4);
}

TEST_F(MountsTest, ADeadShareHoldsTheCrossView) {
  if (!may_mount_shares()) GTEST_SKIP() << "needs root and /dev/fuse";
  for (const char* folder : {"/home", "/mnt", "/etc", "/usr/local", "/tmp/kinsing"})
    std::filesystem::create_directories(at(folder));
  std::filesystem::create_symlink("local/lib", at("/usr/lib"));
  own_mounts();
  // A folder that it lists, one that lies in such a folder, one with a name that it asks for, and
  // one that a listed folder leads into.
  const DeadShare home(at("/home")), mnt(at("/mnt")), name(at("/tmp/kinsing")),
      local(at("/usr/local"));
  const auto result = scan({}, kDeadline);

  EXPECT_EQ(result["mismatches"], nlohmann::json::array()) << result.dump(1);
  EXPECT_EQ(result["unscannable_paths"],
            (nlohmann::json{left_out("/home"), left_out("/usr/local")}));
}

TEST_F(MountsTest, ADeadShareHoldsTheScanOfAWholeHost) {
  if (!may_mount_shares()) GTEST_SKIP() << "needs root and /dev/fuse";
  own_mounts();
  const DeadShare opt("/opt"), mnt("/mnt");
  model::Policy policy;
  policy.detections = {detection("p", ObjectKind::kPersistence,
                                 {is(Field::kPersistenceKind, "git_hook"),
                                  is(Field::kPersistenceCommand, "none of this name")})};
  const auto result = scan(policy, kDeadline, "", "/");
  const auto& paths = result["unscannable_paths"];
  EXPECT_EQ(std::count(paths.begin(), paths.end(), left_out("/opt")), 1) << result.dump(1);
  EXPECT_EQ(result["mismatches"], nlohmann::json::array());
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
  own_mounts();
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
