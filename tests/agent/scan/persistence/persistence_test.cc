#include "agent/scan/persistence/persistence.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/base/limits.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using Names = std::set<std::string>;

class PersistenceScanTest : public TreeTest {
 protected:
  static std::set<std::string> persistence_paths(const nlohmann::json& result) {
    std::set<std::string> paths;
    for (const auto& finding : result["findings"])
      paths.insert(finding["persistence"]["file"]["path"]);
    return paths;
  }
  void write_program(const std::string& path, const std::string& text) {
    write(path, text);
    std::filesystem::permissions(at(path), std::filesystem::perms(0755));
  }
};

TEST_F(PersistenceScanTest, AFolderThatCannotBeListedHoldsNoNames) {
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  write_program("/home/alice/work/.git/hooks/pre-commit", "#!/bin/sh\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence, {is(Field::kPersistenceKind, "git_hook")}));
  EXPECT_EQ(persistence(scan(policy)).size(), 1u);
  const auto result = scan(policy, "strace -f -o /dev/null -P '" + at("/home/alice").string() +
                                       "' -e trace=getdents64 -e inject=getdents64:error=EIO");
  EXPECT_EQ(persistence(result).size(), 0u);
  EXPECT_THAT(result["unscannable_paths"], testing::Contains("/home/alice: Input/output error"));
}

TEST_F(PersistenceScanTest, AStartLinkLeadsToNoInitScript) {
  write("/etc/init.d/own", "#!/bin/sh\n");
  write("/opt/evil", "#!/bin/sh\n");
  write("/etc/rc3.d/S03plain", "#!/bin/sh\n");
  std::filesystem::create_symlink("../init.d/own", at("/etc/rc3.d/S01own"));
  std::filesystem::create_symlink("/opt/evil", at("/etc/rc3.d/S02evil"));
  model::Policy policy;
  policy.detections.push_back(detection("d", model::ObjectKind::kPersistence,
                                        {is(Field::kPersistenceKind, "init_script")}));
  const auto result = scan(policy);
  EXPECT_EQ(persistence_paths(result),
            (Names{"/etc/init.d/own", "/opt/evil", "/etc/rc3.d/S03plain"}));
  EXPECT_EQ(result["unscannable"], 0);
}

TEST_F(PersistenceScanTest, EveryPlaceOfARealisticTreeIsSeen) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  write("/etc/crontab", "* * * * * root /opt/evil/run\n");
  write("/etc/cron.d/x", "* * * * * root /opt/evil/run\n");
  write_program("/etc/cron.daily/evil", "#!/bin/sh\n");
  write("/etc/anacrontab", "1 5 evil /opt/evil/run\n");
  write("/var/spool/cron/crontabs/alice", "* * * * * /opt/evil/run\n");
  write("/var/spool/cron/tabs/alice", "* * * * * /opt/evil/run\n");
  write("/var/spool/cron/bob", "@reboot /opt/evil/run\n");
  write_program("/var/spool/cron/atjobs/a0001", "#!/bin/sh\n}\n/opt/evil/run\n");
  write("/etc/systemd/system/evil.service", "[Service]\nExecStart=/opt/evil/run\n");
  write("/etc/systemd/system/evil.timer", "[Timer]\nUnit=evil.service\n");
  write("/etc/systemd/system/ssh.service.d/evil.conf", "[Service]\nExecStartPre=/opt/evil/run\n");
  write("/home/alice/.config/systemd/user/evil.service", "[Service]\nExecStart=/opt/evil/run\n");
  write("/etc/ld.so.preload", "/opt/evil/lib.so\n");
  write("/etc/init.d/evil", "#!/bin/sh\n");
  write("/etc/rc.local", "#!/bin/sh\n/opt/evil/run &\n");
  write("/etc/profile.d/evil.sh", "/opt/evil/run\n");
  write("/home/alice/.bashrc", "/opt/evil/run\n");
  write("/home/alice/.zlogin", "/opt/evil/run\n");
  for (const char* name : {"zshenv", "zprofile", "zshrc", "zlogin", "zlogout"})
    write(std::string("/etc/zsh/") + name, "/opt/evil/run\n");
  write("/etc/zshenv", "/opt/evil/run\n");
  write("/home/alice/.ssh/authorized_keys", "ssh-ed25519 AAAA evil\n");
  // Not places.
  write("/etc/cron.d.bak/x", "* * * * * root /opt/evil/run\n");
  write("/home/carol/.bashrc", "/opt/evil/run\n");

  model::Policy policy;
  model::Detection any = detection("d", model::ObjectKind::kPersistence, {});
  any.any_of = {{is(Field::kPersistenceCommand, "evil", model::Match::kContains)},
                {is(Field::kPersistenceEntry, "evil", model::Match::kContains)}};
  policy.detections.push_back(any);
  const auto result = scan(policy);
  std::map<std::string, int> kinds;
  for (const auto& finding : result["findings"]) ++kinds[finding["persistence"]["kind"]];
  EXPECT_EQ(kinds, (std::map<std::string, int>{{"cron", 7},
                                               {"at", 1},
                                               {"systemd_unit", 3},
                                               {"systemd_timer", 1},
                                               {"ld_so_preload", 1},
                                               {"init_script", 1},
                                               {"rc_local", 1},
                                               {"shell_profile", 9},
                                               {"authorized_key", 1}}))
      << result.dump(1);
}

