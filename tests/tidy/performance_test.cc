// docs/performance.md shows what scan_bench measures: each row and no other.

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "tests/bench/scan/report.h"

namespace {

std::string cell(const std::string& line, int number) {
  std::size_t at = 0;
  for (int i = 0; i < number; ++i) at = line.find('|', at) + 1;
  const std::string text = line.substr(at, line.find('|', at) - at);
  return text.size() < 2 ? text : text.substr(1, text.size() - 2);
}

TEST(Performance, TheTableIsNotOfThisBenchmark) {
  std::ifstream page(FS_SOURCE_DIR "/docs/performance.md");
  ASSERT_TRUE(page);
  std::set<std::string> shown, known;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ") || line.starts_with("| what |")) continue;
    const std::string other = cell(line, 2);
    // A row of a bound has its figure there.
    const bool is_figure =
        other == "not measured" || (!other.empty() && other[0] >= '0' && other[0] <= '9');
    shown.insert(is_figure ? cell(line, 1) : cell(line, 1) + " / " + other);
  }
  for (const auto& row : fleetsweep::bench::kRows)
    known.insert(std::string(row.name) + " / " + std::string(row.other));
  for (const auto* bound : fleetsweep::bench::kBounds) known.insert(std::string(bound->name));
  EXPECT_EQ(shown, known) << "run build/bin/scan_bench --write-docs docs/performance.md";
}

}  // namespace
