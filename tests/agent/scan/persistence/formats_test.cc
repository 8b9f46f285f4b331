#include <gmock/gmock.h>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/persistence.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

using Entries = std::vector<PersistenceEntry>;

// What counts for a person: the entry's name, its text, what it runs, as whom, and where it stands.
Entries parse(Format format, std::string_view text, const std::string& path = "/etc/file",
              const std::string& user = "") {
  return parse_persistence(format, path, user, text);
}

TEST(Persistence, ASystemCrontabHasAUserBeforeItsCommand) {
  EXPECT_EQ(parse(Format::kSystemCrontab,
                  "# comment\nSHELL=/bin/sh\n\n*/3 * * * *\troot  /etc/cron.hourly/gcc.sh\n"
                  "@reboot daemon run it\n"),
            (Entries{{"", "SHELL=/bin/sh", "/bin/sh", "", 2},
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

TEST(Persistence, ANameOfAVariableOfCronStandsInQuotes) {
  EXPECT_EQ(parse(Format::kUserCrontab,
                  "\"LD_PRELOAD\" = /tmp/q.so\n'SHELL'=/tmp/evilsh\n\"A * B\" = c\n", "/x/u"),
            (Entries{{"u", "\"LD_PRELOAD\" = /tmp/q.so", "/tmp/q.so", "u", 1},
                     {"u", "'SHELL'=/tmp/evilsh", "/tmp/evilsh", "u", 2},
                     {"u", "\"A * B\" = c", "", "u", 3}}));
}

TEST(Persistence, AnacrontabHasANameBeforeItsCommand) {
  const auto entries = parse(Format::kAnacrontab, "7 10 weekly run-parts /x\n");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].command, "run-parts /x");
}

TEST(Persistence, AJobOfAnacronThatGoesOnInTheNextLineIsTornApart) {
  EXPECT_EQ(parse(Format::kAnacrontab, "1 5 x \\\n/x\n7 9 y /y\n"),
            (Entries{{"", "1 5 x \\\n/x", "/x", "", 1}, {"", "7 9 y /y", "/y", "", 3}}));
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
            (Entries{{"bot.service", "", "-/bin/mkdir /x; /etc/kinsing  --flag", "games", 0}}));
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

TEST(Persistence, ALineOfAUnitEndsWhereOnlySystemdSeesIt) {
  using namespace std::string_view_literals;
  const auto entries = parse(
      Format::kUnit, "# harmless\rExecStart=/tmp/x\0Environment=LD_PRELOAD=/y.so\n\rUser=u\r\n"sv,
      "/lib/systemd/system/x.service");
  EXPECT_EQ(
      entries,
      (Entries{{"x.service", "", "/tmp/x", "u", 0},
               {"x.service", "Environment=LD_PRELOAD=/y.so", "LD_PRELOAD=/y.so", "u", 1, true}}));
  EXPECT_EQ(parse(Format::kUdev, "# x\rRUN+=\"/tmp/x\"\n"),
            (Entries{{"", "RUN+=\"/tmp/x\"", "/tmp/x", "", 1}}));
  EXPECT_EQ(parse(Format::kModules, "# x\revil\n"), (Entries{{"evil", "evil", "evil", "", 1}}));
  EXPECT_EQ(parse(Format::kBinfmt, "# x\r:a:E::b::/x:\n")[0].command, "/x");
  EXPECT_EQ(parse(Format::kAssignments, "A=1\rLD_AUDIT=/x\n"),
            (Entries{{"LD_AUDIT", "LD_AUDIT=/x", "/x", "", 1}}));
}

TEST(Persistence, AVariableOfTheLoaderIsSpeltWithEscapes) {
  const auto commands = [](const std::string& value, Format format = Format::kUnit) {
    std::string all;
    for (const auto& entry : parse(format, value, "/lib/systemd/system/x.service"))
      if (entry.of_loader) all += entry.command + "\n";
    return all;
  };
  EXPECT_EQ(commands("Environment=\\x4cD_PRELOAD=/a\\sb A=1 'L\\104_AUDIT=/c' \\u0050ATH=/d\n"),
            "LD_PRELOAD=/a b\nLD_AUDIT=/c\nPATH=/d\n");
  EXPECT_EQ(commands("Environment=%i=/x\n"), "%i=/x\n");
  EXPECT_EQ(commands("Environment=A=1 \\\n# it's\nLD_PRELOAD=/x\n"), "LD_PRELOAD=/x\n");
  EXPECT_EQ(commands("X=\\\\\nEnvironment=LD_PRELOAD=/x\n"), "LD_PRELOAD=/x\n");
  EXPECT_EQ(commands("ManagerEnvironment=LD_PRELOAD=/x\n", Format::kManager), "LD_PRELOAD=/x\n");
}

TEST(Persistence, ACommandInQuotesIsToldTwice) {
  const auto command = [](const std::string& lines) {
    return parse(Format::kUnit, "[Service]\n" + lines, "/etc/systemd/system/a.service")[0].command;
  };
  EXPECT_EQ(command("ExecStart=/bin/sh -c 'a; \\\n b' --x=\"a b\"\n").find("; /bin"),
            std::string::npos);
  EXPECT_EQ(command("ExecStart=-/sbin/agetty -o '-p -- \\\\u' --noclear - $TERM\n").find("; "),
            std::string::npos);
}

TEST(Persistence, AMountThatLoadsNothingIsAUnitThatRuns) {
  const std::string path = "/etc/systemd/system/snap-core.mount";
  EXPECT_TRUE(parse(Format::kUnit, "[Mount]\nWhat=/x\nWhere=/y\n", path).empty());
  const auto entries =
      parse(Format::kUnit, "[Mount]\nWhat=/x\nEnvironment=LD_PRELOAD=/tmp/x.so\n", path);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].command, "LD_PRELOAD=/tmp/x.so");
}

