#include "tests/host/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace fleetsweep::host {

const char* mark(bool good) {
  return good ? "yes" : "**no**";
}

std::set<std::string> difference(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::set<std::string> differ;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(),
                                std::inserter(differ, differ.end()));
  return differ;
}

std::string table(const std::vector<Row>& rows, bool of_windows) {
  std::map<model::PersistenceKind, bool> kinds;
  std::string lines;
  std::size_t whole = 0, reported = 0, off = 0;
  for (const Row& row : rows) {
    const Score& score = row.score;
    const bool good = score.is_removed_and_back() && score.disabling.good;
    whole += good;
    off += score.disabling.word == "yes";
    reported += row.only_reported;
    kinds.emplace(row.kind, true).first->second &= good;
    lines += fmt::format(
        "| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", name(row.kind), row.what,
        mark(score.detected), row.only_reported ? "reported only" : mark(score.reverted),
        score.collateral, mark(score.idempotent), mark(score.undone), score.disabling.word);
  }
  std::size_t good_kinds = 0, all_kinds = 0;
  std::string missing;
  for (const std::string_view kind : Names<model::PersistenceKind>::kAll) {
    if (kind.starts_with("win_") != of_windows) continue;
    ++all_kinds;
    const auto found = kinds.find(*from_name<model::PersistenceKind>(kind));
    good_kinds += found != kinds.end() && found->second;
    if (found == kinds.end()) missing += fmt::format(" `{}`", kind);
  }
  return fmt::format(
      "{} of {} kinds, {} of {} look-alikes: found, taken out ({} of them only reported, by "
      "design), nothing else touched, nothing left "
      "to do a second time, and put back to the byte. {} of them can be disabled as well.{}\n\n"
      "| kind | planted as | detected | reverted | collateral | idempotent | undone | disabled |\n"
      "|---|---|---|---|---|---|---|---|\n{}",
      good_kinds, all_kinds, whole, rows.size(), reported, off,
      missing.empty() ? "" : " Without any look-alike:" + missing + ".", lines);
}

}  // namespace fleetsweep::host
