#include "agent/scan/persistence.h"

#include <functional>
#include <optional>

#include "agent/lines/logical_lines.h"
#include "agent/scan/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

using lines::Join;
using model::PersistenceKind;
using Entry = PersistenceEntry;

// NAME=value, which sets the environment of the lines below it.
bool is_assignment(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view left = trimmed(line.substr(0, equals));
  return !left.empty() && left.find_first_of(" \t*@") == std::string_view::npos;
}

bool is_comment(std::string_view text) {
  return text.empty() || text.front() == '#';
}

std::optional<Entry> crontab_line(Format format, const std::string& user, std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest)) return std::nullopt;
  Entry entry{.name = user, .user = user};
  if (is_assignment(rest)) return entry;
  const std::size_t fields = format == Format::kAnacrontab ? 3 : rest.front() == '@' ? 1 : 5;
  for (std::size_t i = 0; i < fields; ++i) word(rest);
  if (format == Format::kSystemCrontab) entry.user = entry.name = word(rest);
  entry.command = trimmed(rest);
  return entry;
}

std::optional<Entry> plain_line(const std::string& user, std::string_view line) {
  const std::string_view content = trimmed(line);
  if (is_comment(content)) return std::nullopt;
  return Entry{.name = user, .command = std::string(content), .user = user};
}

std::optional<Entry> inittab_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest)) return std::nullopt;
  Entry entry{.name = std::string(field(rest, ':')), .user = "root"};
  field(rest, ':');  // runlevels
  field(rest, ':');  // action
  entry.command = trimmed(rest);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

// `export` and the like may stand before the name.
std::optional<Entry> assignment_line(const std::string& user, std::string_view line) {
  std::string_view content = trimmed(line);
  if (is_comment(content)) return std::nullopt;
  std::string_view rest = content;
  if (word(rest) == "export") content = trimmed(rest);
  // pam_env.conf: NAME DEFAULT=value OVERRIDE=value
  const std::size_t end = content.find_first_of("= \t");
  const std::string_view variable = content.substr(0, end);
  if (end == std::string_view::npos || !is_of_loader(variable)) return std::nullopt;
  return Entry{.name = std::string(variable),
               .command = std::string(unquoted(trimmed(content.substr(end + 1)))),
               .user = user};
}

