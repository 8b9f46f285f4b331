#include "agent/scan/persistence/persistence.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/lines/logical_lines.h"
#include "protocol/base/limits.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using Entries = std::vector<PersistenceEntry>;
using model::Field;
using Names = std::set<std::string>;

// What counts for a person: the entry's name, its text, what it runs, as whom, and where it stands.
Entries parse(Format format, std::string_view text, const std::string& path = "/etc/file",
              const std::string& user = "") {
  return parse_persistence(format, path, user, text);
}

TEST(Persistence, ASystemCrontabHasAUserBeforeItsCommand) {
  EXPECT_EQ(parse(Format::kSystemCrontab,
                  "# comment\nSHELL=/bin/sh\n\n*/3 * * * *\troot  /etc/cron.hourly/gcc.sh\n"
                  "@reboot daemon run it\n"),
            (Entries{{"", "SHELL=/bin/sh", "", "", 2},
                     {"root", "*/3 * * * *\troot  /etc/cron.hourly/gcc.sh",
                      "/etc/cron.hourly/gcc.sh", "root", 4},
                     {"daemon", "@reboot daemon run it", "run it", "daemon", 5}}));
}

TEST(Persistence, AUserCrontabIsNamedByItsFile) {
  EXPECT_EQ(parse(Format::kUserCrontab, "5 6 * * 0 ~/.configrc5/a/upd>/dev/null A=b",
                  "/var/spool/cron/crontabs/alice"),
            (Entries{{"alice", "5 6 * * 0 ~/.configrc5/a/upd>/dev/null A=b",
                      "~/.configrc5/a/upd>/dev/null A=b", "alice", 1}}));
}

TEST(Persistence, AnAssignmentWithSpacesIsNoCommand) {
  EXPECT_EQ(parse(Format::kUserCrontab, "MAILTO = root\n", "/x/u"),
            (Entries{{"u", "MAILTO = root", "", "u", 1}}));
}

TEST(Persistence, AnacrontabHasANameBeforeItsCommand) {
  const auto entries = parse(Format::kAnacrontab, "7 10 weekly run-parts /x\n");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].command, "run-parts /x");
}

TEST(Persistence, PreloadedLibrariesAreOneEntryEach) {
  EXPECT_EQ(
      parse(Format::kLibraries, "/lib/libgcwrap.so:/lib/b.so c.so\n\n  # nothing\n/d.so # why"),
      (Entries{{"", "/lib/libgcwrap.so:/lib/b.so c.so", "/lib/libgcwrap.so", "", 1},
               {"", "/lib/libgcwrap.so:/lib/b.so c.so", "/lib/b.so", "", 1},
               {"", "/lib/libgcwrap.so:/lib/b.so c.so", "c.so", "", 1},
               {"", "/d.so # why", "/d.so", "", 4}}));
}

TEST(Persistence, AUnitSaysAllItRunsAndAsWhom) {
  EXPECT_EQ(parse(Format::kUnit,
                  "[Service]\nExecStartPre=-/bin/mkdir /x\n ExecStart = "
                  "/etc/kinsing \\\n  --flag\n#ExecStart=no\nUser=games\n",
                  "/lib/systemd/system/bot.service", "root"),
            (Entries{{"bot.service", "", "-/bin/mkdir /x; /etc/kinsing    --flag", "games", 0}}));
}

TEST(Persistence, WhatAUnitTellsTheLoaderIsAnEntryOfItsOwn) {
  EXPECT_EQ(parse(Format::kUnit,
                  "[Service]\nEnvironment=A=1 \"LD_PRELOAD=/a b.so\" \\\n LD_AUDIT=/c.so\n",
                  "/lib/systemd/system/x.service"),
            (Entries{{"x.service", "", "", "", 0},
                     {"x.service", "Environment=A=1 \"LD_PRELOAD=/a b.so\" \\\n LD_AUDIT=/c.so",
                      "LD_PRELOAD=/a b.so", "", 2, true},
                     {"x.service", "Environment=A=1 \"LD_PRELOAD=/a b.so\" \\\n LD_AUDIT=/c.so",
                      "LD_AUDIT=/c.so", "", 2, true}}));
}

TEST(Persistence, SystemdsOwnSettingsAreTakenForAUnit) {
  EXPECT_EQ(
      parse(Format::kManager, "[Manager]\nLogLevel=info\nDefaultEnvironment=A=1 LD_PRELOAD=/x.so\n",
            "/etc/systemd/system.conf"),
      (Entries{{"system.conf", "DefaultEnvironment=A=1 LD_PRELOAD=/x.so", "LD_PRELOAD=/x.so", "", 3,
                true}}));
}

