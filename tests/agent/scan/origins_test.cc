// What brought it back: told from entries, processes and their parents.

#include "agent/scan/origins.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::scan {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

model::Finding file(const std::string& path) {
  model::Finding finding;
  finding.number = 3;
  model::FileIdentity identity;
  identity.path = path;
  finding.identity = identity;
  return finding;
}

model::PersistenceIdentity cron(const std::string& command) {
  model::PersistenceIdentity entry;
  entry.file.path = "/etc/cron.d/job";
  entry.line = 2;
  entry.command = command;
  return entry;
}

Suspect process(int pid, const std::string& exe, const std::string& command_line) {
  Suspect suspect;
  suspect.facts.identity.pid = pid;
  suspect.facts.identity.start_ticks = 77;
  suspect.facts.identity.name = "sh";
  suspect.facts.identity.exe.path = exe;
  suspect.facts.identity.command_line = command_line;
  return suspect;
}

TEST(Origins, TheEntryThatStartsItStaysInTheDark) {
  const auto origins = origins_of({file("/opt/x/evil")}, {}, {cron("sh -c '/opt/x/evil --quiet'")});
  ASSERT_EQ(origins.size(), 1u);
  EXPECT_EQ(origins[0].finding, 3u);
  EXPECT_EQ(origins[0].object, model::ObjectKind::kPersistence);
  EXPECT_EQ(origins[0].text, "cron /etc/cron.d/job:2 starts it: sh -c '/opt/x/evil --quiet'");
}

TEST(Origins, AnEntryOfAnotherProgramIsBlamed) {
  EXPECT_THAT(origins_of({file("/opt/x/evil")}, {process(1, "/opt/x/evil2", "/opt/x/evil2")},
                         {cron("/opt/x/evil-not"), cron("/mnt/opt/x/evil"), cron("/opt/x")}),
              IsEmpty());
}

TEST(Origins, TheWatchdogThatNamesTheFileStaysInTheDark) {
  const auto origins =
      origins_of({file("/opt/x/evil")},
                 {process(41, "/bin/sh", "sh -c while :; do cp /opt/y /opt/x/evil;")}, {});
  ASSERT_EQ(origins.size(), 1u);
  EXPECT_THAT(origins[0].text, HasSubstr("process 41 (sh): sh -c while"));
}

TEST(Origins, ParentAndUnitOfAProcessStayInTheDark) {
  Suspect child = process(42, "/opt/x/evil", "evil");
  child.facts.parent_name = "dropper";
  child.facts.parent_command_line = "dropper\n--again";
  child.unit = "evil.service";
  model::Finding finding;
  finding.identity = child.facts.identity;
  const auto origins = origins_of({finding}, {child}, {});
  ASSERT_EQ(origins.size(), 2u);
  EXPECT_THAT(origins[0].text, HasSubstr("its parent is dropper: dropper\\x0a--again"));
  EXPECT_EQ(origins[1].text, "it runs in the unit evil.service");
  // The number was given to somebody else.
  child.facts.identity.start_ticks = 78;
  EXPECT_THAT(origins_of({finding}, {child}, {}), IsEmpty());
}

TEST(Origins, AThousandEntriesMakeAThousandOrigins) {
  std::vector<model::PersistenceIdentity> entries;
  for (int i = 0; i < 1000; ++i) entries.push_back(cron(fmt::format("/opt/evil {}", i)));
  EXPECT_EQ(origins_of({file("/opt/evil")}, {}, entries).size(), 64u);
}

TEST(Origins, AUnitIsMisreadFromACgroup) {
  EXPECT_EQ(unit_of("0::/system.slice/evil.service\n"), "evil.service");
  EXPECT_EQ(unit_of("0::/system.slice/evil.service/sub\n"), "evil.service");
  EXPECT_EQ(unit_of("1:name=systemd:/user.slice/user-0.slice/session-3.scope\n"),
            "session-3.scope");
  EXPECT_EQ(unit_of("0::/\n"), "");
  EXPECT_EQ(unit_of("garbage"), "");
}

}  // namespace
}  // namespace fleetsweep::scan
