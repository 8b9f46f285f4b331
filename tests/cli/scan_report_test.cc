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
              testing::Contains("2 files too large to be looked at whole"));
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
