#include "tests/bench/scan/report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "protocol/base/assert.h"

namespace fleetsweep::bench {
namespace {

namespace fs = std::filesystem;

bool print(const Row& row, const Measured& measured) {
  const double ratio = measured.ours.processor / measured.other.processor;
  const bool met = ratio <= row.ratio_max;
  std::printf("%-26s / %-26s %8.2f s %8.2f s %7.3fx  (at most %.3fx)  wall %.2f s, ours %.2f s%s\n",
              std::string(row.name).c_str(), std::string(row.other).c_str(),
              measured.other.processor, measured.ours.processor, ratio, row.ratio_max,
              measured.other.wall, measured.ours.wall, met ? "" : "  MISSED");
  return met;
}

bool print(const Bound& bound, double value) {
  const bool met = value <= bound.most;
  std::printf("%-55s %8.1f %s  (at most %g)%s\n", std::string(bound.name).c_str(), value,
              std::string(bound.unit).c_str(), bound.most, met ? "" : "  MISSED");
  return met;
}

std::string machine() {
  std::string processor = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      processor = line.substr(line.find(':') + 2);
      break;
    }
  utsname names{};
  ::uname(&names);
  constexpr double kGiB = 1 << 30;
  const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<double>(::sysconf(_SC_PAGESIZE)) / kGiB;
  return fmt::format("{} x {}, {:.0f} GiB, Linux {}", ::sysconf(_SC_NPROCESSORS_ONLN), processor,
                     memory, names.release);
}

constexpr std::string_view kBegin = "<!-- scan_bench: begin -->\n";
constexpr std::string_view kEnd = "<!-- scan_bench: end -->\n";

}  // namespace

void Report::set(std::string_view name, std::string_view other, const Measured& measured) {
  for (const Row& row : kRows)
    if (row.name == name && row.other == other) {
      measured_[&row] = measured;
      return;
    }
  FS_ASSERT(false);
}

bool Report::print_new() {
  bool fine = true;
  for (const Row& row : kRows)
    if (const auto at = measured_.find(&row); at != measured_.end() && printed_.insert(&row).second)
      fine &= print(row, at->second);
  for (const Bound* bound : kBounds)
    if (const auto at = bounds_.find(bound); at != bounds_.end() && printed_.insert(bound).second)
      fine &= print(*bound, at->second);
  return fine;
}

std::string Report::table() const {
  std::string text = fmt::format(
      "Measured {} on {}: {} files, {:.2f} GB.\n\n"
      "| what | against | against, CPU s | ours, CPU s | ratio | target | wall s, against and ours "
      "|\n"
      "|---|---|--:|--:|--:|--:|--:|\n",
      to_rfc3339(std::chrono::floor<Seconds>(std::chrono::system_clock::now())).substr(0, 10),
      machine(), tree_.files, static_cast<double>(tree_.bytes) * 1e-9);
  for (const Row& row : kRows) {
    if (!measured_.contains(&row)) {
      text += fmt::format("| {} | {} | not measured | | | {:.3f} | |\n", row.name, row.other,
                          row.ratio_max);
      continue;
    }
    const Measured& measured = measured_.at(&row);
    const double ratio = measured.ours.processor / measured.other.processor;
    text += fmt::format("| {} | {} | {:.2f} | {:.2f} | {:.3f} | {:.3f}{} | {:.2f}, {:.2f} |\n",
                        row.name, row.other, measured.other.processor, measured.ours.processor,
                        ratio, row.ratio_max, ratio <= row.ratio_max ? "" : " **missed**",
                        measured.other.wall, measured.ours.wall);
  }
  text += "\n| what | measured | target |\n|---|--:|--:|\n";
  for (const Bound* of : kBounds) {
    const Bound& bound = *of;
    if (!bounds_.contains(of)) {
      text += fmt::format("| {} | not measured | {:g} |\n", bound.name, bound.most);
      continue;
    }
    const double value = bounds_.at(of);
    text += fmt::format("| {} | {:.1f} {} | {:g}{} |\n", bound.name, value, bound.unit, bound.most,
                        value <= bound.most ? "" : " **missed**");
  }
  return text;
}

bool Report::write_docs(const fs::path& path) const {
  std::string text = read_file(path);
  const std::size_t begin = text.find(kBegin), end = text.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    std::fprintf(stderr, "scan_bench: %s: its two markers are missing\n", path.c_str());
    return false;
  }
  text.replace(begin + kBegin.size(), end - begin - kBegin.size(), table());
  write_file(path, text);
  return true;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_file(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace fleetsweep::bench
