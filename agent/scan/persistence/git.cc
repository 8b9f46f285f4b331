#include <algorithm>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// Behind "[section]" or [section "name"], whose name may hold brackets: a setting may stand there.
std::string_view behind_section(std::string_view content) {
  bool quoted = false;
  for (std::size_t at = 1; at < content.size(); ++at) {
    if (content[at] == '\\')
      ++at;
    else if (content[at] == '"')
      quoted = !quoted;
    else if (content[at] == ']' && !quoted)
      return trimmed(content.substr(at + 1));
  }
  return {};
}

// "section.key", without the name that a section may have of its own, and what stands behind the
// equals sign; an empty key: no setting.
std::pair<std::string, std::string_view> setting(std::string& section, std::string_view line) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";  // git passes over it at the file's beginning
  if (line.starts_with(kMark)) line.remove_prefix(kMark.size());
  std::string_view content = trimmed(line);
  if (content.starts_with('[')) {
    const std::string_view name = trimmed(content.substr(1));
    section = lower(name.substr(0, name.find_first_of("]. \t\"")));  // of old [filter.lfs]
    content = behind_section(content);
  }
  const std::size_t equals = content.find('=');
  if (content.starts_with('#') || content.starts_with(';') || equals == std::string_view::npos)
    return {};
  return {section + "." + lower(trimmed(content.substr(0, equals))),
          trimmed(content.substr(equals + 1))};
}

char meant_by(char behind_backslash) {
  constexpr std::string_view kLetters = "ntb", kMeant = "\n\t\b";
  const std::size_t letter = kLetters.find(behind_backslash);
  return letter == kLetters.npos ? behind_backslash : kMeant[letter];
}

// Quotes and escapes may stand anywhere, and a comment behind it.
std::string without_quotes(std::string_view value) {
  std::string result;
  bool quoted = false;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (value[at] == '"')
      quoted = !quoted;
    else if (!quoted && (value[at] == '#' || value[at] == ';'))
      break;
    else
      result += value[at] == '\\' && at + 1 < value.size() ? meant_by(value[++at]) : value[at];
  }
  return std::string(quoted ? result : trimmed(result));
}

// pager.log = less: of one command, or whether it has any.
bool is_pager(std::string_view section, std::string_view value) {
  constexpr std::string_view kBooleans[] = {"",   "true", "false", "yes", "no",
                                            "on", "off",  "1",     "0"};
  return section == "pager" &&
         std::find(std::begin(kBooleans), std::end(kBooleans), lower(value)) == std::end(kBooleans);
}

}  // namespace

LineEntry git_line(std::string& section, const std::string& user, std::string_view line) {
  const auto [key, written] = setting(section, line);
  const std::string value = without_quotes(written);
  constexpr std::string_view kRun[] = {"core.hookspath",
                                       "core.fsmonitor",
                                       "core.sshcommand",
                                       "core.pager",
                                       "core.editor",
                                       "core.askpass",
                                       "core.gitproxy",
                                       "core.alternaterefscommand",
                                       "sequence.editor",
                                       "init.templatedir",
                                       "interactive.difffilter",
                                       "uploadpack.packobjectshook",
                                       "diff.external",
                                       "diff.command",
                                       "diff.textconv",
                                       "difftool.cmd",
                                       "merge.driver",
                                       "mergetool.cmd",
                                       "filter.clean",
                                       "filter.smudge",
                                       "filter.process",
                                       "gpg.program",
                                       "remote.uploadpack",
                                       "remote.receivepack",
                                       "trailer.command",
                                       "trailer.cmd",
                                       "hook.command"};
  const bool is_command = value.starts_with('!');
  const bool runs = std::find(std::begin(kRun), std::end(kRun), key) != std::end(kRun) ||
                    is_pager(section, value) ||
                    (is_command && (section == "alias" || key == "submodule.update")) ||
                    (key == "credential.helper" && (is_command || value.starts_with('/')));
  if (!runs) return std::nullopt;
  return PersistenceEntry{.name = key, .command = value, .user = user};
}

// Whatever an includeIf asks: it holds somewhere.
void follow_git(const std::string& path, std::string_view text, const Follow& follow) {
  std::string section;
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kGit)) {
    const std::string whole = lines::joined(line.text, lines::Join::kGit);
    const auto [key, written] = setting(section, whole);
    if (key != "include.path" && key != "includeif.path") continue;
    const std::string named = without_quotes(written);
    if (named.starts_with('~'))  // ~/x and ~alice/x: of whom is not known here
      follow(Format::kGitConfig, "@home" + named.substr(std::min(named.find('/'), named.size())));
    else if (constexpr std::string_view kPrefix = "%(prefix)"; named.starts_with(kPrefix))
      for (const char* where : {"/usr", "/usr/local"})  // git was installed
        follow(Format::kGitConfig, where + named.substr(kPrefix.size()));
    else if (named.starts_with('/'))
      follow(Format::kGitConfig, named);
    else if (!named.empty())
      follow(Format::kGitConfig, std::string(folder_of(path)) + "/" + named);
  }
}

}  // namespace fleetsweep::scan
