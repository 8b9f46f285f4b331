// What changed since the scan, or changes while act is at it, is no longer what was found.

#include <sys/stat.h>

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

TEST_F(Clean, AFileSwappedForASymlinkBetweenScanAndActIsNotFollowed) {
  write_text(host.at("/srv/precious"), read_text(host.at("/tmp/kit/evil")));
  fs::remove(host.at("/tmp/kit/evil"));
  fs::create_symlink(host.at("/srv/precious"), host.at("/tmp/kit/evil"));
  const std::string before = read_text(host.at("/srv/precious"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kChanged);
  EXPECT_EQ(answer.state(), HostState::kFailed);
  EXPECT_TRUE(fs::is_symlink(host.at("/tmp/kit/evil")));
  EXPECT_EQ(read_text(host.at("/srv/precious")), before);
}

TEST_F(Clean, AFolderSwappedForASymlinkBetweenScanAndActIsNotFollowed) {
  fs::rename(host.at("/tmp/kit"), host.at("/tmp/elsewhere"));
  fs::create_symlink(host.at("/tmp/elsewhere"), host.at("/tmp/kit"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kChanged);
  EXPECT_TRUE(fs::exists(host.at("/tmp/elsewhere/evil")));
}

TEST_F(Clean, AFileSwappedWhileWeActIsPutBack) {
  const std::string path = host.at("/tmp/kit/evil");
  write_text(host.at("/srv/precious"), "must survive");
  const Answer answer = host.run_racing(host.request(), "before-rename:2",
                                        [&] { fs::rename(host.at("/srv/precious"), path); });
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kRaced)
      << answer.text();
  EXPECT_EQ(answer.state(), HostState::kFailed);
  EXPECT_EQ(read_text(path), "must survive");
  EXPECT_FALSE(fs::exists(host.at("/opt/kit/worker")));  // the others are cleaned all the same
}

TEST_F(Clean, AFileWithOtherContentOfTheSameSizeAndTimeIsNotTaken) {
  const std::string path = host.at("/tmp/kit/evil");
  const auto time = fs::last_write_time(path);
  std::string content = read_text(path);
  content[0] = 'H';
  write_text(path, content);
  fs::last_write_time(path, time);
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kChanged);
  EXPECT_EQ(read_text(path), content);
}

TEST_F(Clean, TheReasonOfOneStepIsExplainedByWhatBecameOfAnother) {
  const Answer answer = host.run_racing(host.request(), "anchor:1", [&] {
    write_text(host.at("/tmp/kit/evil"), "another content");
    fs::remove(host.at("/usr/lib/libevil.so"));
    fs::remove(host.at("/usr/lib/libevil.so.1"));
  });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kChanged) << answer.text();
  EXPECT_EQ(reason_for(answer, "/usr/lib/libevil.so", ActionKind::kQuarantine), Reason::kGone);
  EXPECT_TRUE(answer.done->detail.starts_with("/tmp/kit/evil: no longer the file that was found"))
      << answer.text();
}

TEST_F(Clean, WhatVanishedIsReportedAndTheRestIsCleaned) {
  fs::remove(host.at("/tmp/kit/evil"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/tmp/kit/evil", ActionKind::kQuarantine);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kSkipped);
  EXPECT_EQ(item->reason, Reason::kGone);
}

// What is turned off is looked at before anything is done.
struct Disabled : Clean {
  static constexpr const char* kEntry = "/etc/xdg/autostart/evil.desktop";
  static constexpr const char* kProgram = "/opt/rights";

  void SetUp() override {
    Clean::SetUp();
    auto& actions = host.policy.responses[0].actions;
    actions.push_back(actions[2]);
    actions.back().kind = ActionKind::kDisable;
    actions.back().select[0].detections = {kByUnit};
    actions[2].select[0].detections = {kByPreload, kByCron};
    write_text(host.at(kEntry), "[Desktop Entry]\nExec=/x\n");
    write_text(host.at(kProgram), "a program");
    ASSERT_EQ(::chmod(host.at(kProgram).c_str(), 04755), 0);
    find(kEntry, model::PersistenceKind::kXdgAutostart);
    find(kProgram, model::PersistenceKind::kSetuidProgram);
    host.dry_run = host.findings;
  }
  void find(const char* path, model::PersistenceKind kind) {
    host.find_unit(path);
    std::get<model::PersistenceIdentity>(host.findings.back().identity).kind = kind;
  }
  void expect(const Answer& answer, Outcome outcome, Reason reason) {
    for (const char* path : {kEntry, kProgram}) {
      const auto item = answer.item(path, ActionKind::kDisable);
      ASSERT_TRUE(item) << answer.text();
      EXPECT_EQ(item->outcome, outcome) << answer.text();
      EXPECT_EQ(item->reason, reason) << answer.text();
    }
    EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil"))) << answer.text();
  }
};

TEST_F(Disabled, WhatVanishedStopsEverything) {
  fs::remove(host.at(kEntry));
  fs::remove(host.at(kProgram));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  expect(answer, Outcome::kSkipped, Reason::kGone);
}

TEST_F(Disabled, WhatBecameALinkStopsEverything) {
  for (const char* path : {kEntry, kProgram}) {
    fs::remove(host.at(path));
    fs::create_symlink("/etc/passwd", host.at(path));
  }
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kChanged) << answer.text();
  expect(answer, Outcome::kFailed, Reason::kChanged);
}

}  // namespace
}  // namespace fleetsweep::act