TEST(Persistence, ADropInBelongsToItsUnitAndATimerToItsService) {
  EXPECT_EQ(parse(Format::kUnit, "[Service]\nExecStart=/tmp/x\n",
                  "/etc/systemd/system/ssh.service.d/x.conf")[0]
                .name,
            "ssh.service");
  EXPECT_EQ(parse(Format::kUnit, "[Timer]\nOnBootSec=1\n", "/x/perf.timer")[0].command,
            "perf.service");
  EXPECT_EQ(parse(Format::kUnit, "[Timer]\nUnit=a.service\n", "/x/perf.timer")[0].command,
            "a.service");
  EXPECT_EQ(kind_of_unit("/x/ssh.socket.d/y.conf"), model::PersistenceKind::kSystemdSocket);
}

TEST(Persistence, AnAtJobIsWhatFollowsItsPrologue) {
  EXPECT_EQ(parse(Format::kAtJob,
                  "#!/bin/sh\numask 22\ncd /root || {\n echo no >&2\n exit 1\n}\n/tmp/x\n")[0]
                .command,
            "/tmp/x");
}

TEST(Persistence, AContinuedLineIsOneEntryWithAllItsBytes) {
  EXPECT_EQ(parse(Format::kShell, "# a \\\nA=1\r\nnohup \\\n /x &\n"),
            (Entries{{"", "A=1\r", "A=1", "", 2}, {"", "nohup \\\n /x &", "nohup   /x &", "", 3}}));
}

TEST(Persistence, AKeysOptionsAndCommentAreTold) {
  EXPECT_EQ(parse(Format::kAuthorizedKeys,
                  "ssh-rsa AAA me@here\nno-pty,command=\"/x \\\"y\\\" z\" ssh-rsa BBB mdrfckr\n",
                  "/k", "root"),
            (Entries{{"me@here", "ssh-rsa AAA me@here", "", "root", 1},
                     {"mdrfckr", "no-pty,command=\"/x \\\"y\\\" z\" ssh-rsa BBB mdrfckr",
                      "/x \"y\" z", "root", 2}}));
}

TEST(Persistence, ARuleOfUdevCountsOnlyIfItRunsSomething) {
  EXPECT_EQ(parse(Format::kUdev,
                  "KERNEL==\"sda\", NAME=\"RUN\"\nACTION==\"add\", RUN+=\"/x \\\"a\\\"\", "
                  "IMPORT{program}=\"/y\"\nIMPORT{file}=\"/z\"\n"),
            (Entries{{"", "ACTION==\"add\", RUN+=\"/x \\\"a\\\"\", IMPORT{program}=\"/y\"",
                      "/x \"a\"; /y", "", 2}}));
}

TEST(Persistence, AHookOfAptIsItsWholeStatement) {
  const std::string hook = "DPkg::Post-Invoke {\n  \"/x\"; // why\n  \"/y\";\n};";
  EXPECT_EQ(parse(Format::kAptHooks, "APT::Color \"1\";\n" + hook + "\nAPT::X \"Invoke\";\n"),
            (Entries{{"DPkg::Post-Invoke", hook, "/x; /y", "", 2}}));
}

TEST(Persistence, AHookOfAptHidesInAnotherShape) {
  const std::string brace = "DPkg::Post-Invoke\n{\n \"/x\";\n};",
                    below = "DPkg::Pre-Invoke::\n \"/y\";",
                    nested = "DPkg { Post-Invoke { /z; }; Options { \"-o\"; }; };";
  EXPECT_EQ(parse(Format::kAptHooks, brace + "\n" + below + "\n/* DPkg::Post-Invoke { */\n" +
                                         nested + "\n#clear DPkg::Post-Invoke;\n"),
            (Entries{{"DPkg::Post-Invoke", brace, "/x", "", 1},
                     {"DPkg::Pre-Invoke", below, "/y", "", 5},
                     {"DPkg::Post-Invoke", nested, "/z", "", 8}}));
}

TEST(Persistence, GitRunsWhatTheseSettingsName) {
  EXPECT_EQ(parse(Format::kGitConfig,
                  "[core]\n\teditor = vi\n\thooksPath = /x\n[alias]\n\tst = status\n\tgo = !/y\n"),
            (Entries{{"core.editor", "\teditor = vi", "vi", "", 2},
                     {"core.hookspath", "\thooksPath = /x", "/x", "", 3},
                     {"alias.go", "\tgo = !/y", "!/y", "", 6}}));
}

