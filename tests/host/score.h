#pragma once

// What a test found out of one look-alike, and the table of docs/coverage.md that says it of all.

#include <set>
#include <string>
#include <vector>

#include "protocol/model/finding.h"

namespace fleetsweep::host {

struct Disabling {
  bool good = false;
  std::string word, note;
};

struct Score {
  bool detected = false, reverted = false, idempotent = false, undone = false;
  std::size_t collateral = 0;
  std::string note;
  Disabling disabling;

  bool is_removed_and_back() const {
    return detected && reverted && collateral == 0 && idempotent && undone;
  }
};

struct Row {
  model::PersistenceKind kind;
  const char* what;
  bool only_reported;
  Score score;
};

const char* mark(bool good);
// What is in one of them only.
std::set<std::string> difference(const std::set<std::string>& a, const std::set<std::string>& b);
// A table that somebody may read; the kinds are those of Windows, or all others.
std::string table(const std::vector<Row>& rows, bool of_windows);

}  // namespace fleetsweep::host
