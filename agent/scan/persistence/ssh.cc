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
                                              "permitrootlogin",
                                              "permitemptypasswords",
                                              "pamservicename",
                                              "sshdsessionpath",
                                              "sshdauthpath"};

// Takes the first word off, with the blanks and one = behind it, as strdelim() of sshd does: quotes
// may begin within it.
std::string delimited(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(" \t\r\n\"="), text.size());
  std::string result(text.substr(0, end));
  text.remove_prefix(end);
  if (text.starts_with('"')) {
    text.remove_prefix(1);
    result += field(text, '"');
    text = trimmed(text);
    return result;
  }
  text = trimmed(text);
  if (text.starts_with('=')) text = trimmed(text.substr(1));
  return result;
}

// "Keyword value" or "Keyword=value"; sshd passes over one empty word before the keyword.
std::pair<std::string, std::string_view> setting(std::string_view line) {
  std::string_view rest = line;
  std::string keyword = delimited(rest);
  if (keyword.empty()) keyword = delimited(rest);
  return {lower(keyword), trimmed(rest)};
}

// Takes the first off as argv_split() of sshd does; nothing: a comment, or the end.
std::string argument(std::string_view& text) {
  constexpr std::string_view kEscaped = "\"'\\ ";
  text = trimmed(text);
  std::string result;
  if (text.starts_with('#')) text = {};
  char quote = 0;
  std::size_t at = 0;
  for (; at < text.size() && (quote != 0 || kBlank.find(text[at]) == std::string_view::npos);
       ++at) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size() && kEscaped.find(text[at + 1]) != std::string_view::npos)
      result += text[++at];
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
    else
      result += c;
  }
  text.remove_prefix(at);
  return result;
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
  if (keyword == "permitemptypasswords" && lower(unquoted(value)) == "no") return std::nullopt;
  return PersistenceEntry{.name = keyword, .command = std::string(value)};
}

void follow_sshd(std::string_view text, const Follow& follow) {
  const auto token = [](char c) { return c == '%' ? "%" : c == 'h' ? "@home" : "*"; };
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kNone)) {
    auto [keyword, rest] = setting(line.text);
    if (keyword != "include" && keyword != "authorizedkeysfile") continue;
    while (!trimmed(rest).empty()) {
      const std::string named = argument(rest);
      if (named.empty() || named == "none") continue;
      if (keyword == "include")
        follow(Format::kSshd,
               (named.starts_with('/') ? "" : "/etc/ssh/") + without_brackets(named));
      if (keyword == "include") continue;
      for (const std::string& path : expanded(named, token))
        follow(Format::kAuthorizedKeys,
               path.starts_with('/') || path.starts_with('@') ? path : "@home/" + path);
    }
  }
}

}  // namespace fleetsweep::scan
