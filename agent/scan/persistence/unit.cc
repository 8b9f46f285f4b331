#include <algorithm>
#include <functional>

#include "agent/lines/desktop_file.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// "x.service" for x.service, and for the x.service.d/override.conf that changes it.
std::string unit_name(std::string_view path) {
  const std::string_view name = file_name(path);
  if (!name.ends_with(".conf")) return std::string(name);
  const std::string_view folder = file_name(folder_of(path));
  return std::string(folder.ends_with(".d") ? folder.substr(0, folder.size() - 2) : name);
}

void each_setting(std::string_view text, const std::function<void(const lines::Setting&)>& visit) {
  for (const lines::Setting& setting : lines::settings(text, lines::Join::kUnit))
    if (!setting.value.empty()) visit(setting);
}

// Of a name: what it says, or what only its start does.
bool may_be_of_loader(std::string_view variable) {
  return is_of_loader(variable) || variable.find('%') != std::string_view::npos;
}

// systemd.unit(5), as the manager of the system or of a user has it.
std::string_view choices_of(char specifier) {
  switch (specifier) {
    case '%':
      return "%";
    case 'h':
      return "@home";
    case 't':
      return "/run|/run/user/*";
    case 'E':
      return "/etc|@home/.config";
    case 'S':
      return "/var/lib|@home/.config|@home/.local/state";
    case 'C':
      return "/var/cache|@home/.cache";
    case 'L':
      return "/var/log|@home/.config/log|@home/.local/state/log";
    case 'D':
      return "/usr/share|@home/.local/share";
    case 'T':
      return "/tmp";
    case 'V':
      return "/var/tmp";
    case 'd':
      return "/run/credentials/*|/run/user/*/credentials/*";
    case 'f':
      return "/*|/*/*|/*/*/*";
    default:
      return "*";
  }
}

// With those in place that have one meaning: of the two managers, for the system's.
std::string with_specifiers(std::string_view text, bool is_of_system) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string_view rest;
    if (text[at] == '%' && at + 1 < text.size()) rest = choices_of(text[at + 1]);
    const std::string_view choice = field(rest, '|');
    const bool is_known = !choice.empty() && choice.find_first_of("@*") == std::string_view::npos;
    if (is_known && (rest.empty() || is_of_system)) {
      result += choice;
      ++at;
    } else {
      result += text[at];
    }
  }
  return result;
}

// Without quotes, and with the one escape that stands in many a unit.
std::string without_marks(std::string_view raw) {
  std::string text = lines::joined(raw, lines::Join::kUnit);
  std::erase_if(text, [](char c) { return c == '"' || c == '\''; });
  for (std::size_t at = 0; (at = text.find("\\\\", at)) != std::string::npos; ++at)
    text.erase(at, 1);
  return text;
}

// What systemd makes of a command, if that is something else than stands there but for quotes; of
// the program's own path also for those.
std::string meant_by(std::string_view line, bool is_of_system) {
  std::string command;
  bool differs = false;
  for (const lines::Word& word : lines::environment_words(line)) {
    const std::string value = with_specifiers(word.value, is_of_system);
    const bool is_as_written =
        value == unquoted(word.raw) || (!command.empty() && value == without_marks(word.raw));
    differs = differs || !is_as_written;
    if (!command.empty()) command += ' ';
    command += value;
  }
  return differs ? command : std::string();
}

// What systemd takes for a yes.
bool is_yes(std::string_view value) {
  const std::string folded = lower(value);
  return folded == "1" || folded == "yes" || folded == "y" || folded == "true" || folded == "t" ||
         folded == "on";
}

}  // namespace

model::PersistenceKind kind_of_unit(std::string_view path) {
  const std::string name = unit_name(path);
  if (name.ends_with(".timer")) return model::PersistenceKind::kSystemdTimer;
  if (name.ends_with(".socket")) return model::PersistenceKind::kSystemdSocket;
  if (name.ends_with(".path")) return model::PersistenceKind::kSystemdPath;
  return model::PersistenceKind::kSystemdUnit;
}

std::vector<PersistenceEntry> unit_entries(const std::string& path, const std::string& user,
                                           std::string_view text) {
  const std::string name = unit_name(path);
  PersistenceEntry whole{.name = name, .user = user};
  std::vector<PersistenceEntry> entries;
  const auto ends = [&](std::string_view suffix) { return name.ends_with(suffix); };
  const bool is_socket = ends(".socket");
  const bool is_of_system = user == "root" && path.find("/systemd/user") == std::string::npos;
  std::string starts;
  bool accepts = false;
  each_setting(text, [&](const lines::Setting& setting) {
    const auto& [line, group, key, value] = setting;
    if (key == (is_socket ? "Service" : "Unit")) starts = value;
    if (key == "Accept") accepts = is_yes(value);
    if (key == "User") whole.user = value;
    if (key.starts_with("Exec")) {
      append(whole.command, value);
      if (const auto meant = meant_by(line.text, is_of_system); !meant.empty())
        append(whole.command, meant);
    }
    if (key != "Environment" && key != "DefaultEnvironment" && key != "ManagerEnvironment") return;
    for (const lines::Word& word : lines::environment_words(line.text))
      if (may_be_of_loader(std::string_view(word.value).substr(0, word.value.find('='))))
        entries.push_back({.name = name,
                           .entry = std::string(line.text),
                           .command = word.value,
                           .line = line.number,
                           .of_loader = true});
  });
  // A timer, socket or path starts the unit it names, or the service of its own name: a socket
  // that accepts, one for each connection.
  if (starts.empty() && is_socket && accepts)
    starts = name.substr(0, std::min(name.find('@'), name.rfind('.'))) + "@.service";
  if (starts.empty()) starts = name.substr(0, name.rfind('.')) + ".service";
  if (is_socket || (whole.command.empty() && (ends(".timer") || ends(".path"))))
    append(whole.command, starts);
  for (PersistenceEntry& entry : entries) entry.user = whole.user;
  // These run nothing but what their environment has mount(8) load.
  if (!whole.command.empty() || !(ends(".mount") || ends(".swap")))
    entries.insert(entries.begin(), std::move(whole));
  return entries;
}

LineEntry desktop_entry(const std::string& path, const std::string& user, std::string_view text) {
  if (lines::says_off(path, text)) return std::nullopt;
  PersistenceEntry entry{.name = std::string(file_name(path)), .user = user};
  std::vector<std::string> commands;  // whichever way it is read
  for (const auto join : {lines::Join::kUnit, lines::Join::kNone})
    for (lines::Setting& setting : lines::settings(text, join)) {
      if (setting.value.empty()) continue;
      if (setting.key == "User") entry.user = setting.value;
      if (setting.key == "Exec" &&
          std::find(commands.begin(), commands.end(), setting.value) == commands.end())
        commands.push_back(std::move(setting.value));
    }
  for (const std::string& command : commands) append(entry.command, command);
  return entry;
}

// %y is the unit's own file, and %Y the folder of it.
void follow_unit(const std::string& path, std::string_view text, const Follow& follow) {
  const auto token = [&](char specifier) {
    return specifier == 'y'   ? std::string_view(path)
           : specifier == 'Y' ? folder_of(path)
                              : choices_of(specifier);
  };
  each_setting(text, [&](const lines::Setting& setting) {
    if (setting.key != "EnvironmentFile") return;
    std::string_view named = unquoted(setting.value);
    if (named.starts_with('-')) named.remove_prefix(1);  // it need not be there
    for (const std::string& one : expanded(named, token))
      follow(Format::kAssignments, without_brackets(one));
  });
}

}  // namespace fleetsweep::scan
