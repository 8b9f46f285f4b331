#include <algorithm>

#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry apt_statement(const std::string& user, std::string_view line) {
  std::string code;  // without its comments
  std::vector<std::string> values;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      quoted = !quoted;
      if (quoted) values.emplace_back();
    } else if (quoted) {
      values.back() += line[i];
    } else if (line[i] == '#' || line.substr(i).starts_with("//")) {
      i = std::min(line.find('\n', i), line.size()) - 1;
    } else {
      code += line[i];
    }
  }
  const std::string folded = lower(code);
  constexpr std::string_view kRun[] = {"-invoke",      "post-invoke-success", "pre-install-pkgs",
                                       "install-pkgs", "::proxy-auto-detect", "::solvers"};
  if (std::none_of(std::begin(kRun), std::end(kRun),
                   [&](auto part) { return folded.find(part) != std::string::npos; }))
    return std::nullopt;
  std::string_view name = trimmed(code);
  PersistenceEntry entry{.name = std::string(name.substr(0, name.find_first_of(" \t\n{;"))),
                         .user = user};
  for (const std::string& value : values) append(entry.command, value);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

}  // namespace fleetsweep::scan
