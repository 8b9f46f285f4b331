#pragma once

// What scan_bench compares and how many times the other side's figure ours may be. The table in
// docs/performance.md has these rows and no others.
//
// Rules about any file have every byte read, and reading alone costs a seventh of what yara needs:
// times of yara and clamscan are targets of rules that say how a file begins, as those shipped do.

#include <optional>
#include <string_view>

namespace fleetsweep::bench {

struct Row {
  std::string_view name;
  std::string_view other;           // what it is compared with
  std::optional<double> ratio_max;  // none: shown for who writes such rules
};

inline constexpr Row kRows[] = {
    {"hash list", "walk and statx", 1.2},
    {"hash list", "sha256sum, 2 processes", 1.0 / 20},
    {"hash list, cold", "walk and statx, cold", 1.2},
    {"one family, any files", "read only, 2 threads", 2.2},
    {"one family, any files", "yara -r -p 2", {}},
    {"one family, any files", "clamscan", {}},
    {"one family, programs", "read only, 2 threads", 2.2},
    {"one family, programs", "yara -r -p 2", 1.0 / 7},
    {"one family, programs", "clamscan", 1.0 / 30},
    {"one family, any files, cold", "read only, 2 threads, cold", 2.2},
    {"ten families in one walk", "one family, any files", 1.5},
    {"hash list, second sweep", "walk and statx", 1.3},
    {"one family, any files, second sweep", "walk and statx", 1.3},
    {"new hash list, known tree", "walk and statx", 1.3},
};

// Of one scan, with a bound of its own.
struct Bound {
  std::string_view name;
  std::string_view unit;
  double most;
};

inline constexpr Bound kBounds[] = {
    {"new hash list, known tree: files opened", "files", 0},
    {"one family, any files: peak memory of walker and parser", "MB", 48},
    {"one family, any files, at cpu_limit 10: off the limit by", "points", 2},
    {"work on all processors beside it: slower by", "%", 3},
};

}  // namespace fleetsweep::bench
