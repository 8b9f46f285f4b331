// docs/performance.md shows what scan_bench measures: each row and no other, with the targets that
// it has, and a missed one as missed.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/bench/scan/report.h"

namespace {

namespace bench = fleetsweep::bench;
using Cells = std::vector<std::string>;

Cells cells_of(const std::string& line) {
  Cells cells;
  for (std::size_t at = line.find('|'), end = 0; at != std::string::npos; at = end) {
    end = line.find('|', at + 1);
    if (end == std::string::npos) break;
    cells.push_back(end - at > 3 ? line.substr(at + 2, end - at - 3) : "");
  }
  return cells;
}

// By what is compared, or by the name of a bound, which has its figure where rows have the other.
std::map<std::string, Cells> shown() {
  std::ifstream page(FS_SOURCE_DIR "/docs/performance.md");
  EXPECT_TRUE(page);
  std::map<std::string, Cells> rows;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ") || line.starts_with("| what |")) continue;
    const Cells cells = cells_of(line);
    rows[cells.size() == 3 ? cells[0] : cells[0] + " / " + cells.at(1)] = cells;
  }
  return rows;
}

std::string target(double most, double value, const std::string& text) {
  return text + (value > most ? " **missed**" : "");
}

TEST(Performance, TheTableIsNotOfThisBenchmark) {
  std::set<std::string> names, known;
  for (const auto& [name, cells] : shown()) names.insert(name);
  for (const auto& row : bench::kRows) known.insert(fmt::format("{} / {}", row.name, row.other));
  for (const auto* bound : bench::kBounds) known.insert(std::string(bound->name));
  EXPECT_EQ(names, known) << "run build/bin/scan_bench --write-docs docs/performance.md";
}

TEST(Performance, AFigureOrATargetWasWrittenByHand) {
  const auto rows = shown();
  for (const auto& row : bench::kRows) {
    const Cells& cells = rows.at(fmt::format("{} / {}", row.name, row.other));
    if (cells.at(2) == "not measured") continue;
    const double other = std::stod(cells.at(2)), ours = std::stod(cells.at(3)),
                 ratio = std::stod(cells.at(4));
    EXPECT_NEAR(ratio, ours / other, (0.005 + 0.005 * ratio) / other + 0.0005) << row.name;
    EXPECT_EQ(cells.at(5), target(row.ratio_max, ratio, fmt::format("{:.3f}", row.ratio_max)))
        << row.name;
  }
  for (const auto* bound : bench::kBounds) {
    const Cells& cells = rows.at(std::string(bound->name));
    if (cells.at(1) == "not measured") continue;
    EXPECT_EQ(cells.at(2),
              target(bound->most, std::stod(cells.at(1)), fmt::format("{:g}", bound->most)))
        << bound->name;
  }
}

}  // namespace
