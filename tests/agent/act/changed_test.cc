// What changed since the scan, or changes while act is at it, is no longer what was found.

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

TEST_F(Clean, WhatVanishedIsReportedAndTheRestIsCleaned) {
  fs::remove(host.at("/tmp/kit/evil"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/tmp/kit/evil", ActionKind::kQuarantine);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kSkipped);
  EXPECT_EQ(item->reason, Reason::kGone);
}

}  // namespace
}  // namespace fleetsweep::act