TEST_F(PersistenceScanTest, WhatIsNotExecutedIsAnEntryOrAnExecutableIsNone) {
  for (const char* path :
       {"/etc/cron.hourly/evil", "/var/spool/cron/atjobs/evil", "/etc/update-motd.d/evil",
        "/etc/systemd/system-generators/evil.sample", "/etc/network/if-up.d/evil",
        "/etc/periodic/daily/evil", "/usr/lib/systemd/system-sleep/evil", "/etc/ppp/ip-up.d/evil",
        "/usr/lib/zypp/plugins/commit/evil", "/etc/apk/commit_hooks.d/evil"}) {
    write_program(path, "#!/bin/sh\n}\n/opt/evil\n");
    write(std::string(path) + "-off", "#!/bin/sh\n}\n/opt/evil\n");
  }
  write("/etc/dhcp/dhclient-exit-hooks.d/evil", "/opt/evil\n");  // sourced, whatever its mode
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence,
                {is(Field::kPersistencePath, "evil", model::Match::kContains)}));
  EXPECT_EQ(persistence_paths(scan(policy)),
            (Names{"/etc/apk/commit_hooks.d/evil", "/etc/cron.hourly/evil",
                   "/etc/dhcp/dhclient-exit-hooks.d/evil", "/etc/network/if-up.d/evil",
                   "/etc/periodic/daily/evil", "/etc/ppp/ip-up.d/evil",
                   "/etc/systemd/system-generators/evil.sample", "/etc/update-motd.d/evil",
                   "/usr/lib/systemd/system-sleep/evil", "/usr/lib/zypp/plugins/commit/evil",
                   "/var/spool/cron/atjobs/evil"}));
}