// [options] type key comment; options may hold quoted spaces.
std::optional<Entry> key_line(const std::string& user, std::string_view line) {
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
  Entry entry{.name = std::string(trimmed(rest)), .user = user};
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

std::optional<Entry> pam_line(std::string service, std::string_view line) {
  std::string_view rest = line;
  if (is_comment(trimmed(rest))) return std::nullopt;
  if (service.empty()) service = word(rest);
  std::string_view type = word(rest);
  if (type.starts_with('@')) return std::nullopt;
  rest = trimmed(rest);
  if (rest.starts_with('['))
    field(rest, ']');
  else
    word(rest);
  if (trimmed(rest).empty()) return std::nullopt;
  return Entry{.name = std::move(service), .command = std::string(trimmed(rest))};
}

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

std::optional<Entry> sshd_line(std::string_view line) {
  if (is_comment(trimmed(line))) return std::nullopt;
  const auto [keyword, value] = setting(line);
  if (std::find(std::begin(kSshdSettings), std::end(kSshdSettings), keyword) ==
      std::end(kSshdSettings))
    return std::nullopt;
  return Entry{.name = keyword, .command = std::string(value)};
}

// KEY{attribute}+="value", ...
std::optional<Entry> udev_line(const std::string& user, std::string_view line) {
  if (is_comment(trimmed(line))) return std::nullopt;
  Entry entry{.user = user};
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

// DPkg::Post-Invoke { "command"; };
std::optional<Entry> apt_statement(const std::string& user, std::string_view line) {
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
  Entry entry{.name = std::string(name.substr(0, name.find_first_of(" \t\n{;"))), .user = user};
  for (const std::string& value : values) append(entry.command, value);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

// Within [section "name"].
std::optional<Entry> git_line(std::string& section, const std::string& user,
                              std::string_view line) {
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
  return Entry{.name = key, .command = value, .user = user};
}

std::optional<Entry> module_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  if (is_comment(rest) || rest.front() == ';') return std::nullopt;
  const std::string content(rest);
  return Entry{.name = std::string(word(rest)), .command = content};
}

std::optional<Entry> modprobe_line(const std::string& user, std::string_view line) {
  std::string_view rest = line;
  const std::string_view verb = word(rest);
  if (verb != "install" && verb != "remove") return std::nullopt;
  Entry entry{.name = std::string(word(rest)), .user = user};
  entry.command = trimmed(rest);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

std::optional<Entry> binfmt_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  if (rest.empty() || rest.front() == '#' || rest.front() == ';') return std::nullopt;
  const char separator = rest.front();
  rest.remove_prefix(1);
  Entry entry{.name = std::string(field(rest, separator))};
  for (int i = 0; i < 4; ++i) field(rest, separator);  // type, offset, magic, mask
  entry.command = field(rest, separator);
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

// who where = (as whom) TAG: what
std::optional<Entry> sudoers_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  const bool includes = rest.starts_with("#include") || rest.starts_with("@include");
  if (!includes && is_comment(rest)) return std::nullopt;
  Entry entry{.name = std::string(word(rest))};
  entry.command = trimmed(rest);
  const std::size_t equals = rest.find('=');
  if (includes || entry.name.starts_with("Defaults") || entry.name.ends_with("_Alias") ||
      equals == std::string_view::npos)
    return entry;
  rest = trimmed(rest.substr(equals + 1));
  entry.user = "root";
  if (rest.starts_with('(')) {
    const std::size_t end = std::min(rest.find(')'), rest.size());
    std::string_view as = rest.substr(1, end - 1);
    entry.user = trimmed(field(as, ':'));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  entry.command = trimmed(rest);
  return entry;
}

std::optional<Entry> passwd_line(std::string_view line) {
  std::string_view rest = line;
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  Entry entry{.name = std::string(field(rest, ':'))};
  if (entry.name.empty() || entry.name.front() == '#' || rest.empty()) return std::nullopt;
  field(rest, ':');  // password
  entry.user = field(rest, ':');
  for (int i = 0; i < 3; ++i) field(rest, ':');  // group, comment, home
  entry.command = rest;                          // as it is: a blank at its end is another program
  return entry;
}

// "x.service" for x.service, and for the x.service.d/override.conf that changes it.
std::string unit_name(std::string_view path) {
  const std::string_view name = file_name(path);
  if (!name.ends_with(".conf")) return std::string(name);
  const std::string_view folder = file_name(folder_of(path));
  return std::string(folder.ends_with(".d") ? folder.substr(0, folder.size() - 2) : name);
}

// Each "Key=value" of a unit or desktop file.
void each_setting(
    std::string_view text,
    const std::function<void(const lines::Line&, std::string_view, const std::string&)>& visit) {
  for (const lines::Line& line : lines::logical_lines(text, Join::kUnit)) {
    const std::string content = lines::joined(line.text);
    const std::string_view all = trimmed(content);
    const std::size_t equals = all.find('=');
    if (all.empty() || all.front() == '#' || all.front() == ';' || all.front() == '[' ||
        equals == std::string_view::npos)
      continue;
    const std::string_view value = trimmed(all.substr(equals + 1));
    if (!value.empty()) visit(line, trimmed(all.substr(0, equals)), std::string(value));
  }
}

// What it runs, and after it what it tells the loader of what it runs.
std::vector<Entry> unit_entries(const std::string& path, const std::string& user,
                                std::string_view text) {
  const std::string name = unit_name(path);
  Entry whole{.name = name, .user = user};
  std::vector<Entry> entries;
  std::string starts;
  each_setting(text, [&](const lines::Line& line, std::string_view key, const std::string& value) {
    if (key == "Unit") starts = value;
    if (key == "User") whole.user = value;
    if (key.starts_with("Exec")) append(whole.command, value);
    if (key != "Environment" && key != "DefaultEnvironment") return;
    for (const lines::Word& word : lines::environment_words(line.text))
      if (is_of_loader(std::string_view(word.value).substr(0, word.value.find('='))))
        entries.push_back({.name = name,
                           .entry = std::string(line.text),
                           .command = word.value,
                           .line = line.number,
                           .of_loader = true});
  });
  const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  // A timer, socket or path starts the unit it names, or the service of its own name.
  if (whole.command.empty() && (ends(".timer") || ends(".socket") || ends(".path")))
    whole.command = starts.empty() ? name.substr(0, name.rfind('.')) + ".service" : starts;
  for (Entry& entry : entries) entry.user = whole.user;
  entries.insert(entries.begin(), std::move(whole));
  return entries;
}

Entry desktop_entry(const std::string& path, const std::string& user, std::string_view text) {
  Entry entry{.name = std::string(file_name(path)), .user = user};
  each_setting(text, [&](const lines::Line&, std::string_view key, const std::string& value) {
    if (key == "Exec") append(entry.command, value);
    if (key == "User") entry.user = value;
  });
  return entry;
}

// What stands after the environment and the `cd DIR || { ... }` that at(1) puts first.
std::string at_commands(std::string_view text) {
  const std::size_t prologue = text.find("\n}\n");
  if (prologue != std::string_view::npos) text.remove_prefix(prologue + 3);
  return std::string(trimmed(text));
}

// One line may name several libraries; each is an entry.
std::vector<Entry> libraries(const std::string& user, std::string_view line) {
  std::vector<Entry> entries;
  std::string_view rest = line.substr(0, line.find('#'));
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r:"), rest.size()));
    const std::string_view library = rest.substr(0, rest.find_first_of(" \t\r:"));
    if (library.empty()) return entries;
    rest.remove_prefix(library.size());
    entries.push_back({.name = user, .command = std::string(library), .user = user});
  }
}

Join join_of(Format format) {
  switch (format) {
    case Format::kShell:
    case Format::kPam:
    case Format::kPamConf:
    case Format::kUdev:
    case Format::kSudoers:
    case Format::kModprobe:
    case Format::kGitConfig:
      return Join::kBackslash;
    case Format::kAptHooks:
      return Join::kBraces;
    default:
      return Join::kNone;
  }
}

std::vector<Entry> line_entries(Format format, const std::string& path, const std::string& user,
                                std::string_view text) {
  std::vector<Entry> entries;
  std::string section;
  const std::string owner =
      format == Format::kUserCrontab && user.empty() ? std::string(file_name(path)) : user;
  const auto one = [&](std::string_view line) -> std::optional<Entry> {
    switch (format) {
      case Format::kSystemCrontab:
      case Format::kUserCrontab:
      case Format::kAnacrontab:
        return crontab_line(format, owner, line);
      case Format::kAuthorizedKeys:
        return key_line(user, line);
      case Format::kInittab:
        return inittab_line(line);
      case Format::kAssignments:
        return assignment_line(user, line);
      case Format::kPam:
        return pam_line(std::string(file_name(path)), line);
      case Format::kPamConf:
        return pam_line({}, line);
      case Format::kSshd:
        return sshd_line(line);
      case Format::kUdev:
        return udev_line(user, line);
      case Format::kAptHooks:
        return apt_statement(user, line);
      case Format::kGitConfig:
        return git_line(section, user, line);
      case Format::kModules:
        return module_line(line);
      case Format::kModprobe:
        return modprobe_line(user, line);
      case Format::kBinfmt:
        return binfmt_line(line);
      case Format::kSudoers:
        return sudoers_line(line);
      case Format::kPasswd:
        return passwd_line(line);
      default:
        return plain_line(user, line);
    }
  };
  const Join join = join_of(format);
  for (const lines::Line& line : lines::logical_lines(text, join)) {
    if (entries.size() >= limits::kPersistenceEntries) break;
    std::vector<Entry> found;
    if (format == Format::kLibraries)
      found = libraries(user, line.text);
    else if (auto entry =
                 one(join == Join::kBackslash ? lines::joined(line.text) : std::string(line.text)))
      found.push_back(std::move(*entry));
    for (Entry& entry : found) {
      entry.entry = line.text;
      entry.line = line.number;
      entries.push_back(std::move(entry));
    }
  }
  return entries;
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

PersistenceKind kind_of_unit(std::string_view path) {
  const std::string name = unit_name(path);
  if (name.ends_with(".timer")) return PersistenceKind::kSystemdTimer;
  if (name.ends_with(".socket")) return PersistenceKind::kSystemdSocket;
  if (name.ends_with(".path")) return PersistenceKind::kSystemdPath;
  return PersistenceKind::kSystemdUnit;
}

std::vector<PersistenceEntry> parse_persistence(Format format, const std::string& path,
                                                const std::string& user, std::string_view text) {
  std::vector<Entry> entries;
  switch (format) {
    case Format::kUnit:
      entries = unit_entries(path, user, text);
      break;
    case Format::kDesktop:
      entries = {desktop_entry(path, user, text)};
      break;
    case Format::kAtJob:
      entries = {{.name = user, .command = at_commands(text), .user = user}};
      break;
    case Format::kWhole:
      entries = {{.name = std::string(file_name(path)), .command = path, .user = user}};
      break;
    default:
      entries = line_entries(format, path, user, text);
  }
  entries.resize(std::min(entries.size(), limits::kPersistenceEntries));
  // What a finding can carry. A line that was cut no longer equals the file's, so it is reported
  // and never removed.
  for (Entry& entry : entries) {
    for (std::string* text_of : {&entry.name, &entry.user})
      text_of->resize(std::min(text_of->size(), limits::kPathBytes));
    for (std::string* text_of : {&entry.entry, &entry.command})
      text_of->resize(std::min(text_of->size(), limits::kLineBytes));
  }
  return entries;
}

std::vector<FollowedFile> followed_files(Format format, std::string_view text) {
  std::vector<FollowedFile> files;
  const auto add = [&](Format of, std::string path) {
    if (path.starts_with('-')) path.erase(0, 1);  // EnvironmentFile: it need not be there
    if ((path.starts_with('/') || path.starts_with("@home/")) &&
        path.size() <= limits::kPathBytes && files.size() < limits::kPersistenceFollowed)
      files.push_back({of, std::move(path)});
  };
  if (format == Format::kUnit)
    each_setting(text, [&](const lines::Line&, std::string_view key, const std::string& value) {
      if (key == "EnvironmentFile") add(Format::kAssignments, std::string(unquoted(value)));
    });
  if (format != Format::kSshd && format != Format::kSudoers) return files;
  for (const lines::Line& line : lines::logical_lines(text, Join::kNone)) {
    if (format == Format::kSudoers) {
      std::string_view rest = line.text;
      const std::string_view verb = word(rest);
      if (verb == "#include" || verb == "@include") add(Format::kSudoers, std::string(word(rest)));
      if (verb == "#includedir" || verb == "@includedir")
        add(Format::kSudoers, std::string(word(rest)) + "/*");
      continue;
    }
    const auto [keyword, value] = setting(line.text);
    for (std::string_view rest = value; !trimmed(rest).empty();) {
      std::string path(unquoted(word(rest)));
      if (keyword == "include")
        add(Format::kSshd, path.starts_with('/') ? path : "/etc/ssh/" + path);
      if (keyword != "authorizedkeysfile" || path == "none") continue;
      for (const auto& [mark, place] : {std::pair{"%h", "@home"}, std::pair{"%u", "*"}})
        for (std::size_t at = 0; (at = path.find(mark)) != std::string::npos;)
          path.replace(at, 2, place);
      add(Format::kAuthorizedKeys,
          path.starts_with('/') || path.starts_with('@') ? path : "@home/" + path);
    }
  }
  return files;
}

PersistenceKind kind_of_followed(Format format) {
  switch (format) {
    case Format::kSshd:
      return PersistenceKind::kSshdConfig;
    case Format::kSudoers:
      return PersistenceKind::kSudoers;
    case Format::kAuthorizedKeys:
      return PersistenceKind::kAuthorizedKey;
    default:
      return PersistenceKind::kEnvironmentFile;
  }
}

}  // namespace fleetsweep::scan