TEST(Persistence, ASettingOfGitHidesBehindItsSection) {
  const std::string line = "[core] hooksPath = /x";
  EXPECT_EQ(parse(Format::kGitConfig, line + "\n[filter \"a]\"] clean = /y\n# [core] pager = /z\n"),
            (Entries{{"core.hookspath", line, "/x", "", 1},
                     {"filter.clean", "[filter \"a]\"] clean = /y", "/y", "", 2}}));
}

TEST(Persistence, ARuleOfSudoSaysWhoMayDoWhatAsWhom) {
  EXPECT_EQ(parse(Format::kSudoers, "# x\nmallory ALL=(www:www) NOPASSWD: ALL\n%adm ALL = /x\n"),
            (Entries{{"mallory", "mallory ALL=(www:www) NOPASSWD: ALL", "NOPASSWD: ALL", "www", 2},
                     {"%adm", "%adm ALL = /x", "/x", "root", 3}}));
}

TEST(Persistence, AUserOfSudoWhoIsANumberPassesForAComment) {
  const std::string rule = "#1001 ALL=(ALL) \\\n NOPASSWD: ALL";
  EXPECT_EQ(parse(Format::kSudoers, "# 1001 x\n#x\n#-\n" + rule + "\n #-1 ALL=/x\n#includes \n"),
            (Entries{{"#1001", rule, "NOPASSWD: ALL", "ALL", 4},
                     {"#-1", " #-1 ALL=/x", "/x", "root", 6}}));
}

TEST(Persistence, ABlankBehindAShellIsAnotherShell) {
  EXPECT_EQ(parse(Format::kPasswd, "news:x:9:9::/var/spool/news:/usr/sbin/nologin \n"),
            (Entries{{"news", "news:x:9:9::/var/spool/news:/usr/sbin/nologin ",
                      "/usr/sbin/nologin ", "9", 1}}));
}

TEST(Persistence, TheOtherFormatsSayWhatTheyRun) {
  const auto command = [](Format format, std::string_view text) {
    const auto entries = parse(format, text);
    return entries.empty() ? "" : entries[0].name + ": " + entries[0].command;
  };
  EXPECT_EQ(command(Format::kInittab, "id:3:initdefault:\nx:2345:respawn:/x -a:b\n"), "x: /x -a:b");
  EXPECT_EQ(command(Format::kAssignments, "A=1\nexport LD_PRELOAD='/x.so'\n"), "LD_PRELOAD: /x.so");
  EXPECT_EQ(command(Format::kAssignments, "LD_PRELOAD DEFAULT=/x.so\n"),
            "LD_PRELOAD: DEFAULT=/x.so");
  EXPECT_EQ(command(Format::kDesktop, "[Desktop Entry]\nExec=/x %u\n"), "file: /x %u");
  EXPECT_EQ(command(Format::kPam, "auth [success=1 default=ignore] pam_exec.so /x\n"),
            "file: pam_exec.so /x");
  EXPECT_EQ(command(Format::kPamConf, "sshd auth optional /x.so\n"), "sshd: /x.so");
  EXPECT_EQ(command(Format::kPam, "@include /opt/x\n"), "file: /opt/x");
  EXPECT_EQ(command(Format::kSshd, "Port 22\nForceCommand=/x y\n"), "forcecommand: /x y");
  EXPECT_EQ(command(Format::kModules, "# x\nevil opt=1\n"), "evil: evil opt=1");
  EXPECT_EQ(command(Format::kModprobe, "options a b=1\ninstall evil /x; true\n"), "evil: /x; true");
  EXPECT_EQ(command(Format::kDpkg, "log /x\npre-invoke = '/x y'\n"), "pre-invoke: /x y");
  EXPECT_EQ(command(Format::kBinfmt, ":doc:E::doc::/x:\n"), "doc: /x");
}