TEST_F(PersistenceScanTest, WhatIsLinkedToItsPlaceIsNotSeenOrSomebodyElseSaysWhereToLook) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  write("/opt/evil.service", "[Service]\nExecStart=/opt/evil\n");
  write("/usr/lib/systemd/system/evil-own.service", "[Service]\nExecStart=/opt/evil\n");
  write("/srv/evil-others", "/opt/evil\n");
  write("/home/alice/dot/evil-profile", "/opt/evil\n");
  const std::string drop_in = "[Service]\nExecStartPre=/opt/evil\n";
  for (const char* path : {"/opt/evil.conf", "/opt/evil.d/x.conf", "/opt/evil-timers/x.conf",
                           "/srv/evil-others.d/x.conf"})
    write(path, drop_in);
  write_program("/opt/evil-hook", "#!/bin/sh\n");
  const auto link = [&](const char* target, const char* path, uid_t owner = 0) {
    std::filesystem::create_directories(at(path).parent_path());
    std::filesystem::create_symlink(target, at(path));
    ASSERT_EQ(::lchown(at(path).c_str(), owner, owner), 0);
  };
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for owners";
  link("../../../opt/evil.service", "/etc/systemd/system/evil.service");
  link("/usr/lib/systemd/system/evil-own.service", "/etc/systemd/system/evil-alias.service");
  link("/dev/null", "/etc/systemd/system/evil-masked.service");
  link("/etc/systemd/system/evil-loop.service", "/etc/systemd/system/evil-loop.service");
  link("../../../../../../evil", "/etc/systemd/system/evil-out.service");
  ASSERT_EQ(::chown(at("/home/alice/dot/evil-profile").c_str(), 1000, 1000), 0);
  link("dot/evil-profile", "/home/alice/.profile", 1000);
  link("/srv/evil-others", "/home/alice/.bashrc", 1000);
  link("/opt/evil.conf", "/etc/systemd/system/ssh.service.d/x.conf");
  link("/opt/evil.d", "/etc/systemd/system/cron.service.d");
  link("/opt/evil-timers", "/etc/systemd/system/apt-daily.timer.d");
  link("/srv/evil-others.d", "/home/alice/.config/systemd/user/x.service.d", 1000);
  link("/opt/evil-hook", "/etc/NetworkManager/dispatcher.d/pre-up.d/evil");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence,
                {is(Field::kPersistencePath, "evil", model::Match::kContains)}));
  const auto result = scan(policy);
  EXPECT_EQ(persistence_paths(result),
            (Names{"/home/alice/dot/evil-profile", "/opt/evil-hook", "/opt/evil-timers/x.conf",
                   "/opt/evil.conf", "/opt/evil.d/x.conf", "/opt/evil.service",
                   "/usr/lib/systemd/system/evil-own.service"}));
  EXPECT_EQ(result["findings"].size(), 7u);
  EXPECT_EQ(
      result["unscannable_paths"],
      nlohmann::json(
          {"/home/alice/.config/systemd/user/x.service.d: behind a link that may be of others than "
           "root or the owner of what it leads to: not looked at",
           "/home/alice/.bashrc: leads to a file that is not its owner's: not followed"}));
  policy.detections[0].any_of = {{is(Field::kPersistenceKind, "systemd_timer")}};
  EXPECT_EQ(persistence_paths(scan(policy)), Names{"/opt/evil-timers/x.conf"});
}

// What a star stands for, where it has much company.
class StarsTest : public PersistenceScanTest {
 protected:
  nlohmann::json scan_for(const char* kind, const std::string& root = "") {
    model::Policy policy;
    policy.detections.push_back(
        detection("d", model::ObjectKind::kPersistence, {is(Field::kPersistenceKind, kind)}));
    return scan(policy, "", "", root);
  }
  static void make_folders(const std::filesystem::path& path, std::size_t count) {
    std::filesystem::create_directories(path);
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(::mkdir((path / std::to_string(i)).c_str(), 0755), 0);
  }
};

TEST_F(StarsTest, AFolderHidesBehindAThousandNamesBeforeIt) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  for (int i = 0; i < 300; ++i) {
    write("/usr/lib/a" + std::to_string(i), "");
    write("/home/alice/src/a" + std::to_string(i), "");
    write("/etc/keys/" + std::to_string(i), "");
  }
  make_folders(at("/usr/lib"), 300);
  make_folders(at("/home/alice"), 300);
  make_folders(at("/home/alice/src"), 300);
  write("/usr/lib/x86_64-linux-gnu/security/pam_evil.so", "");
  write_program("/home/alice/src/tool/.git/hooks/pre-commit", "#!/bin/sh\n");
  write("/home/alice/zzz/.git/config", "[core]\nhooksPath = /opt/evil\n");
  write("/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/keys/%u\n");
  write("/etc/keys/zoe", "ssh-ed25519 AAAA evil\n");
  EXPECT_EQ(persistence(scan_for("pam_module")),
            Names{"d /usr/lib/x86_64-linux-gnu/security/pam_evil.so"});
  const auto hooks = scan_for("git_hook");
  EXPECT_EQ(persistence(hooks),
            (Names{"d /home/alice/src/tool/.git/hooks/pre-commit", "d hooksPath = /opt/evil"}));
  EXPECT_EQ(hooks["unscannable"], 0);
  EXPECT_EQ(persistence(scan_for("authorized_key")), Names{"d ssh-ed25519 AAAA evil"});
}

