#pragma once

// What scan_bench compares, how many times the other side's figure ours may be, and how that is
// shown: on the terminal and as the table in docs/performance.md, which has these rows and no
// others.

#include <map>
#include <set>
#include <string_view>

#include "tests/bench/scan/measure.h"
#include "tests/bench/scan/tree.h"

namespace fleetsweep::bench {

struct Row {
  std::string_view name;
  std::string_view other;  // what it is compared with
  double ratio_max;
};

// Cold on both sides where the name says so.
inline constexpr Row kRows[] = {
    {"hash list", "walk and statx", 1.2},
    {"hash list", "sha256sum, 2 processes", 1.0 / 20},
    {"hash list, cold", "walk and statx", 1.2},
    {"hash list, cold", "sha256sum, 2 processes", 1.0 / 20},
    {"one family, any files", "read only, 2 threads", 2.2},
    {"one family, any files", "yara -r -p 2", 1.0 / 7},
    {"one family, any files", "clamscan", 1.0 / 30},
    {"one family, any files, cold", "read only, 2 threads", 2.2},
    {"one family, programs", "read only, 2 threads", 2.2},
    {"one family, programs", "yara -r -p 2", 1.0 / 7},
    {"one family, programs", "clamscan", 1.0 / 30},
    {"one family, programs, cold", "read only, 2 threads", 2.2},
    {"one family, programs, cold", "yara -r -p 2", 1.0 / 7},
    {"one family, programs, cold", "clamscan", 1.0 / 30},
    {"ten families in one walk", "one family, any files", 1.5},
    {"hash list, second sweep", "walk and statx", 1.3},
    {"one family, any files, second sweep", "walk and statx", 1.3},
    {"one family, any files, second sweep, cold", "walk and statx", 1.3},
    {"new hash list, known tree", "walk and statx", 1.3},
};

// Of one scan, with a bound of its own.
struct Bound {
  std::string_view name;
  std::string_view unit;
  double most;
};

inline constexpr Bound kOpened{"new hash list, known tree: files opened", "files", 0};
inline constexpr Bound kPeak{"one family, any files: peak memory of walker and parser", "MB", 48};
inline constexpr Bound kPeakOfTen{"ten families: peak memory of walker and parser", "MB", 48};
inline constexpr Bound kOffTheLimit{"one family, any files, at cpu_limit 10: off the limit by",
                                    "points", 2};
inline constexpr Bound kSlowedBy{"work on all processors beside it: slower by", "%", 3};
inline constexpr const Bound* kBounds[] = {&kOpened, &kPeak, &kPeakOfTen, &kOffTheLimit,
                                           &kSlowedBy};

struct Measured {
  Cost other, ours;
};

class Report {
 public:
  explicit Report(const Tree& tree) : tree_(tree) {}

  // Only rows of kRows.
  void set(std::string_view name, std::string_view other, const Measured& measured);
  void set(const Bound& bound, double value) { bounds_[&bound] = value; }

  // What is new since the last call; false: a target was missed in it.
  bool print_new();
  // Between the two markers of the document; false, and told: they are missing.
  bool write_docs(const std::filesystem::path& document) const;

 private:
  std::string table() const;

  const Tree& tree_;
  std::map<const Row*, Measured> measured_;
  std::map<const Bound*, double> bounds_;
  std::set<const void*> printed_;
};

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace fleetsweep::bench
