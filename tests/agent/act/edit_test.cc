// Lines that go from a file, which stays.

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

using model::ActionKind;
using model::HostState;
using model::Reason;

TEST_F(Clean, AnEditedFileGetsNothingFromItsFolder) {
  const auto look = [&] {
    const std::string path = host.at("/etc/crontab");
    return output_of("stat -c '%A %U:%G' " + path + " && getfattr -d -m - -e hex " + path +
                     " && { lsattr " + path + " || true; }");
  };
  const std::string before = look();
  ASSERT_EQ(host.run(host.request()).state(), HostState::kCleaned);
  EXPECT_EQ(look(), before);
}

TEST_F(Clean, ACronFileEditedAfterCleaningGetsItsLineBackAndKeepsTheEdit) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(host.at("/etc/crontab"), read_text(host.at("/etc/crontab")) + "# added by hand\n");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(read_text(host.at("/etc/crontab")),
            "SHELL=/bin/sh\n# jobs\n17 * * * * root run-parts /etc/cron.hourly\n"
            "*/5 * * * * root /tmp/kit/evil >/dev/null\n"
            "25 6 * * * root curl https://own.example/backup\n# added by hand\n");
}

TEST_F(Clean, LibrariesGoFromALineOfPreloadAndTheirNeighbourStays) {
  const std::string line = "/usr/lib/libevil.so /usr/lib/own.so:/usr/lib/libevil.so.1  # ours";
  write_text(host.at("/etc/ld.so.preload"), "/usr/lib/first.so\n" + line + "\n");
  host.scan();
  for (const char* library : {"/usr/lib/libevil.so", "/usr/lib/libevil.so.1"})
    host.find_line(kByPreload, model::PersistenceKind::kLdSoPreload, "/etc/ld.so.preload", line,
                   library);
  host.findings.erase(host.findings.begin() + 4);  // of the line that infect() wrote
  host.dry_run = host.findings;
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(read_text(host.at("/etc/ld.so.preload")),
            "/usr/lib/first.so\n/usr/lib/own.so  # ours\n");
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, AnEditMadeWhileWeEditIsNotLost) {
  const std::string path = host.at("/etc/crontab");
  const std::string edited = read_text(path) + "# added by hand\n";
  const Answer answer =
      host.run_racing(host.request(), "edit-written:1", [&] { write_text(path, edited); });
  EXPECT_EQ(reason_for(answer, "/etc/crontab", ActionKind::kRemove), Reason::kRaced)
      << answer.text();
  EXPECT_EQ(read_text(path), edited);
  EXPECT_EQ(output_of("find " + host.root() + " -name '.fs*'"), "");
}

}  // namespace
}  // namespace fleetsweep::act