TEST_F(StarsTest, AHostWithMoreFoldersThanAreLookedAtReadsAsWhole) {
  // In memory: a disk takes minutes.
  std::string memory = "/dev/shm/fleetsweep-scan-test-XXXXXX";
  if (::mkdtemp(memory.data()) == nullptr) GTEST_SKIP() << "needs /dev/shm";
  const std::filesystem::path root(memory);
  make_folders(root / "srv", limits::kPersistenceNames + 1);
  const auto result = scan_for("git_hook", root);
  std::filesystem::remove_all(root);
  // Hooks and settings, in each folder and in those within it.
  EXPECT_EQ(result["unscannable"], 4);
  EXPECT_EQ(
      result["unscannable_paths"][0],
      "/srv/*/.git/hooks: * stands for more than 100000 names: the others were not looked at");
}

TEST_F(StarsTest, OneFileHasMoreNamesLookedAtThanAllMay) {
  for (int i = 0; i < 500; ++i) write("/etc/keys/" + std::to_string(i), "");
  std::string text;
  for (int i = 0; i < 201; ++i) text += "AuthorizedKeysFile /etc/keys/%u\n";
  write("/etc/ssh/sshd_config", text);
  const auto result = scan_for("authorized_key");
  EXPECT_EQ(result["unscannable"], 1);
  EXPECT_EQ(result["unscannable_paths"][0],
            "/etc/keys/*: * stands for more than 100000 names: the others were not looked at");
}

TEST_F(StarsTest, ARepositoryOutsideOfHomesHasNoHooks) {
  const Names folders = {"/etc",
                         "/opt/app",
                         "/opt/vendor/app",
                         "/srv/app",
                         "/srv/git/app",
                         "/var/www",
                         "/var/www/html",
                         "/var/www/html/app",
                         "/usr/share/nginx/html",
                         "/usr/local/apache2/htdocs"};
  Names planted;
  for (const std::string& folder : folders) {
    write_program(folder + "/.git/hooks/post-merge", "#!/bin/sh\n");
    planted.insert("d " + folder + "/.git/hooks/post-merge");
  }
  EXPECT_EQ(persistence(scan_for("git_hook")), planted);
}

TEST_F(StarsTest, HooksOfGitHideInAFileThatItsSettingsInclude) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  write("/home/alice/.gitconfig", "[include]\npath = .config/one\n");
  write("/home/alice/.config/one", "[includeIf \"gitdir:/\"]\npath = ~/two*\n");
  write("/home/alice/two*", "[core]\nhooksPath = /opt/evil\n[include]\npath = /gone\n");
  write("/home/alice/two-other", "[core]\nhooksPath = /opt/own\n");
  const auto result = scan_for("git_hook");
  EXPECT_EQ(persistence(result), Names{"d hooksPath = /opt/evil"});
  EXPECT_EQ(result["findings"][0]["persistence"]["user"], "alice");
  EXPECT_EQ(result["unscannable"], 0);
}

TEST_F(StarsTest, FilesThatIncludeEachOtherAreReadForever) {
  write("/etc/gitconfig", "[include]\npath = gitconfig\npath = ../etc/gitconfig\npath = other\n");
  write("/etc/other", "[include]\npath = ./gitconfig\n[core]\npager = /opt/evil\n");
  const auto loop = scan_for("git_hook");
  EXPECT_EQ(persistence(loop), Names{"d pager = /opt/evil"});
  EXPECT_EQ(loop["findings"].size(), 1u);
  EXPECT_EQ(loop["unscannable"], 0);

  const auto at_depth = [](std::size_t depth) { return "/etc/" + std::to_string(depth); };
  const std::size_t last = limits::kPersistenceDepth;
  write("/etc/gitconfig", "[include]\npath = 1\n");
  for (std::size_t depth = 1; depth <= last; ++depth)
    write(at_depth(depth), "[include]\npath = " + std::to_string(depth + 1) + "\n");
  write(at_depth(last + 1), "[core]\npager = /opt/deep\n");
  const auto deep = scan_for("git_hook");
  EXPECT_EQ(persistence(deep), Names{});
  EXPECT_EQ(deep["unscannable"], 1);
  EXPECT_EQ(deep["unscannable_paths"][0],
            "/etc/129: named by the last of 128 files that name one another");
}

