#include <algorithm>

#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry udev_line(const std::string& user, std::string_view line) {
  if (is_comment(trimmed(line))) return std::nullopt;
  PersistenceEntry entry{.user = user};
  for (std::string_view rest = line; !rest.empty();) {
    const std::size_t quote = rest.find('"');
    if (quote == std::string_view::npos) break;
    std::string_view key = rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    std::string value;
    std::size_t at = 0;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
      if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"') ++at;
      value += rest[at];
    }
    rest.remove_prefix(std::min(at + 1, rest.size()));
    while (!key.empty() && (key.front() == ',' || kBlank.find(key.front()) != std::string::npos))
      key.remove_prefix(1);
    const std::string_view name = key.substr(0, key.find_first_of("{+=:!- \t"));
    if (name == "RUN" || name == "PROGRAM" || key.starts_with("IMPORT{program}"))
      append(entry.command, value);
  }
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

}  // namespace fleetsweep::scan
