#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// NAME=value, which sets the environment of the lines below it.
bool is_assignment(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view left = trimmed(line.substr(0, equals));
  return !left.empty() && left.find_first_of(" \t*@") == std::string_view::npos;
}

}  // namespace

LineEntry crontab_line(Format format, const std::string& user, std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest)) return std::nullopt;
  PersistenceEntry entry{.name = user, .user = user};
  if (is_assignment(rest)) return entry;
  const std::size_t fields = format == Format::kAnacrontab ? 3 : rest.front() == '@' ? 1 : 5;
  for (std::size_t i = 0; i < fields; ++i) word(rest);
  if (format == Format::kSystemCrontab) entry.user = entry.name = word(rest);
  entry.command = trimmed(rest);
  return entry;
}

std::string at_commands(std::string_view text) {
  const std::size_t prologue = text.find("\n}\n");
  if (prologue != std::string_view::npos) text.remove_prefix(prologue + 3);
  return std::string(trimmed(text));
}

}  // namespace fleetsweep::scan
