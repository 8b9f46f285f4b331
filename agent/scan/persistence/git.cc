#include <algorithm>

#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry git_line(std::string& section, const std::string& user, std::string_view line) {
  std::string_view content = trimmed(line);
  if (content.empty() || content.front() == '#' || content.front() == ';') return std::nullopt;
  if (content.front() == '[') {
    content.remove_prefix(1);
    section = lower(trimmed(content.substr(0, content.find_first_of("] \t"))));
    return std::nullopt;
  }
  const std::string key = section + "." + lower(trimmed(content.substr(0, content.find('='))));
  const std::size_t equals = content.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const std::string value(unquoted(trimmed(content.substr(equals + 1))));
  constexpr std::string_view kRun[] = {"core.hookspath",   "core.fsmonitor", "core.sshcommand",
                                       "core.pager",       "core.editor",    "core.askpass",
                                       "init.templatedir", "diff.external",  "filter.clean",
                                       "filter.smudge",    "filter.process", "sequence.editor"};
  const bool runs = std::find(std::begin(kRun), std::end(kRun), key) != std::end(kRun) ||
                    (value.starts_with('!') && (section == "alias" || key == "credential.helper"));
  if (!runs) return std::nullopt;
  return PersistenceEntry{.name = key, .command = value, .user = user};
}

}  // namespace fleetsweep::scan