TEST(Persistence, AProgramIsSpeltWithEscapesOrSpecifiers) {
  const auto command = [](const std::string& value, const std::string& user = "root") {
    const std::string path = user == "root" ? "/etc/systemd/system/x.service"
                                            : "/home/ann/.config/systemd/user/x.service";
    return parse(Format::kUnit, "[Service]\nExecStart=" + value + "\n", path, user)[0].command;
  };
  EXPECT_EQ(command("/t\\x6dp/m"), "/t\\x6dp/m; /tmp/m");
  EXPECT_EQ(command("-%T/m 'a b'"), "-%T/m 'a b'; -/tmp/m a b");
  EXPECT_EQ(command("%V/m"), "%V/m; /var/tmp/m");
  EXPECT_EQ(command("\\x25T/m %%i"), "\\x25T/m %%i; /tmp/m %i");
  EXPECT_EQ(command("/tmp/a\"b\""), "/tmp/a\"b\"; /tmp/ab");
  EXPECT_EQ(command("%t/m %S %C %E %L"),
            "%t/m %S %C %E %L; /run/m /var/lib /var/cache /etc /var/log");
  EXPECT_EQ(command("%t/m", "ann"), "%t/m") << "of which user is not known";
  EXPECT_EQ(command("%h/m %i '/a  b' \"c\""), "%h/m %i '/a  b' \"c\"");
  EXPECT_EQ(parse(Format::kUdev, "RUN+=e\"\\x2ftmp\\x2fu \\\"a\\\"\", RUN+= e\"/y\"\n")[0].command,
            "\\x2ftmp\\x2fu \\\"a\\\"; /tmp/u \"a\"; /y");
  EXPECT_EQ(parse(Format::kUdev, "NAME==\"e\", RUN+=\"\\x2f\"\n")[0].command, "\\x2f");
  const auto of = [](const std::string& line) {
    return parse(Format::kAssignments, line + "\n")[0].command;
  };
  EXPECT_EQ(of("LD_PRELOAD=/t\\mp/x"), "/t\\mp/x; /tmp/x");
  EXPECT_EQ(of("LD_PRELOAD=/t\"mp\"'/a\\b'\"\\c\\$\""), "/t\"mp\"'/a\\b'\"\\c\\$\"; /tmp/a\\b\\c$");
  EXPECT_EQ(of("LD_PRELOAD='/tmp/x'"), "/tmp/x");
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

TEST(Persistence, ASocketStartsAnotherServiceThanItIsSaidTo) {
  const auto command = [](const std::string& text, const std::string& name = "/x/own.socket") {
    return parse(Format::kUnit, "[Socket]\nListenStream=1\n" + text, name)[0].command;
  };
  EXPECT_EQ(command(""), "own.service");
  EXPECT_EQ(command("Service=evil.service\nUnit=own.service\n"), "evil.service");
  EXPECT_EQ(command("Accept=no\n"), "own.service");
  for (const char* yes : {"yes", "True", "1", "on"})
    EXPECT_EQ(command("Accept=" + std::string(yes) + "\n"), "own@.service");
  EXPECT_EQ(command("Accept=yes\n", "/x/own@a.socket"), "own@.service");
  EXPECT_EQ(command("Accept=no\n", "/x/own@a.socket"), "own@a.service");
  EXPECT_EQ(command("ExecStartPre=/bin/true\nService=evil.service\n"), "/bin/true; evil.service");
}

TEST(Persistence, AnAtJobIsWhatFollowsItsPrologue) {
  const auto command = [](const std::string& text) {
    return parse(Format::kAtJob, text)[0].command;
  };
  const std::string prologue =
      "#!/bin/sh\n# atrun uid=0 gid=0\n# mail root 0\numask 22\nPATH=/bin:/usr/bin; export PATH\n"
      "A=x\\ \\$\"\n\"\\(y\\); export A\n";
  const std::string inside =
      "cd /root/a\\ b || {\n\t echo 'Execution directory inaccessible' >&2\n\t exit 1\n}\n";
  EXPECT_EQ(command(prologue + inside + "/tmp/x\n"), "/tmp/x");
  EXPECT_EQ(command(prologue + "LD_PRELOAD=/y.so; export LD_PRELOAD\n" + inside + "/tmp/x\n"),
            "LD_PRELOAD=/y.so; /tmp/x");
}

TEST(Persistence, AnAtJobPutsItsCommandBeforeWhatLooksLikeItsPrologue) {
  for (const char* first :
       {"/tmp/x\n", "umask $(/tmp/x)\n", "A=$(/tmp/x); export A\n", "A=1; /tmp/x; export A\n",
        "A=1; export B\n", "cd /tmp || {\n/tmp/x\n}\n", "cd $(/tmp/x) || {\n exit 1\n}\n"}) {
    const std::string text = std::string(first) + "f() { :\n}\n:";
    EXPECT_EQ(parse(Format::kAtJob, "#!/bin/sh\n" + text)[0].command, text);
  }
}

TEST(Persistence, AContinuedLineIsOneEntryWithAllItsBytes) {
  EXPECT_EQ(parse(Format::kShell, "# a \\\nA=1\r\nnohup \\\n /x &\n"),
            (Entries{{"", "A=1\r", "A=1", "", 2}, {"", "nohup \\\n /x &", "nohup  /x &", "", 3}}));
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

TEST(Persistence, ACommentWithinARuleOfUdevHidesWhatItRuns) {
  const std::string rule = "ACTION==\"add\", \\\n# note \\\nRU\\\n  N+=\"/tmp/x\"";
  EXPECT_EQ(parse(Format::kUdev, "# a \\\n" + rule + "\n"), (Entries{{"", rule, "/tmp/x", "", 2}}));
}

TEST(Persistence, AWordOfModprobeIsSpeltWithBackslashes) {
  EXPECT_EQ(parse(Format::kModprobe,
                  "inst\\all a /tmp/x\ninst\\\nall b /y\n# c \\\ninstall d /z\n"
                  "options e \\\\\ninstall f /w\n"),
            (Entries{{"a", "inst\\all a /tmp/x", "/tmp/x", "", 1},
                     {"b", "inst\\\nall b /y", "/y", "", 2},
                     {"f", "install f /w", "/w", "", 7}}));
}

TEST(Persistence, ASettingOfSshdHidesInQuotes) {
  EXPECT_EQ(parse(Format::kSshd, "\"AuthorizedKeysCommand\" /tmp/x\n")[0].command, "/tmp/x");
  using Files = std::vector<FollowedFile>;
  EXPECT_EQ(followed_files(Format::kSshd, "/etc/file",
                           "\"Include\" \"/etc/a b.conf\" [!]b].conf c\\ d # e\n"
                           "AuthorizedKeysFile /x/%U/%%/*\nAuthorizedKeysFile /y%h\n"),
            (Files{{Format::kSshd, "/etc/a b.conf"},
                   {Format::kSshd, "/etc/ssh/?.conf"},
                   {Format::kSshd, "/etc/ssh/c d"},
                   {Format::kAuthorizedKeys, "/x/*/%/*"},
                   {Format::kAuthorizedKeys, "/y/*"},
                   {Format::kAuthorizedKeys, "/y/*/*"}}));
}

TEST(Persistence, ASettingOfSshdHidesBehindAnEmptyWord) {
  const auto entries = parse(Format::kSshd,
                             "=ForceCommand /tmp/1\n\"\" AuthorizedKeysCommand /tmp/2\n"
                             "\t=ForceCommand=/tmp/3\r\n Force\"Command\" /tmp/4\n==Include /x\n");
  ASSERT_EQ(entries.size(), 4u);
  for (std::size_t i = 0; i < entries.size(); ++i)
    EXPECT_EQ(entries[i].command, "/tmp/" + std::to_string(i + 1));
  EXPECT_EQ(entries[1].name, "authorizedkeyscommand");
  using Files = std::vector<FollowedFile>;
  EXPECT_EQ(
      followed_files(Format::kSshd, "/etc/file",
                     "=AuthorizedKeysFile /etc/keys/%u\n\"\"Include /x\n = Include=/y\n"),
      (Files{
          {Format::kAuthorizedKeys, "/etc/keys/*"}, {Format::kSshd, "/x"}, {Format::kSshd, "/y"}}));
}

TEST(Persistence, SshdRunsAnotherProgramOrLetsAnybodyIn) {
  const Entries entries = {
      {"sshdsessionpath", "SshdSessionPath /tmp/x", "/tmp/x", "", 1},
      {"sshdauthpath", "SshdAuthPath=/tmp/y", "/tmp/y", "", 2},
      {"permitemptypasswords", "PermitEmptyPasswords yes", "yes", "", 3},
      {"pamservicename", "PAMServiceName evil", "evil", "", 5},
  };
  EXPECT_EQ(parse(Format::kSshd,
                  "SshdSessionPath /tmp/x\nSshdAuthPath=/tmp/y\nPermitEmptyPasswords yes\n"
                  "PermitEmptyPasswords \"No\"\nPAMServiceName evil\n"),
            entries);
}

TEST(Persistence, AFileThatAUnitNamesBySpecifierIsNotRead) {
  const auto files = [](const std::string& named) {
    std::string all;
    for (const auto& file : followed_files(Format::kUnit, "/etc/systemd/system/x.service",
                                           "EnvironmentFile=" + named + "\n"))
      all += file.path + "\n";
    return all;
  };
  EXPECT_EQ(files("-/etc/%N.env"), "/etc/*.env\n");
  EXPECT_EQ(files("%h/a%%b"), "@home/a%b\n");
  EXPECT_EQ(files("%E/[ab].env"), "/etc/?.env\n@home/.config/?.env\n");
  EXPECT_EQ(files("%Y/env"), "/etc/systemd/system/env\n");
  std::string many = "/";
  for (int i = 0; i < 100; ++i) many += "%E";
  EXPECT_LE(followed_files(Format::kUnit, "/x", "EnvironmentFile=" + many + "\n").size(), 32u);
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

TEST(Persistence, AptRunsWhatItsOtherSettingsName) {
  EXPECT_EQ(
      parse(
          Format::kAptHooks,
          "AptCli::Hooks::Install { \"/x\"; };\nDir { Bin { dpkg /y; }; };\nDir::Cache \"/z\";\n"),
      (Entries{{"AptCli::Hooks::Install", "AptCli::Hooks::Install { \"/x\"; };", "/x", "", 1},
               {"Dir::Bin::dpkg", "Dir { Bin { dpkg /y; }; };", "/y", "", 2}}));
}

TEST(Persistence, AptReadsAHookUnderItsOldName) {
  const std::string line = "Acquire::http::ProxyAutoDetect \"/x\";";
  EXPECT_EQ(parse(Format::kAptHooks, line + "\n"),
            (Entries{{"Acquire::http::ProxyAutoDetect", line, "/x", "", 1}}));
}

TEST(Persistence, AnOptionThatAptHandsToDpkgRunsSomething) {
  const std::string after = "DPkg::Options:: \"--post-invoke=/x\";",
                    block = "DPkg { Options { \"--force-confold\"; \"--status-logger\"; /y; }; };";
  EXPECT_EQ(parse(Format::kAptHooks, after + "\nDPkg::Options { \"--force-confdef\"; };\n" + block +
                                         "\nDPkg::Path \"--pre-invoke=/z\";\n"),
            (Entries{{"DPkg::Options", after, "--post-invoke=/x", "", 1},
                     {"DPkg::Options", block, "--status-logger", "", 3}}));
}

TEST(Persistence, AMarkBeforeTheFirstSectionOfGitHidesIt) {
  EXPECT_EQ(parse(Format::kGitConfig, "\xef\xbb\xbf[core]\nhooksPath = /x\n"),
            (Entries{{"core.hookspath", "hooksPath = /x", "/x", "", 2}}));
}

TEST(Persistence, GitRunsWhatTheseSettingsName) {
  EXPECT_EQ(parse(Format::kGitConfig,
                  "[core]\n\teditor = vi\n\thooksPath = /x\n[alias]\n\tst = status\n\tgo = !/y\n"),
            (Entries{{"core.editor", "\teditor = vi", "vi", "", 2},
                     {"core.hookspath", "\thooksPath = /x", "/x", "", 3},
                     {"alias.go", "\tgo = !/y", "!/y", "", 6}}));
}

TEST(Persistence, QuotesWithinAValueOfGitHideACommand) {
  const auto command = [](const std::string& text) {
    const auto entries = parse(Format::kGitConfig, text);
    return entries.empty() ? "" : entries[0].command;
  };
  EXPECT_EQ(command("[alias]\n\tst = \"!\"/tmp/x\n"), "!/tmp/x");
  EXPECT_EQ(command("[alias]\n\tst = \"\" !/tmp/x # why\n"), "!/tmp/x");
  EXPECT_EQ(command("[credential]\nhelper = \"!\"/tmp/x\n"), "!/tmp/x");
  EXPECT_EQ(command("[core]\nhooksPath = /t\"mp\"/x\n"), "/tmp/x");
  EXPECT_EQ(command("[core]\r\npager = /tmp\\\r\n/x\r\n"), "/tmp/x");
  EXPECT_EQ(command("[core]\npager = \"/a\\t\\\\\\nb\"\n"), "/a\t\\\nb");
  EXPECT_EQ(command("[submodule \"x\"]\nupdate = !/tmp/x\n"), "!/tmp/x");
  EXPECT_EQ(command("[submodule \"x\"]\nupdate = merge\n"), "");
}

TEST(Persistence, AProgramThatGitStartsIsNamedUnderASectionWithAName) {
  EXPECT_EQ(parse(Format::kGitConfig,
                  "[diff \"x\"]\n\ttextconv = /a\n\talgorithm = minimal\n[filter.y]\nclean = /b\n"
                  "[credential \"https://z\"]\n\thelper = /c\n\thelper = store\n"
                  "[pager]\n\tlog = /d\n\tdiff = false\n[remote \"origin\"]\n\turl = /e\n"
                  "\tuploadpack = /f\n"),
            (Entries{{"diff.textconv", "\ttextconv = /a", "/a", "", 2},
                     {"filter.clean", "clean = /b", "/b", "", 5},
                     {"credential.helper", "\thelper = /c", "/c", "", 7},
                     {"pager.log", "\tlog = /d", "/d", "", 10},
                     {"remote.uploadpack", "\tuploadpack = /f", "/f", "", 14}}));
}

TEST(Persistence, ABackDoorHidesBehindTheCommentOfTheLineBefore) {
  EXPECT_EQ(
      parse(Format::kPam, "auth required pam_unix.so # why \\\nauth required pam_exec.so /x # y\n",
            "/etc/pam.d/login"),
      (Entries{{"login", "auth required pam_unix.so # why \\", "pam_unix.so", "", 1},
               {"login", "auth required pam_exec.so /x # y", "pam_exec.so /x", "", 2}}));
  const auto command = [](Format format, std::string_view text) {
    return parse(format, text).at(0).command;
  };
  EXPECT_EQ(command(Format::kPam, "auth required \\ \n# why\n\npam_exec.so /x\n"),
            "pam_exec.so /x");
  EXPECT_EQ(command(Format::kGitConfig, "[core] # x \\\nhooksPath = /x\n"), "/x");
  EXPECT_EQ(parse(Format::kShell, "echo hi # x \\\n/x\nexport A=b\\\\\n/y\n").size(), 4u);
  EXPECT_EQ(parse(Format::kSudoers, "root ALL=ALL # x \\\neve ALL=ALL\n").size(), 2u);
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

TEST(Persistence, AUserOfSudoHidesInAListOrInQuotes) {
  const auto name = [](const std::string& line) {
    return parse(Format::kSudoers, line + "\n").at(0).name;
  };
  EXPECT_EQ(name("games, mallory ALL=ALL"), "games,mallory");
  EXPECT_EQ(name("games ,mallory ALL=ALL"), "games,mallory");
  EXPECT_EQ(name("\"mallory\" ALL=ALL"), "mallory");
  EXPECT_EQ(name("mallory \\ \nALL=ALL"), "mallory");
}

TEST(Persistence, AUserOfSudoWhoIsANumberPassesForAComment) {
  const std::string rule = "#1001 ALL=(ALL) \\\n NOPASSWD: ALL";
  EXPECT_EQ(parse(Format::kSudoers, "# 1001 x\n#x\n#-\n" + rule + "\n #-1 ALL=/x\n#includes \n"),
            (Entries{{"#1001", rule, "NOPASSWD: ALL", "ALL", 4},
                     {"#-1", " #-1 ALL=/x", "/x", "root", 6}}));
}

TEST(Persistence, ACommandOfANetworkInterfaceIsNoEntry) {
  const std::string continued = "\tpost-down \\\n /y";
  EXPECT_EQ(parse(Format::kInterfaces, "auto eth0\niface eth0 inet dhcp\n  up /x -a\n# up /no\n" +
                                           continued + "\nupstream /no\n"),
            (Entries{{"up", "  up /x -a", "/x -a", "", 3}, {"post-down", continued, "/y", "", 5}}));
  EXPECT_EQ(followed_files(Format::kInterfaces, "/etc/network/interfaces",
                           "source interfaces.d/* /opt/x\nsource-directory /y\n#source /no\n"),
            (std::vector<FollowedFile>{{Format::kInterfaces, "/etc/network/interfaces.d/*"},
                                       {Format::kInterfaces, "/opt/x"},
                                       {Format::kInterfaces, "/y/*"}}));
}

TEST(Persistence, AFileOfInterfacesIsReadAsByAShell) {
  const std::string up = "up \\\\\n/x", down = "down '#' # \\\n/y";
  const std::string text = up + "\n" + down + "\n# \\\nmapping a\n script /tmp/x\n";
  const std::string path = "/etc/network/interfaces";
  EXPECT_EQ(parse(Format::kInterfaces, text, path),
            (Entries{{"up", up, "\\/x", "", 1},
                     {"down", down, "'#' # /y", "", 3},
                     {"script", " script /tmp/x", "/tmp/x", "", 7}}));
  model::PersistenceIdentity found{.kind = model::PersistenceKind::kRcLocal, .name = "up"};
  found.file.path = path;
  EXPECT_EQ(lines::logical_lines(text, lines::join_of(found))[0].text, up);
  EXPECT_EQ(followed_files(Format::kInterfaces, path, "source-dir /x\nsource /y # \\\n/z\n"),
            (std::vector<FollowedFile>{{Format::kInterfaces, "/x/*"},
                                       {Format::kInterfaces, "/y"},
                                       {Format::kInterfaces, "/etc/network/#"},
                                       {Format::kInterfaces, "/z"}}));
}

TEST(Persistence, ABlankBehindAShellIsAnotherShell) {
  EXPECT_EQ(parse(Format::kPasswd, "news:x:9:9::/var/spool/news:/usr/sbin/nologin \n"),
            (Entries{{"news", "news:x:9:9::/var/spool/news:/usr/sbin/nologin ",
                      "/usr/sbin/nologin ", "9", 1}}));
}

TEST(Persistence, RootIsWrittenAsAnotherNumber) {
  const auto user = [](const std::string& uid) {
    return parse(Format::kPasswd, "evil:x:" + uid + ":0::/:\n")[0].user;
  };
  for (const char* zero : {"0", "00", "+0", " 0"}) EXPECT_EQ(user(zero), "0");
  EXPECT_EQ(user("0x"), "0x");
  EXPECT_EQ(user("4294967296"), "4294967295");
}

TEST(Persistence, TheOtherFormatsSayWhatTheyRun) {
  const auto command = [](Format format, std::string_view text) {
    const auto entries = parse(format, text);
    return entries.empty() ? "" : entries[0].name + ": " + entries[0].command;
  };
  EXPECT_EQ(command(Format::kInittab, "id:3:initdefault:\nx:2345:respawn:/x -a:b\n"), "x: /x -a:b");
  EXPECT_EQ(command(Format::kAssignments, "A=1\nexport LD_PRELOAD='/x.so'\n"), "LD_PRELOAD: /x.so");
  EXPECT_EQ(command(Format::kAssignments, "LD_PRELOAD=/x\\\n/y.so\n"), "LD_PRELOAD: /x/y.so");
  EXPECT_TRUE(parse(Format::kAssignments, "A=\"-a \\\nLD_PRELOAD=/x \\\n-b\"\n").empty());
  EXPECT_EQ(
      parse(Format::kAssignments, "A=1 \\\nLD_PRELOAD=/x\n", "/home/a/.ssh/environment").size(), 1u)
      << "sshd reads line by line";
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
                           "@include local\n#include \"a b\" # x\n@includedir d\n@include /x.%h\n"
                           "@include /y\\ z\n"),
            (Files{{Format::kSudoers, "/opt/sudo/local"},
                   {Format::kSudoers, "/opt/sudo/a b"},
                   {Format::kSudoers, "/opt/sudo/d/*"},
                   {Format::kSudoers, "/x.*"},
                   {Format::kSudoers, "/y z"}}));
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
  EXPECT_EQ(followed_files(Format::kLines, "/etc/ld.so.conf",
                           "include /opt/x/*.conf  more.conf # no\n#include /no\n/include\n"),
            (Files{{Format::kLines, "/opt/x/*.conf"}, {Format::kLines, "/etc/more.conf"}}));
}

TEST(Persistence, AVariableOfPamGoesOnInTheNextLine) {
  for (const char* path :
       {"/etc/environment", "/home/a/.pam_environment", "/etc/security/pam_env.conf"}) {
    EXPECT_EQ(parse(Format::kAssignments, "LD_PRELOAD=\\ \n# b\n\n/tmp/x # c\n", path),
              (Entries{{"LD_PRELOAD", "LD_PRELOAD=\\ \n# b\n\n/tmp/x # c", "/tmp/x", "", 1}}));
    EXPECT_TRUE(parse(Format::kAssignments, "A=1 \\\nLD_PRELOAD=/x\n", path).empty());
    EXPECT_EQ(parse(Format::kAssignments, "A=\"q\nLD_PRELOAD=/x\n", path).size(), 1u);
  }
}

TEST(Persistence, AQuoteOfAVariableSpansLines) {
  EXPECT_TRUE(
      parse(Format::kAssignments, "A= \"q\\\"\nLD_PRELOAD=/x\n\"\nB='q\nLD_AUDIT=/x'\n").empty());
  EXPECT_EQ(parse(Format::kAssignments, "A=a\"q\nLD_PRELOAD=/x\n").size(), 1u) << "begins no value";
  EXPECT_EQ(parse(Format::kAssignments, "# A=\"\nLD_PRELOAD=/x\n").size(), 1u);
  EXPECT_EQ(parse(Format::kAssignments, "LD_PRELOAD='/x\n /y'\nA=1\n"),
            (Entries{{"LD_PRELOAD", "LD_PRELOAD='/x\n /y'", "/x\n /y", "", 1}}));
}

TEST(Persistence, TheFinderAndTheRemoverSeeTheSameLines) {
  // A continued line: the parser's entry must be one line to act, whose joining goes by kind.
  constexpr char kText[] =
      "a \\\nb {\n\"c\"; }\nd\n# e\rf g\0h i \\\\\nRUN=\"/x\" \\\r\n# k\\\n, PROGRAM=\"/y\"\n\r"
      "install m \\\r/x\ninstall n \\\\\ninstall o /z\nEnvironment=LD_PRELOAD=/x \\\r# p\r"
      "u # v \\\nw \\ \nx\ny ; z \\\nLD_PRELOAD=/x\\\ny\n"
      "LD_AUDIT=/y\rPATH=\"/x\n/y\"\nENV=\\ \n/z\n";
  const std::string text(kText, sizeof kText - 1);
  for (const auto& place : model::places::kAll)
    for (const auto& entry : parse(place.format, text, std::string(place.path))) {
      model::PersistenceIdentity found{.kind = place.kind, .name = entry.name};
      if (entry.of_loader) found.kind = model::PersistenceKind::kSystemdEnvironment;
      found.file.path = place.path;
      const auto lines = lines::logical_lines(text, lines::join_of(found));
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

}  // namespace
}  // namespace fleetsweep::scan
