#include "agent/scan/persistence.h"

#include <algorithm>
#include <set>

#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Takes the first word off.
std::string_view word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view result = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(result.size());
  return result;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    visit(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

// NAME=value, which sets the environment of the lines below it.
bool is_assignment(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view left = trimmed(line.substr(0, equals));
  return !left.empty() && left.find_first_of(" \t*@") == std::string_view::npos;
}

void cron_line(Format format, const std::string& user, std::string_view line,
               std::vector<PersistenceEntry>& entries) {
  std::string_view rest = trimmed(line);
  if (rest.empty() || rest.front() == '#') return;
  PersistenceEntry entry{user, std::string(line), {}};
  if (!is_assignment(rest)) {
    const std::size_t fields = format == Format::kAnacrontab ? 3 : rest.front() == '@' ? 1 : 5;
    for (std::size_t i = 0; i < fields; ++i) word(rest);
    if (format == Format::kSystemCrontab) entry.name = word(rest);
    entry.command = trimmed(rest);
  }
  entries.push_back(std::move(entry));
}

// The commands that a unit runs; a backslash continues a line.
std::string unit_commands(std::string_view text, std::string_view name) {
  std::string joined(text);
  for (std::size_t at = 0; (at = joined.find("\\\n", at)) != std::string::npos;)
    joined.replace(at, 2, " ");
  std::string commands, starts;
  each_line(joined, [&](std::string_view line) {
    const std::string_view setting = trimmed(line);
    const std::size_t equals = setting.find('=');
    if (setting.empty() || setting.front() == '#' || setting.front() == ';' ||
        equals == std::string_view::npos)
      return;
    const std::string_view key = trimmed(setting.substr(0, equals));
    const std::string_view value = trimmed(setting.substr(equals + 1));
    if (value.empty()) return;
    if (key == "Unit") starts = value;
    if (!key.starts_with("Exec")) return;
    if (!commands.empty()) commands += "; ";
    commands += value;
  });
  if (!commands.empty() || !name.ends_with(".timer")) return commands;
  // A timer starts the unit it names, or the service of its own name.
  return starts.empty() ? std::string(name.substr(0, name.size() - 6)) + ".service" : starts;
}

// "x.service" for x.service, and for the x.service.d/override.conf that changes it.
std::string unit_name(std::string_view path) {
  const std::string_view name = file_name(path);
  if (!name.ends_with(".conf")) return std::string(name);
  const std::string_view folder = file_name(path.substr(0, path.rfind('/')));
  return std::string(folder.ends_with(".d") ? folder.substr(0, folder.size() - 2) : name);
}

// What stands after the environment and the `cd DIR || { ... }` that at(1) puts first.
std::string at_commands(std::string_view text) {
  const std::size_t prologue = text.find("\n}\n");
  if (prologue != std::string_view::npos) text.remove_prefix(prologue + 3);
  return std::string(trimmed(text.substr(0, text.find_last_not_of("\n") + 1)));
}

}  // namespace

namespace {

std::vector<PersistenceEntry> entries_of(Format format, const std::string& path,
                                         const std::string& user, std::string_view text) {
  std::vector<PersistenceEntry> entries;
  switch (format) {
    case Format::kSystemCrontab:
    case Format::kUserCrontab:
    case Format::kAnacrontab: {
      const std::string owner =
          format == Format::kUserCrontab && user.empty() ? std::string(file_name(path)) : user;
      each_line(text, [&](std::string_view line) {
        if (entries.size() < limits::kPersistenceEntries) cron_line(format, owner, line, entries);
      });
      break;
    }
    case Format::kLines:
      each_line(text, [&](std::string_view line) {
        const std::string_view content = trimmed(line);
        if (content.empty() || content.front() == '#' ||
            entries.size() >= limits::kPersistenceEntries)
          return;
        entries.push_back({user, std::string(line), std::string(content)});
      });
      break;
    case Format::kLibraries:
      each_line(text, [&](std::string_view line) {
        std::string_view rest = line.substr(0, line.find('#'));
        while (!trimmed(rest).empty() && entries.size() < limits::kPersistenceEntries) {
          rest.remove_prefix(rest.find_first_not_of(" \t\r:") == std::string_view::npos
                                 ? rest.size()
                                 : rest.find_first_not_of(" \t\r:"));
          const std::string_view library = rest.substr(0, rest.find_first_of(" \t\r:"));
          rest.remove_prefix(library.size());
          if (!library.empty()) entries.push_back({user, std::string(line), std::string(library)});
        }
      });
      break;
    case Format::kUnit: {
      const std::string name = unit_name(path);
      entries.push_back({name, {}, unit_commands(text, name)});
      break;
    }
    case Format::kAtJob:
      entries.push_back({user, {}, at_commands(text)});
      break;
    case Format::kWhole:
      entries.push_back({std::string(file_name(path)), {}, path});
      break;
  }
  return entries;
}

}  // namespace

