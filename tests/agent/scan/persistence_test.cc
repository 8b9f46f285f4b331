#include "agent/scan/persistence.h"

#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using Entries = std::vector<PersistenceEntry>;
using model::Field;
using Names = std::set<std::string>;

TEST(Persistence, ASystemCrontabHasAUserBeforeItsCommand) {
  EXPECT_EQ(
      parse_persistence(Format::kSystemCrontab, "/etc/crontab", "",
                        "# comment\nSHELL=/bin/sh\n\n*/3 * * * *\troot  /etc/cron.hourly/gcc.sh\n"
                        "@reboot daemon run it\n"),
      (Entries{{"", "SHELL=/bin/sh", ""},
               {"root", "*/3 * * * *\troot  /etc/cron.hourly/gcc.sh", "/etc/cron.hourly/gcc.sh"},
               {"daemon", "@reboot daemon run it", "run it"}}));
}

TEST(Persistence, AUserCrontabIsNamedByItsFile) {
  EXPECT_EQ(parse_persistence(Format::kUserCrontab, "/var/spool/cron/crontabs/alice", "",
                              "5 6 * * 0 ~/.configrc5/a/upd>/dev/null A=b"),
            (Entries{{"alice", "5 6 * * 0 ~/.configrc5/a/upd>/dev/null A=b",
                      "~/.configrc5/a/upd>/dev/null A=b"}}));
}

TEST(Persistence, AnAssignmentWithSpacesIsNoCommand) {
  EXPECT_EQ(parse_persistence(Format::kUserCrontab, "/x/u", "", "MAILTO = root\n"),
            (Entries{{"u", "MAILTO = root", ""}}));
}

TEST(Persistence, AnacrontabHasANameBeforeItsCommand) {
  const auto entries = parse_persistence(Format::kAnacrontab, "/etc/anacrontab", "root",
                                         "7 10 weekly run-parts /x\n");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].command, "run-parts /x");
}

TEST(Persistence, PreloadedLibrariesAreOneEntryEach) {
  EXPECT_EQ(parse_persistence(Format::kLibraries, "/etc/ld.so.preload", "",
                              "/lib/libgcwrap.so:/lib/b.so c.so\n\n  # nothing\n/d.so # why"),
            (Entries{{"", "/lib/libgcwrap.so:/lib/b.so c.so", "/lib/libgcwrap.so"},
                     {"", "/lib/libgcwrap.so:/lib/b.so c.so", "/lib/b.so"},
                     {"", "/lib/libgcwrap.so:/lib/b.so c.so", "c.so"},
                     {"", "/d.so # why", "/d.so"}}));
}

TEST(Persistence, AUnitSaysAllItRuns) {
  const auto entries = parse_persistence(Format::kUnit, "/lib/systemd/system/bot.service", "",
                                         "[Service]\nExecStartPre=-/bin/mkdir /x\n ExecStart = "
                                         "/etc/kinsing \\\n  --flag\n#ExecStart=no\n");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "bot.service");
  EXPECT_EQ(entries[0].entry, "");
  EXPECT_EQ(entries[0].command, "-/bin/mkdir /x; /etc/kinsing    --flag");
}

TEST(Persistence, ADropInBelongsToItsUnitAndATimerToItsService) {
  EXPECT_EQ(parse_persistence(Format::kUnit, "/etc/systemd/system/ssh.service.d/x.conf", "",
                              "[Service]\nExecStart=/tmp/x\n")[0]
                .name,
            "ssh.service");
  EXPECT_EQ(
      parse_persistence(Format::kUnit, "/x/perf.timer", "", "[Timer]\nOnBootSec=1\n")[0].command,
      "perf.service");
  EXPECT_EQ(
      parse_persistence(Format::kUnit, "/x/perf.timer", "", "[Timer]\nUnit=a.service\n")[0].command,
      "a.service");
}

TEST(Persistence, AnAtJobIsWhatFollowsItsPrologue) {
  EXPECT_EQ(
      parse_persistence(Format::kAtJob, "/var/spool/cron/atjobs/a1", "",
                        "#!/bin/sh\numask 22\ncd /root || {\n echo no >&2\n exit 1\n}\n/tmp/x\n")[0]
          .command,
      "/tmp/x");
}

TEST(Persistence, BinaryRubbishIsSomeEntriesAndNoCrash) {
  const std::string rubbish("\0\xff\n===\n@\n* * *\n\r\n\\\n", 18);
  for (int format = 0; format <= static_cast<int>(Format::kLibraries); ++format)
    parse_persistence(static_cast<Format>(format), "/x", "", rubbish);
}

class PersistenceScanTest : public TreeTest {};

TEST_F(PersistenceScanTest, EveryPlaceOfARealisticTreeIsSeen) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n");
  write("/etc/crontab", "* * * * * root /opt/evil/run\n");
  write("/etc/cron.d/x", "* * * * * root /opt/evil/run\n");
  write("/etc/cron.daily/evil", "#!/bin/sh\n");
  write("/etc/anacrontab", "1 5 evil /opt/evil/run\n");
  write("/var/spool/cron/crontabs/alice", "* * * * * /opt/evil/run\n");
  write("/var/spool/cron/tabs/alice", "* * * * * /opt/evil/run\n");
  write("/var/spool/cron/bob", "@reboot /opt/evil/run\n");
  write("/var/spool/cron/atjobs/a0001", "#!/bin/sh\n}\n/opt/evil/run\n");
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
