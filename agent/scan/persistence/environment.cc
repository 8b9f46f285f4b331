#include <algorithm>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// As a shell and systemd read it: quotes may stand anywhere.
std::string without_escapes(std::string_view value) {
  std::string result;
  char quote = 0;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const char c = value[at];
    if (c == '\\' && quote != '\'' && at + 1 < value.size()) {
      constexpr std::string_view kEscaped = "\"\\`$";
      if (quote != 0 && kEscaped.find(value[at + 1]) == std::string_view::npos) result += c;
      result += value[++at];
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

bool is_of_loader(std::string_view variable) {
  constexpr std::string_view kVariables[] = {
      "LD_PRELOAD",     "LD_LIBRARY_PATH", "LD_AUDIT",      "BASH_ENV",          "ENV",
      "PATH",           "PYTHONPATH",      "PYTHONSTARTUP", "PERL5LIB",          "PERL5OPT",
      "RUBYOPT",        "RUBYLIB",         "NODE_OPTIONS",  "JAVA_TOOL_OPTIONS", "GCONV_PATH",
      "PROMPT_COMMAND", "GIT_SSH_COMMAND"};
  return std::find(std::begin(kVariables), std::end(kVariables), variable) != std::end(kVariables);
}

LineEntry assignment_line(const std::string& user, std::string_view line) {
  std::string_view content = trimmed(line);
  if (is_comment(content)) return std::nullopt;
  std::string_view rest = content;
  if (word(rest) == "export") content = trimmed(rest);
  // pam_env.conf: NAME DEFAULT=value OVERRIDE=value
  const std::size_t end = content.find_first_of("= \t");
  const std::string_view variable = content.substr(0, end);
  if (end == std::string_view::npos || !is_of_loader(variable)) return std::nullopt;
  const std::string_view value = trimmed(content.substr(end + 1));
  PersistenceEntry entry{.name = std::string(variable), .user = user};
  entry.command = unquoted(value);
  if (const std::string meant = without_escapes(value); meant != entry.command)
    append(entry.command, meant);
  return entry;
}

std::vector<PersistenceEntry> libraries(const std::string& user, std::string_view line) {
  std::vector<PersistenceEntry> entries;
  std::string_view rest = line.substr(0, line.find('#'));
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r:"), rest.size()));
    const std::string_view library = rest.substr(0, rest.find_first_of(" \t\r:"));
    if (library.empty()) return entries;
    rest.remove_prefix(library.size());
    entries.push_back({.name = user, .command = std::string(library), .user = user});
  }
}

// ldconfig(8): patterns, a relative one beside the file that has it.
void follow_loader(const std::string& path, std::string_view text, const Follow& follow) {
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kNone)) {
    std::string_view rest = line.text.substr(0, line.text.find('#'));
    if (word(rest) != "include") continue;
    for (std::string_view named = word(rest); !named.empty(); named = word(rest)) {
      const std::string beside = named.starts_with('/') ? "" : std::string(folder_of(path)) + "/";
      follow(Format::kLines, beside + without_brackets(named));
    }
  }
}

}  // namespace fleetsweep::scan