TEST(Persistence, WhatIsTurnedOffIsStillAnEntryOrPretendsToBeOff) {
  const auto autostart = [](std::string_view text) {
    return parse(Format::kDesktop, text, "/etc/xdg/autostart/x.desktop").size();
  };
  EXPECT_EQ(autostart("[Desktop Entry]\nExec=/x\nHidden=true\n"), 0u);
  EXPECT_EQ(autostart("[Desktop Entry]\nHidden=true\nExec=/x\nHidden=false\n"), 1u);
  EXPECT_EQ(autostart("[Desktop Entry]\nExec=/x\n# Hidden=true\n"), 1u);
  EXPECT_EQ(autostart("[Desktop Action a]\nHidden=true\n[Desktop Entry]\nExec=/x\n"), 1u);
  EXPECT_EQ(autostart("[Desktop Entry]\nHidden=true\nHidden=\nExec=/e\n"), 1u);
  EXPECT_EQ(autostart("[Desktop Entry]\nExec=/e\n[D-BUS Service]\nName=a.b\nExec=/bin/false\n"), 1u)
      << "no desktop reads that group";
  const auto service = [](std::string_view text) {
    return parse(Format::kDesktop, text, "/etc/dbus-1/services/x.service").size();
  };
  EXPECT_EQ(service("[D-BUS Service]\nName=a.b\nExec=/bin/false\n"), 0u);
  EXPECT_EQ(service("[D-BUS Service]\nName=a.b\nExec=/bin/false\nSystemdService=x\n"), 1u);
  EXPECT_EQ(service("[D-BUS Service]\nName=a.b\nExec=/bin/false /x\n"), 1u);
  EXPECT_EQ(service("[D-BUS Service]\nName=a.b\nExec=/e\n[Desktop Entry]\nHidden=true\n"), 1u);
}

TEST(Persistence, ABackslashHidesAnEntryFromThoseWhoJoinLinesAndNotFromWhoStartsIt) {
  const auto commands = [](std::string_view text, const char* path) {
    std::string all;
    for (const auto& entry : parse(Format::kDesktop, text, path)) all += entry.command + "\n";
    return all;
  };
  const char* desktop = "/etc/xdg/autostart/x.desktop";
  const char* service = "/etc/dbus-1/services/x.service";
  EXPECT_EQ(commands("[Desktop Entry]\nHidden=true\nX-Foo=a \\\nHidden=false\nExec=/e\n", desktop),
            "/e\n");
  EXPECT_EQ(commands("[D-BUS Service]\nName=a.b\nX=a \\\nExec=/e\n", service), "/e\n");
  EXPECT_EQ(commands("[Desktop Entry]\nX=a \\\nExec=/e\n[D-BUS Service]\nName=a.b\n", desktop),
            "/e\n");
  EXPECT_EQ(commands("[Desktop Entry]\nExec=/e \\\nHidden=true\n", desktop),
            "/e  Hidden=true; /e \\\n");
}

TEST(Persistence, AFileThatAnotherNamesIsReadToo) {
  using Files = std::vector<FollowedFile>;
  EXPECT_EQ(followed_files(Format::kUnit, "/etc/file", "[Service]\nEnvironmentFile=-/opt/env\n"),
            (Files{{Format::kAssignments, "/opt/env"}}));
  EXPECT_EQ(
      followed_files(Format::kSshd, "/etc/file",
                     "Include extra.conf\nAuthorizedKeysFile .ssh/k /etc/keys/%u %h/y none\n"),
      (Files{{Format::kSshd, "/etc/ssh/extra.conf"},
             {Format::kAuthorizedKeys, "@home/.ssh/k"},
             {Format::kAuthorizedKeys, "/etc/keys/*"},
             {Format::kAuthorizedKeys, "@home/y"}}));
  EXPECT_EQ(followed_files(Format::kSudoers, "/etc/file", "#includedir /etc/more\n# include /no\n"),
            (Files{{Format::kSudoers, "/etc/more/*"}}));
  EXPECT_EQ(followed_files(Format::kSudoers, "/opt/sudo/rules",
                           "@include local\n#include \"a b\" # x\n@includedir d\n@include /x.%h\n"),
            (Files{{Format::kSudoers, "/opt/sudo/local"},
                   {Format::kSudoers, "/opt/sudo/a b"},
                   {Format::kSudoers, "/opt/sudo/d/*"},
                   {Format::kSudoers, "/x.*"}}));
  const Files included = {
      {Format::kPam, "/opt/x"}, {Format::kPam, "/etc/pam.d/../y"}, {Format::kPam, "/z"}};
  EXPECT_EQ(followed_files(Format::kPam, "/etc/pam.d/sshd",
                           "@include /opt/x\nauth include \\\n ../y\n-auth substack /z\n"
                           "@include common-auth\nauth [default=1] /w\n# @include /no\n"),
            included);
  EXPECT_EQ(
      followed_files(Format::kPamConf, "/etc/pam.conf",
                     "sshd @include /opt/x\nsshd auth include ../y\nlogin auth substack /z\n"),
      included);
  EXPECT_EQ(followed_files(Format::kAptHooks, "/etc/file",
                           "#include \"/x/more.conf\";\n#include /y/;\n# include \"/no\";\n"),
            (Files{{Format::kAptHooks, "/x/more.conf"}, {Format::kAptHooks, "/y/*"}}));
  EXPECT_EQ(followed_files(Format::kGitConfig, "/home/alice/.gitconfig",
                           "[include]\n\tpath = more # why\n\tpath = \"/a b\"\n"
                           "[includeIf \"gitdir:~/]/\"] path = ~/work\n[x]\n\tpath = no\n"),
            (Files{{Format::kGitConfig, "/home/alice/more"},
                   {Format::kGitConfig, "/a b"},
                   {Format::kGitConfig, "@home/work"}}));
}

