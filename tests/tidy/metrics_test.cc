// A panel or an alert that asks for a metric which does not exist shows nothing and wakes nobody.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::set<std::string> all_matches(const std::string& text, const std::regex& shape) {
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), shape), end; match != end; ++match)
    found.insert((*match)[1]);
  return found;
}

// What a histogram or a summary adds to its name.
std::string base_name(const std::string& name) {
  for (const std::string suffix : {"_bucket", "_sum", "_count"})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  return name;
}

// The names of kMetrics: what the controller registers, not what it could.
std::set<std::string> exported_metrics() {
  const fs::path controller = fs::path(FS_SOURCE_DIR) / "controller";
  const std::string names = read(controller / "metrics_names.h");
  const auto registered =
      all_matches(read(controller / "metrics_table.h"), std::regex(R"(\{Kind::k\w+, (k\w+),)"));
  std::set<std::string> exported;
  for (const std::string& constant : registered) {
    const auto name = all_matches(
        names, std::regex("string_view " + constant + R"re( =\s+"(fleetsweep_[a-z0-9_]+)")re"));
    EXPECT_EQ(name.size(), 1u) << constant << " of kMetrics has no name";
    exported.insert(name.begin(), name.end());
  }
  EXPECT_EQ(exported, all_matches(names, std::regex(R"re("(fleetsweep_[a-z0-9_]+)")re")))
      << "a name that kMetrics does not have is never exported";
  return exported;
}

TEST(Metrics, EveryQueryOfDashboardsAndRulesNamesAMetricThatExists) {
  const fs::path top = FS_SOURCE_DIR;
  const auto exported = exported_metrics();
  ASSERT_GT(exported.size(), 20u);
  const std::string rules = read(top / "dashboards/rules/fleetsweep.yml");
  const auto recorded = all_matches(rules, std::regex(R"(record: ([a-z0-9_:]+))"));
  ASSERT_FALSE(recorded.empty());
  std::size_t asked = 0;
  for (const auto& entry : fs::recursive_directory_iterator(top / "dashboards")) {
    if (!entry.is_regular_file()) continue;
    for (const std::string& name :
         all_matches(read(entry.path()), std::regex(R"(([a-z_:]*fleetsweep_[a-z0-9_:]+))"))) {
      ++asked;
      EXPECT_TRUE(recorded.contains(name) || exported.contains(name) ||
                  exported.contains(base_name(name)))
          << entry.path().filename().string() << " asks for " << name;
    }
  }
  EXPECT_GT(asked, 10u) << "the test reads no queries";
}

// Woken at night, without a page to open; or an alert that nobody has ever seen firing.
TEST(Metrics, EveryAlertHasAPageInTheRunbooksAndATest) {
  const fs::path top = FS_SOURCE_DIR;
  const std::string rules = read(top / "dashboards/rules/fleetsweep.yml");
  const std::string pages = read(top / "docs/runbooks.md");
  const std::string tests = read(top / "tests/dashboards/alerts_test.yml");
  const auto alerts = all_matches(rules, std::regex("alert: Fleetsweep([A-Za-z]+)"));
  ASSERT_GT(alerts.size(), 5u);
  for (const std::string& alert : alerts) {
    EXPECT_NE(pages.find("\n## " + alert + "\n"), std::string::npos) << alert;
    EXPECT_NE(tests.find("- name: " + alert + " "), std::string::npos) << alert;
    std::string anchor;
    for (const char c : alert) anchor += static_cast<char>(std::tolower(c));
    EXPECT_NE(rules.find("runbook: docs/runbooks.md#" + anchor + "\n"), std::string::npos) << alert;
  }
}

}  // namespace
