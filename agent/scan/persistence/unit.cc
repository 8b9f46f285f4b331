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
  std::string starts;
  each_setting(text, [&](const lines::Setting& setting) {
    const auto& [line, group, key, value] = setting;
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
  for (PersistenceEntry& entry : entries) entry.user = whole.user;
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

void follow_unit(std::string_view text, const Follow& follow) {
  each_setting(text, [&](const lines::Setting& setting) {
    if (setting.key != "EnvironmentFile") return;
    std::string path(unquoted(setting.value));
    if (path.starts_with('-')) path.erase(0, 1);  // it need not be there
    follow(Format::kAssignments, path);
  });
}

}  // namespace fleetsweep::scan
