#include <algorithm>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

constexpr std::string_view kSshdSettings[] = {"authorizedkeysfile",
                                              "authorizedkeyscommand",
                                              "authorizedprincipalscommand",
                                              "authorizedprincipalsfile",
                                              "forcecommand",
                                              "permituserenvironment",
                                              "include",
                                              "subsystem",
                                              "trustedusercakeys",
                                              "setenv",
                                              "xauthlocation",
                                              "permitrootlogin"};

// "Keyword value" or "Keyword=value".
std::pair<std::string, std::string_view> setting(std::string_view line) {
  const std::string_view content = trimmed(line);
  const std::size_t end = std::min(content.find_first_of(" \t="), content.size());
  std::string_view value = trimmed(content.substr(end));
  if (value.starts_with('=')) value = trimmed(value.substr(1));
  return {lower(content.substr(0, end)), value};
}

}  // namespace

LineEntry key_line(const std::string& user, std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest)) return std::nullopt;
  const auto option_end = [](std::string_view text) {
    bool quoted = false;
    std::size_t at = 0;
    for (; at < text.size() && (quoted || (text[at] != ' ' && text[at] != '\t')); ++at) {
      if (text[at] == '\\' && at + 1 < text.size())
        ++at;
      else if (text[at] == '"')
        quoted = !quoted;
    }
    return at;
  };
  constexpr std::string_view kTypes[] = {"ssh-", "ecdsa-", "sk-", "cert-authority-"};
  std::string_view options;
  if (std::none_of(std::begin(kTypes), std::end(kTypes),
                   [&](auto type) { return rest.starts_with(type); })) {
    options = rest.substr(0, std::min(option_end(rest), rest.size()));
    rest.remove_prefix(options.size());
  }
  word(rest);  // type
  word(rest);  // key
  PersistenceEntry entry{.name = std::string(trimmed(rest)), .user = user};
  const std::string folded = lower(options);
  for (const std::string_view option : {"command=\"", "environment=\""}) {
    const std::size_t at = folded.find(option);
    if (at == std::string::npos) continue;
    std::string value;
    for (std::size_t i = at + option.size(); i < options.size() && options[i] != '"'; ++i) {
      if (options[i] == '\\' && i + 1 < options.size()) ++i;
      value += options[i];
    }
    append(entry.command, value);
  }
  return entry;
}

LineEntry sshd_line(std::string_view line) {
  if (is_comment(trimmed(line))) return std::nullopt;
  const auto [keyword, value] = setting(line);
  if (std::find(std::begin(kSshdSettings), std::end(kSshdSettings), keyword) ==
      std::end(kSshdSettings))
    return std::nullopt;
  return PersistenceEntry{.name = keyword, .command = std::string(value)};
}

void follow_sshd(std::string_view text, const Follow& follow) {
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kNone)) {
    const auto [keyword, value] = setting(line.text);
    for (std::string_view rest = value; !trimmed(rest).empty();) {
      std::string path(unquoted(word(rest)));
      if (keyword == "include")
        follow(Format::kSshd, path.starts_with('/') ? path : "/etc/ssh/" + path);
      if (keyword != "authorizedkeysfile" || path == "none") continue;
      for (const auto& [mark, place] : {std::pair{"%h", "@home"}, std::pair{"%u", "*"}})
        for (std::size_t at = 0; (at = path.find(mark)) != std::string::npos;)
          path.replace(at, 2, place);
      follow(Format::kAuthorizedKeys,
             path.starts_with('/') || path.starts_with('@') ? path : "@home/" + path);
    }
  }
}

}  // namespace fleetsweep::scan
