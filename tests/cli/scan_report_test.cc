#include "cli/scan_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

TEST(ScanReport, EachFindingStandsWithTheVerdictItMade) {
  const json report = json::parse(R"({"scanned": 2, "findings": [
      {"number": 0, "detection": "content", "object": "file", "file": {"path": "/srv/x"}},
      {"number": 1, "detection": "named", "object": "file", "file": {"path": "/srv/y"}}],
      "verdicts": [{"id": "sure", "confidence": 95, "level": "high", "findings": [0]}]})");
  const auto rows = scan_table(report);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_THAT(rows[1], testing::ElementsAre("sure", "content", "file", "/srv/x"));
  EXPECT_THAT(rows[2], testing::ElementsAre("-", "named", "file", "/srv/y"));
  EXPECT_THAT(scan_summary(report),
              testing::ElementsAre("verdict sure: 1 finding, confidence 95, level high",
                                   "2 findings; 2 files scanned"));
}

TEST(ScanReport, FolderThatThePolicyNeverLooksIntoIsNotCalledClean) {
  const auto lines = scan_summary(json{{"scanned", 0}});
  EXPECT_THAT(lines, testing::Contains(testing::HasSubstr("taken as /")));
}

TEST(ScanReport, FilesThatWereSeenInPartAreSaid) {
  EXPECT_THAT(scan_summary(json::parse(R"({"scanned": 9, "partial": 2})")),
              testing::Contains("2 files not looked at whole"));
}

TEST(ScanReport, WhatCouldNotBeReadIsOnlyCounted) {
  json report = json::parse(R"({"scanned": 9, "unscannable": 7, "partial": 1,
      "partial_paths": ["/big: larger than 1 GiB"]})");
  for (int i = 0; i < 6; ++i)
    report["unscannable_paths"].push_back(fmt::format("/x{}: encrypted", i));
  EXPECT_THAT(scan_summary(report),
              testing::ElementsAre("nothing found; 9 files scanned",
                                   "7 files could not be read:", "  /x0: encrypted",
                                   "  /x1: encrypted", "  /x2: encrypted", "  /x3: encrypted",
                                   "  /x4: encrypted", "  and 2 more (`--json` names 6)",
                                   "1 file not looked at whole:", "  /big: larger than 1 GiB"));
}

TEST(ScanReport, AFindingInTheRegistryIsNowhere) {
  const auto rows = scan_table(json::parse(R"({"findings": [
      {"detection": "run", "registry": {"key": "\\Software\\Run", "value_name": "evil",
       "hive": {"path": "/Windows/config/SOFTWARE"}}},
      {"detection": "key", "registry": {"key": "\\Evil", "value_name": "", "hive": {"path": "/h"}}}]})"));
  EXPECT_EQ(rows[1].back(), "\\Software\\Run: evil in /Windows/config/SOFTWARE");
  EXPECT_EQ(rows[2].back(), "\\Evil in /h");
}

TEST(ScanReport, AVerdictForInformationIsCalledAFalseAlarm) {
  const json report = json::parse(R"({"scanned": 3, "findings": [
      {"number": 0, "detection": "a"}, {"number": 1, "detection": "b"}, {"number": 2, "detection": "c"}],
      "verdicts": [{"id": "told", "level": "informational", "findings": [0]},
                   {"id": "alarm", "level": "low", "findings": [1]}]})");
  const json alarms = false_alarms(report);
  ASSERT_EQ(alarms["verdicts"].size(), 1u);
  EXPECT_EQ(alarms["verdicts"][0]["id"], "alarm");
  ASSERT_EQ(alarms["findings"].size(), 1u);
  EXPECT_EQ(alarms["findings"][0]["detection"], "b");
}

}  // namespace
}  // namespace fleetsweep::cli