std::vector<PersistenceEntry> parse_persistence(Format format, const std::string& path,
                                                const std::string& user, std::string_view text) {
  std::vector<PersistenceEntry> entries = entries_of(format, path, user, text);
  // What a finding can carry. A line that was cut no longer equals the file's, so it is reported
  // and never removed.
  for (PersistenceEntry& entry : entries) {
    entry.name.resize(std::min(entry.name.size(), limits::kPathBytes));
    entry.entry.resize(std::min(entry.entry.size(), limits::kLineBytes));
    entry.command.resize(std::min(entry.command.size(), limits::kLineBytes));
  }
  return entries;
}

std::vector<PersistencePlace> persistence_places(const Root& root) {
  using Kind = model::PersistenceKind;
  std::vector<PersistencePlace> places = {
      {Kind::kCron, Format::kSystemCrontab, "/etc/crontab"},
      {Kind::kCron, Format::kSystemCrontab, "/etc/cron.d", true},
      {Kind::kCron, Format::kAnacrontab, "/etc/anacrontab", false, "root"},
      {Kind::kCron, Format::kUserCrontab, "/var/spool/cron/crontabs", true},
      {Kind::kCron, Format::kUserCrontab, "/var/spool/cron/tabs", true},
      {Kind::kCron, Format::kUserCrontab, "/var/spool/cron", true},
      {Kind::kAt, Format::kAtJob, "/var/spool/cron/atjobs", true},
      {Kind::kAt, Format::kAtJob, "/var/spool/at", true},
      {Kind::kLdSoPreload, Format::kLibraries, "/etc/ld.so.preload"},
      {Kind::kInitScript, Format::kWhole, "/etc/init.d", true},
      {Kind::kInitScript, Format::kWhole, "/etc/rc.d/init.d", true},
      {Kind::kRcLocal, Format::kLines, "/etc/rc.local"},
      {Kind::kRcLocal, Format::kLines, "/etc/rc.d/rc.local"},
      {Kind::kShellProfile, Format::kLines, "/etc/profile"},
      {Kind::kShellProfile, Format::kLines, "/etc/bash.bashrc"},
      {Kind::kShellProfile, Format::kLines, "/etc/bashrc"},
      {Kind::kShellProfile, Format::kLines, "/etc/profile.d", true, "", ".sh"},
  };
  for (const char* period : {"hourly", "daily", "weekly", "monthly", "yearly"})
    places.push_back({Kind::kCron, Format::kWhole, std::string("/etc/cron.") + period, true});

  // Debian has them in /etc/zsh, others in /etc; each user's have the same names after a dot.
  constexpr const char* kZsh[] = {"zshenv", "zprofile", "zshrc", "zlogin", "zlogout"};
  for (const char* folder : {"/etc/", "/etc/zsh/"})
    for (const char* name : kZsh)
      places.push_back({Kind::kShellProfile, Format::kLines, std::string(folder) + name});

  std::vector<std::string> units = {"/etc/systemd/system",
                                    "/run/systemd/system",
                                    "/usr/lib/systemd/system",
                                    "/lib/systemd/system",
                                    "/usr/local/lib/systemd/system",
                                    "/run/systemd/transient",
                                    "/etc/systemd/user",
                                    "/run/systemd/user",
                                    "/usr/lib/systemd/user",
                                    "/lib/systemd/user",
                                    "/usr/local/lib/systemd/user"};
  for (const Home& home : root.homes()) {
    units.push_back(home.path + "/.config/systemd/user");
    units.push_back(home.path + "/.local/share/systemd/user");
    for (const char* name : kZsh)
      places.push_back(
          {Kind::kShellProfile, Format::kLines, home.path + "/." + name, false, home.user});
    for (const char* name : {".profile", ".bashrc", ".bash_profile", ".bash_login", ".bash_logout"})
      places.push_back(
          {Kind::kShellProfile, Format::kLines, home.path + "/" + name, false, home.user});
    for (const char* name : {"authorized_keys", "authorized_keys2"})
      places.push_back(
          {Kind::kAuthorizedKey, Format::kLines, home.path + "/.ssh/" + name, false, home.user});
  }
  for (const std::string& folder : units) {
    for (const char* suffix : {".service", ".socket", ".path", ".conf"})
      places.push_back({Kind::kSystemdUnit, Format::kUnit, folder, true, "", suffix});
    places.push_back({Kind::kSystemdTimer, Format::kUnit, folder, true, "", ".timer"});
  }
  // Merged systems have one folder under two names.
  std::set<std::pair<std::string, std::string>> seen;
  std::vector<PersistencePlace> result;
  for (PersistencePlace& place : places) {
    place.path = root.real(place.path);
    if (seen.emplace(place.path, place.suffix).second) result.push_back(std::move(place));
  }
  return result;
}

}  // namespace fleetsweep::scan