TEST_F(StarsTest, AUserHasADeviceOpened) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  std::filesystem::create_directories(at("/dev"));
  // Nothing drives it: whoever opens it fails.
  if (::mknod(at("/dev/watchdog").c_str(), S_IFCHR | 0600, makedev(240, 77)) != 0)
    GTEST_SKIP() << "needs the right to make a device";
  write("/home/alice/.gitconfig", "[include]\npath = /dev/watchdog\n");
  std::filesystem::create_symlink("/dev/watchdog", at("/home/alice/.bashrc"));
  for (const char* kind : {"git_hook", "shell_profile"}) {
    const auto result = scan_for(kind);
    EXPECT_EQ(result["unscannable"], 0) << result["unscannable_paths"];
    EXPECT_EQ(result["scanned"], 0);
  }
}

TEST_F(StarsTest, AFileThatNamesMoreThanIsReadSeemsWhole) {
  std::string text = "[include]\n";
  for (std::size_t i = 0; i <= limits::kPersistenceFollowed; ++i)
    text += "path = /opt/" + std::to_string(i) + "\n";
  write("/etc/gitconfig", text);
  const auto result = scan_for("git_hook");
  EXPECT_EQ(result["unscannable"], 1);
  EXPECT_EQ(result["unscannable_paths"][0],
            "/etc/gitconfig: names 256 files or more: not all of them were read");
}

TEST_F(StarsTest, WhatStandsBehindALimitIsNotThereAndNobodySaysSo) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  std::string many;
  for (std::size_t i = 0; i < limits::kPersistenceEntries; ++i) many += ":\n";
  write("/home/alice/.bashrc", many + "/opt/evil\n");
  write("/home/alice/.profile", ": " + std::string(limits::kLineBytes, ' ') + "; /opt/evil\n: b\n");
  write("/home/alice/.bash_login", "/opt/good\n");
  model::Policy policy;
  policy.detections = {detection(
      "d", model::ObjectKind::kPersistence,
      {is(Field::kPersistenceKind, "shell_profile"), is(Field::kPersistenceCommand, "/opt/evil")})};
  const auto result = scan(policy);
  EXPECT_EQ(result["partial_paths"],
            nlohmann::json::array({"/home/alice/.bashrc: has 20000 entries or more",
                                   "/home/alice/.profile: its line 1 has 32768 bytes or more"}))
      << result.dump(1);
}

TEST_F(PersistenceScanTest, APolicyAboutCronOpensNothingElse) {
  write("/etc/crontab", "* * * * * root /opt/evil\n");
  write("/etc/systemd/system/evil.service", "[Service]\nExecStart=/opt/evil\n");
  write("/var/www/evil.php", "<?php\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence, {is(Field::kPersistenceKind, "cron")}));
  EXPECT_EQ(scan(policy)["scanned"], 1);
}

TEST_F(PersistenceScanTest, WhatAPackageInstalledAndNobodyChangedIsItsOwn) {
  const std::string shipped = "17 * * * * root run-parts /etc/cron.hourly\n";
  write("/etc/cron.d/intact", shipped);
  write("/etc/cron.d/changed", shipped + "* * * * * root /opt/evil\n");
  write("/etc/cron.d/nobodys", shipped);
  write("/var/lib/dpkg/info/cron.list", "/etc/cron.d/intact\n/etc/cron.d/changed\n");
  write("/var/lib/dpkg/status", "Package: cron\nConffiles:\n /etc/cron.d/intact " +
                                    md5_hex(shipped) + "\n /etc/cron.d/changed " +
                                    md5_hex(shipped) + "\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence,
                {is(Field::kPersistenceKind, "cron"), number(Field::kPersistencePackageOwned, 0)}));
  std::set<std::string> paths;
  const auto result = scan(policy);
  for (const auto& finding : result["findings"])
    paths.insert(finding["persistence"]["file"]["path"]);
  EXPECT_EQ(paths, (std::set<std::string>{"/etc/cron.d/changed", "/etc/cron.d/nobodys"}));
}