TEST(Persistence, TheFinderAndTheRemoverSeeTheSameLines) {
  // A continued line: the parser's entry must be one line to act, whose joining goes by kind.
  const std::string text = "a \\\nb {\n\"c\"; }\nd\n";
  for (const auto& place : model::places::kAll)
    for (const auto& entry : parse(place.format, text)) {
      const auto lines = lines::logical_lines(
          text,
          lines::join_of(entry.of_loader ? model::PersistenceKind::kSystemdEnvironment : place.kind,
                         entry.name));
      EXPECT_TRUE(entry.entry.empty() ||
                  std::any_of(lines.begin(), lines.end(),
                              [&](const auto& line) { return line.text == entry.entry; }))
          << place.path << ": " << entry.entry;
    }
}

TEST(Persistence, ALineOfAMegabyteIsBoundedAndNeverEqualsTheFiles) {
  const std::string line(1 << 20, 'x');
  const auto entries = parse(Format::kShell, line + "\n");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].entry.size(), limits::kLineBytes);
}

TEST(Persistence, BinaryRubbishIsSomeEntriesAndNoCrash) {
  const std::string rubbish("\0\xff\n===\n@\n* * *\n\r\n\\\n{\n\"\n[\n:", 26);
  for (int format = 0; format < model::kEntryFormats; ++format) {
    parse(static_cast<Format>(format), rubbish);
    followed_files(static_cast<Format>(format), "/etc/file", rubbish);
  }
}

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
        "/etc/systemd/system-generators/evil.sample", "/etc/network/if-up.d/evil"}) {
    write_program(path, "#!/bin/sh\n}\n/opt/evil\n");
    write(std::string(path) + "-off", "#!/bin/sh\n}\n/opt/evil\n");
  }
  write("/etc/dhcp/dhclient-exit-hooks.d/evil", "/opt/evil\n");  // sourced, whatever its mode
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence,
                {is(Field::kPersistencePath, "evil", model::Match::kContains)}));
  EXPECT_EQ(persistence_paths(scan(policy)),
            (Names{"/etc/cron.hourly/evil", "/etc/dhcp/dhclient-exit-hooks.d/evil",
                   "/etc/network/if-up.d/evil", "/etc/systemd/system-generators/evil.sample",
                   "/etc/update-motd.d/evil", "/var/spool/cron/atjobs/evil"}));
}

TEST_F(PersistenceScanTest, WhatIsLinkedToItsPlaceIsNotSeenOrSomebodyElseSaysWhereToLook) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  write("/opt/evil.service", "[Service]\nExecStart=/opt/evil\n");
  write("/usr/lib/systemd/system/evil-own.service", "[Service]\nExecStart=/opt/evil\n");
  write("/srv/evil-others", "/opt/evil\n");
  write("/home/alice/dot/evil-profile", "/opt/evil\n");
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
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kPersistence,
                {is(Field::kPersistencePath, "evil", model::Match::kContains)}));
  const auto result = scan(policy);
  EXPECT_EQ(persistence_paths(result), (Names{"/home/alice/dot/evil-profile", "/opt/evil.service",
                                              "/usr/lib/systemd/system/evil-own.service"}));
  EXPECT_EQ(result["findings"].size(), 3u);
  EXPECT_EQ(result["unscannable_paths"],
            nlohmann::json({"/home/alice/.bashrc: leads to a file that is not its owner's: not "
                            "followed"}));
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
