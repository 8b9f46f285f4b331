#include "cli/progress_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json campaign(int verified, int waiting) {
  const json states = {{"verified", verified}, {"waiting", waiting}};
  return {{"campaign", "web-1"},
          {"mode", "apply"},
          {"targeted", verified + waiting},
          {"states", states},
          {"waves",
           json::array({{{"wave", 1}, {"targeted", verified + waiting}, {"states", states}}})}};
}

TEST(ProgressView, SettledOnlyWhenEveryHostIs) {
  EXPECT_FALSE(is_settled(campaign(1, 1)));
  EXPECT_TRUE(is_settled(campaign(2, 0)));
  EXPECT_FALSE(is_settled(campaign(0, 0)));
}

TEST(ProgressView, OffATerminalThereAreNoColours) {
  testing::internal::CaptureStdout();  // a pipe or file, never a terminal
  const Console console;
  const std::string text = progress_view(campaign(1, 1), console);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("wave 1 [############............] 1/2"));
}

TEST(ProgressView, WaveThatNobodyMayOpenIsNamed) {
  testing::internal::CaptureStdout();
  const Console console;
  json waiting = campaign(1, 1);
  waiting["orders"] = {{{"waves", {{{"release_refused", ""}}, {{"release_refused", "no key"}}}}}};
  const std::string text = progress_view(waiting, console);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, HasSubstr("wave 2 waits, the controller may not open it: no key"));
  EXPECT_THAT(text, testing::Not(HasSubstr("wave 1 waits")));
}

TEST(ProgressView, AControllersWordsMoveTheCursorOrItsFiguresAreBelieved) {
  testing::internal::CaptureStdout();
  const Console console;
  json hostile = campaign(1, 1);
  hostile["failures"] = {{{"hostname", "a\x1b[2J"}, {"state", "b\x1b[2J"}, {"reason", 7}}};
  hostile["eta_seconds"] = 1e300;
  const std::string text = progress_view(hostile, console);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("a\\x1b[2J b\\x1b[2J: 7"));
  EXPECT_THAT(text, HasSubstr("about 3650d left"));
}

TEST(ProgressView, ForkedHostsAreNotSeen) {
  testing::internal::CaptureStdout();
  const Console console;
  json forked = campaign(1, 1);
  const std::string before = progress_view(forked, console);
  forked["forked"] = 2;
  const std::string text = progress_view(forked, console);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(before, testing::Not(HasSubstr("FORKED")));
  EXPECT_THAT(text, HasSubstr("2 hosts FORKED"));
}

TEST(ProgressView, CleanIsReadAsAllWasRead) {
  testing::internal::CaptureStdout();
  const Console console;
  json half = campaign(1, 1);
  const std::string before = progress_view(half, console);
  half["unscannable"] = 1;
  const std::string text = progress_view(half, console);
  testing::internal::GetCapturedStdout();
  EXPECT_THAT(before, testing::Not(HasSubstr("in full")));
  EXPECT_THAT(text, HasSubstr("1 host not read in full"));
}

TEST(ProgressView, SettledIsNotTheSameAsWell) {
  EXPECT_FALSE(has_unwell({{"states", {{"clean", 4}, {"found", 2}, {"undone", 1}}}}));
  EXPECT_FALSE(has_unwell({{"states", {{"refused", 0}, {"verified", 1}}}}));
  for (const char* state : {"residual", "respawned", "failed", "refused", "untrusted", "expired"})
    EXPECT_TRUE(has_unwell({{"states", {{"verified", 9}, {state, 1}}}})) << state;
}

TEST(ProgressView, AHostOutOfReachIsTakenForDone) {
  for (const char* state :
       {"pending", "offered", "scanning", "waiting", "cleaning", "cleaned", "unreachable"})
    EXPECT_EQ(pending_hosts({{"states", {{"verified", 9}, {state, 2}}}}), 2u) << state;
  EXPECT_EQ(pending_hosts({{"states", {{"verified", 9}, {"expired", 1}, {"found", 1}}}}), 0u);
}

TEST(ProgressView, LineOfAPipeCountsByState) {
  json progress = campaign(1, 2);
  EXPECT_EQ(progress_line(progress), "web-1 apply 1/3 2 waiting, 1 verified");
  progress["mode"] = "dryRun";                                   // the API's word
  EXPECT_THAT(progress_line(progress), HasSubstr(" dry-run "));  // the flag's
}

}  // namespace
}  // namespace fleetsweep::cli
