#include <algorithm>

#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// NAME=value, which sets the environment of the lines below it; quotes may stand around the name.
bool is_assignment(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view left = trimmed(line.substr(0, equals));
  return !left.empty() &&
         (unquoted(left) != left || left.find_first_of(" \t*@") == std::string_view::npos);
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Takes off what at(1) writes of a value: letters, some signs, others behind a backslash, and line
// ends within quotes. Whatever else a shell would act on ends it.
void skip_value(std::string_view& text) {
  while (!text.empty()) {
    const bool is_end = text.starts_with("\"\n\"");
    if (!is_end && !is_plain(text[0]) && text[0] != '\\' &&
        std::string_view("%/{[]=}@+#,.:-").find(text[0]) == std::string_view::npos)
      return;
    text.remove_prefix(std::min<std::size_t>(is_end ? 3 : text[0] == '\\' ? 2 : 1, text.size()));
  }
}

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

// NAME=value; export NAME
bool skip_export(std::string_view& text) {
  const std::size_t end = std::find_if_not(text.begin(), text.end(), is_plain) - text.begin();
  const std::string name(text.substr(0, end));
  if (name.empty() || !skip(text, name + "=")) return false;
  skip_value(text);
  return skip(text, "; export " + name + "\n");
}

bool skip_cd(std::string_view& text) {
  if (!skip(text, "cd ")) return false;
  skip_value(text);
  if (!skip(text, " || {\n")) return false;
  std::string_view line;
  while (line != "}") {
    line = trimmed(field(text, '\n'));
    if (line != "}" && line != "exit 1" && line != "echo 'Execution directory inaccessible' >&2")
      return false;
  }
  return true;
}

// Of what at(1) writes before the commands, the first line or lines; 0: the commands begin.
std::size_t prologue_size(std::string_view text) {
  const std::size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
  std::string_view mask = trimmed(text.substr(0, line));
  if (text.empty() || text[0] == '#' || mask.empty()) return text.empty() ? 0 : line;
  if (skip(mask, "umask ")) return mask.find_first_not_of("01234567") == mask.npos ? line : 0;
  std::string_view rest = text;
  return skip_cd(rest) || skip_export(rest = text) ? text.size() - rest.size() : 0;
}

}  // namespace

LineEntry crontab_line(Format format, const std::string& user, std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest)) return std::nullopt;
  PersistenceEntry entry{.name = user, .user = user};
  if (is_assignment(rest)) {
    // Cron starts each line by SHELL.
    const std::string_view name = unquoted(trimmed(field(rest, '=')));
    if (name == "SHELL" || is_of_loader(name)) entry.command = unquoted(trimmed(rest));
    return entry;
  }
  const std::size_t fields = format == Format::kAnacrontab ? 3 : rest.front() == '@' ? 1 : 5;
  for (std::size_t i = 0; i < fields; ++i) word(rest);
  if (format == Format::kSystemCrontab) entry.user = entry.name = word(rest);
  entry.command = trimmed(rest);
  return entry;
}

std::string at_commands(std::string_view text) {
  std::string commands;
  while (const std::size_t size = prologue_size(text)) {
    const std::string_view name = text.substr(0, text.find('='));
    // It writes PATH into every job.
    if (is_of_loader(name) && name != "PATH")
      append(commands, text.substr(0, text.substr(0, size).rfind("; export ")));
    text.remove_prefix(size);
  }
  if (const std::string_view rest = trimmed(text); !rest.empty()) append(commands, rest);
  return commands;
}

}  // namespace fleetsweep::scan
