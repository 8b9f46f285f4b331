// Lines that go from a file, which stays.

#include <sys/stat.h>
#include <sys/xattr.h>

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

// Whoever set them: a security module that is off by now, a backup.
TEST_F(Clean, AttributesOfOthersKeepAFileFromBeingEditedOrGetLost) {
  for (const char* path : {"/etc/crontab", "/tmp/kit/evil"})
    for (const char* name : {"trusted.note", "security.note"})
      if (::setxattr(host.at(path).c_str(), name, "kept", 4, 0) != 0)
        GTEST_SKIP() << "only root may set " << name;
  host.scan();
  host.dry_run = host.findings;
  const auto look = [&](const std::string& path) {
    return output_of("getfattr --absolute-names -d -m - -e hex " + host.at(path));
  };
  const std::string before = host.manifest(), crontab = look("/etc/crontab");
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(look("/etc/crontab"), crontab);
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.manifest(), before);
}

struct Locked : Clean {
  static constexpr const char* kPaths[] = {"/etc/crontab", "/etc/ld.so.preload", "/opt/rights",
                                           "/etc/systemd/system/evil.service"};

  void SetUp() override {
    Clean::SetUp();
    write_text(host.at("/opt/rights"), "a program");
    ASSERT_EQ(::chmod(host.at("/opt/rights").c_str(), 06755), 0);
    for (const char* path : kPaths)
      if (::system(("chattr +i " + host.at(path) + " 2>/dev/null").c_str()) != 0)
        GTEST_SKIP() << "this file system or user has no immutable flag";
    host.scan();
    host.find_unit("/opt/rights");
    auto& rights = host.findings.back();
    std::get<model::PersistenceIdentity>(rights.identity).kind =
        model::PersistenceKind::kSetuidProgram;
    rights.detection = kByLink;
    host.dry_run = host.findings;
    auto& policy = host.policy;
    policy.detections.push_back(policy.detections[kByUnit]);
    policy.detections.back().id = "by_link";
    policy.verdicts[0].condition.detections.push_back(kByLink);
    auto disable = policy.responses[0].actions[2];
    disable.kind = ActionKind::kDisable;
    disable.select[0].detections = {kByLink};
    policy.responses[0].actions.push_back(disable);
  }
  void may_clear() {
    for (auto& action : host.policy.responses[0].actions)
      if (action.kind == ActionKind::kRemove || action.kind == ActionKind::kDisable)
        action.clear_flags = {"immutable"};
  }
  bool is_locked(const std::string& path) {
    return output_of("lsattr " + host.at(path)).substr(4, 1) == "i";
  }
  static constexpr std::uint16_t kByLink = kByUnit + 1;
};

TEST_F(Locked, PersistenceIsUnlockedWithoutAWordOfThePolicy) {
  const std::string before = host.contents();
  auto& actions = host.policy.responses[0].actions;
  std::erase_if(actions, [](const auto& action) {
    return action.kind != ActionKind::kRemove && action.kind != ActionKind::kDisable;
  });
  const Answer answer = host.run(host.request());
  for (const char* path : kPaths)
    EXPECT_EQ(
        reason_for(answer, path, path == kPaths[2] ? ActionKind::kDisable : ActionKind::kRemove),
        Reason::kImmutable)
        << answer.text();
  EXPECT_EQ(host.contents(), before);
}

TEST_F(Locked, PersistenceStaysForGoodOrIsUnlockedAfterwards) {
  const std::string before = host.manifest();
  may_clear();
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(read_text(host.at("/etc/crontab")).find("/tmp/kit/evil"), std::string::npos);
  EXPECT_TRUE(is_locked("/etc/crontab"));
  EXPECT_TRUE(is_locked("/opt/rights"));
  EXPECT_FALSE(std::filesystem::exists(host.at("/etc/ld.so.preload")));
  EXPECT_FALSE(std::filesystem::exists(host.at("/etc/systemd/system/evil.service")));
  struct stat status {};
  ASSERT_EQ(::stat(host.at("/opt/rights").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.manifest(), before);
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

TEST_F(Clean, AnUndoPutsALineIntoAStrangersFileThatWasLinkedThere) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  const std::string path = host.at("/etc/crontab"), strangers = host.at("/etc/strangers");
  const std::string letter = read_text(path) + "the only copy of a letter\n";
  write_text(strangers, letter);
  std::filesystem::remove(path);
  std::filesystem::create_hard_link(strangers, path);
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(read_text(path), letter);
  EXPECT_EQ(std::filesystem::hard_link_count(strangers), 2u) << undone.text();
}

TEST_F(Clean, AnUndoMakesAFileOfAnotherOwnerOfWhatSomebodyPutThere) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  const std::string path = host.at("/etc/crontab");
  const std::string edited = read_text(path) + "# added by hand\n";
  const auto refuses = [&] {
    const Answer undone = host.run_locally(fixture::id_of(request.order));
    EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
    EXPECT_EQ(read_text(path), edited);
  };
  write_text(path, edited);
  ASSERT_EQ(::chmod(path.c_str(), 04644), 0);
  refuses();
  ASSERT_EQ(::chown(path.c_str(), 65534, 65534), 0);
  refuses();
}

TEST_F(Clean, AnUndoReadsAFileWithoutAnEnd) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  for (const char* path : {"/etc/crontab", "/tmp/kit/evil"}) {
    write_text(host.at(path), "");
    // As large as the file system lets it be; it takes no room.
    ASSERT_EQ(::truncate(host.at(path).c_str(), 8LL << 40), 0) << ::strerrorname_np(errno);
  }
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(std::filesystem::file_size(host.at("/tmp/kit/evil")), 8ULL << 40);
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

TEST_F(Clean, ALineOfAShellGoesAndLeavesNoScript) {
  const std::string path = "/home/ann/.bashrc", miner = "  /tmp/kit/evil &";
  const std::string script = "if ! pgrep evil; then\n" + miner + "\nfi\nowner\n";
  write_text(host.at(path), script);
  host.find_line(kByCron, model::PersistenceKind::kShellProfile, path, miner);
  host.dry_run = host.findings;
  const Answer left = host.run(host.request());
  EXPECT_EQ(left.state(), HostState::kResidual) << left.text();
  EXPECT_NE(left.done->detail.find(path + ": left, for the block around it would be left empty"),
            std::string::npos)
      << left.text();
  EXPECT_EQ(read_text(host.at(path)), script);
  EXPECT_FALSE(std::filesystem::exists(host.at("/tmp/kit/evil"))) << "the rest stayed";
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

TEST_F(Clean, WhatLeadsToAScriptOfARunLevelStaysBehind) {
  const std::string script = "/etc/rc2.d/S99evil", link = "/etc/rc3.d/S99evil";
  write_text(host.at(script), "#!/bin/sh\n/tmp/evil\n");
  std::filesystem::create_directories(host.at("/etc/rc3.d"));
  std::filesystem::create_symlink("../rc2.d/S99evil", host.at(link));
  host.findings.clear();
  host.find_unit(script);
  std::get<model::PersistenceIdentity>(host.findings.back().identity).kind =
      model::PersistenceKind::kInitScript;
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  host.policy.responses[0].actions = {
      {model::ActionKind::kRemove, {{model::Selector::Kind::kDetections, {kByUnit}, {}}}}};
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), model::HostState::kCleaned) << answer.text();
  EXPECT_FALSE(std::filesystem::exists(host.at(script)));
  EXPECT_FALSE(std::filesystem::is_symlink(host.at(link)));
  EXPECT_EQ(host.run(host.undo_request(request)).state(), model::HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

}  // namespace
}  // namespace fleetsweep::act
