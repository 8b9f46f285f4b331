#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry module_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest) || rest.front() == ';') return std::nullopt;
  const std::string content(rest);
  return PersistenceEntry{.name = std::string(word(rest)), .command = content};
}

LineEntry modprobe_line(const std::string& user, std::string_view line) {
  std::string_view rest = line;
  const std::string_view verb = word(rest);
  if (verb != "install" && verb != "remove") return std::nullopt;
  PersistenceEntry entry{.name = std::string(word(rest)), .user = user};
  entry.command = trimmed(rest);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

LineEntry binfmt_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  if (rest.empty() || rest.front() == '#' || rest.front() == ';') return std::nullopt;
  const char separator = rest.front();
  rest.remove_prefix(1);
  PersistenceEntry entry{.name = std::string(field(rest, separator))};
  for (int i = 0; i < 4; ++i) field(rest, separator);  // type, offset, magic, mask
  entry.command = field(rest, separator);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

}  // namespace fleetsweep::scan
