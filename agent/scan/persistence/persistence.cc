#include "agent/scan/persistence/persistence.h"

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

using lines::Join;
using model::PersistenceKind;
using Entry = PersistenceEntry;

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

Join join_of(Format format, std::string_view path) {
  switch (format) {
    case Format::kShell:
      return Join::kShell;
    case Format::kInterfaces:
      return Join::kInterfaces;
    case Format::kPam:
    case Format::kPamConf:
      return Join::kPam;
    case Format::kGitConfig:
      return Join::kGit;
    case Format::kAnacrontab:
      return Join::kAnacron;
    case Format::kAssignments:
      return lines::join_of_variables(path);
    case Format::kSudoers:
      return Join::kSudoers;
    case Format::kAptHooks:
      return Join::kBraces;
    case Format::kUdev:
      return Join::kUdev;
    case Format::kModprobe:
      return Join::kModprobe;
    case Format::kModules:
    case Format::kBinfmt:
      return Join::kList;
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
      case Format::kDpkg:
        return dpkg_line(user, line);
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
      case Format::kInterfaces:
        return interfaces_line(user, line);
      default:
        return plain_line(user, line);
    }
  };
  const Join join = join_of(format, path);
  for (const lines::Line& line : lines::logical_lines(text, join)) {
    if (entries.size() >= limits::kPersistenceEntries) break;
    std::vector<Entry> found;
    if (format == Format::kLibraries)
      found = libraries(user, line.text);
    else if (auto entry = one(lines::joined(line.text, join)))
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

std::vector<PersistenceEntry> parse_persistence(Format format, const std::string& path,
                                                const std::string& user, std::string_view text) {
  std::vector<Entry> entries;
  switch (format) {
    case Format::kUnit:
      entries = unit_entries(path, user, text);
      break;
    case Format::kManager:
      entries = unit_entries(path, user, text);
      entries.erase(entries.begin());  // it is no unit: nothing is started by itself
      break;
    case Format::kDesktop:
      if (auto entry = desktop_entry(path, user, text)) entries = {std::move(*entry)};
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

std::vector<FollowedFile> followed_files(Format format, const std::string& path,
                                         std::string_view text) {
  std::vector<FollowedFile> files;
  const auto add = [&](Format of, const std::string& named) {
    if ((named.starts_with('/') || named.starts_with("@home/")) &&
        named.size() <= limits::kPathBytes && files.size() < limits::kPersistenceFollowed)
      files.push_back({of, named});
  };
  if (format == Format::kUnit) follow_unit(path, text, add);
  if (format == Format::kSshd) follow_sshd(text, add);
  if (format == Format::kSudoers) follow_sudoers(path, text, add);
  if (format == Format::kPam || format == Format::kPamConf) follow_pam(format, text, add);
  if (format == Format::kAptHooks) follow_apt(text, add);
  if (format == Format::kGitConfig) follow_git(path, text, add);
  if (format == Format::kLines) follow_loader(path, text, add);
  if (format == Format::kInterfaces) follow_interfaces(path, text, add);
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
    case Format::kPam:
      return PersistenceKind::kPamConfig;
    case Format::kAptHooks:
      return PersistenceKind::kPackageManagerHook;
    case Format::kGitConfig:
      return PersistenceKind::kGitHook;
    case Format::kLines:
      return PersistenceKind::kLdSoConf;
    case Format::kInterfaces:
      return PersistenceKind::kRcLocal;
    default:
      return PersistenceKind::kEnvironmentFile;
  }
}

}  // namespace fleetsweep::scan