TEST_F(PersistenceScanTest, WhatTheOwnerListedIsKnownUntilItChanges) {
  write("/etc/cron.d/own", "* * * * * root /opt/own\n");
  write_program("/etc/cron.hourly/own", "#!/bin/sh\n");
  const std::string list = "'" FS_BINARY_DIR "/fleetsweep-scan' --root '" + root_.string() +
                           "' --list-persistence > '" + (folder_ / "baseline").string() + "'";
  ASSERT_EQ(std::system(list.c_str()), 0);
  std::filesystem::permissions(folder_ / "baseline", std::filesystem::perms(0600));
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence,
                {is(Field::kPersistenceKind, "cron"), number(Field::kPersistenceInBaseline, 0)}));
  const std::string with = " --baseline '" + (folder_ / "baseline").string() + "'";
  EXPECT_EQ(scan(policy).at("findings").size(), 2u);  // nobody told it
  EXPECT_EQ(persistence(scan(policy, "", with)), Names{});

  write("/etc/cron.d/own", "* * * * * root /opt/own\n* * * * * root /opt/evil\n");
  write("/etc/cron.hourly/own", "#!/bin/sh\n/opt/evil\n");
  EXPECT_EQ(persistence(scan(policy, "", with)),
            (Names{"d * * * * * root /opt/evil", "d /etc/cron.hourly/own"}));
}

TEST_F(PersistenceScanTest, ABaselineThatIsNotReadCountsAsNone) {
  const std::string file = (folder_ / "baseline").string(), said = (folder_ / "said").string();
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence, {number(Field::kPersistenceInBaseline, 0)}));
  scan(policy);  // leaves policy.bin
  const auto refused = [&] {
    const std::string command = "'" FS_BINARY_DIR "/fleetsweep-scan' --root '" + root_.string() +
                                "' --policy '" + (folder_ / "policy.bin").string() +
                                "' --baseline '" + file + "' 2> '" + said + "'";
    EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
    std::ifstream stream(said);
    return std::string((std::istreambuf_iterator<char>(stream)), {});
  };
  using testing::HasSubstr;
  const std::string start = "fleetsweep-scan: --baseline: " + file + ": ";
  EXPECT_THAT(refused(), HasSubstr(start + "No such file or directory: expected the file of a"));
  std::filesystem::create_directory(file);
  EXPECT_THAT(refused(), HasSubstr(start + "not a regular file"));
  std::filesystem::remove(file);
  std::ofstream(file) << "own\n";
  EXPECT_THAT(refused(), HasSubstr(start + "1 lines are no entries (line 1): expected kind,"));
  scan(model::Policy{});
  EXPECT_THAT(refused(), HasSubstr(start)) << "no policy asks for it";
}

TEST_F(PersistenceScanTest, TheLoaderReadsAFileThatIsNoPlace) {
  write("/etc/ld.so.conf", "include /opt/x/*.conf\n");
  write("/opt/x/a.conf", "/opt/evil\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence, {is(Field::kPersistenceKind, "ld_so_conf")}));
  EXPECT_EQ(persistence(scan(policy)), (Names{"d /opt/evil", "d include /opt/x/*.conf"}));
}

TEST_F(PersistenceScanTest, APolicyAboutOneUserFindsTheOthers) {
  write("/etc/crontab", "* * * * * daemon /opt/evil\n* * * * * root /opt/evil\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence, {is(Field::kPersistenceUser, "daemon")}));
  const auto result = scan(policy);
  EXPECT_EQ(persistence(result), Names{"d * * * * * daemon /opt/evil"});
  EXPECT_EQ(result["findings"].size(), 1u);
}

TEST_F(PersistenceScanTest, AnEntryCarriesTheDigestsOfItsLineAndItsFile) {
  const std::string line = "* * * * * root /opt/evil";
  const std::string file = "# top\n" + line + "\n1 1 1 1 1 root /bin/true\n";
  write("/etc/crontab", file);
  model::Policy policy;
  policy.detections.push_back(detection("d", model::ObjectKind::kPersistence,
                                        {is(Field::kPersistenceCommand, "/opt/evil")}));
  const auto result = scan(policy);
  ASSERT_EQ(persistence(result), Names{"d " + line});
  const auto& entry = result["findings"][0]["persistence"];
  EXPECT_EQ(entry["entry_sha256"], sha256_hex(line));
  EXPECT_EQ(entry["file"]["sha256"], sha256_hex(file));
  EXPECT_EQ(entry["name"], "root");
}

}  // namespace
}  // namespace fleetsweep::scan
