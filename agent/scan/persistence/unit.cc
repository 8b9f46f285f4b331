#include <functional>

#include "agent/lines/logical_lines.h"
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

// "Key=value" of a unit or desktop file.
struct Setting {
  const lines::Line& line;
  std::string_view group, key;  // [Group]
  const std::string& value;
};

void each_setting(std::string_view text, const std::function<void(const Setting&)>& visit,
                  lines::Join join = lines::Join::kUnit) {
  std::string group;
  for (const lines::Line& line : lines::logical_lines(text, join)) {
    const std::string content = lines::joined(line.text);
    const std::string_view all = trimmed(content);
    const std::size_t equals = all.find('=');
    if (!all.empty() && all.front() == '[') group = all;
    if (all.empty() || all.front() == '#' || all.front() == ';' || all.front() == '[' ||
        equals == std::string_view::npos)
      continue;
    const std::string value(trimmed(all.substr(equals + 1)));
    if (!value.empty()) visit({line, group, trimmed(all.substr(0, equals)), value});
  }
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
  each_setting(text, [&](const Setting& setting) {
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
  PersistenceEntry entry{.name = std::string(file_name(path)), .user = user};
  bool is_hidden = false, is_of_bus = false, starts = false;
  const auto visit = [&](const Setting& setting) {
    const auto& [line, group, key, value] = setting;
    if (key == "Exec") append(entry.command, value);
    if (key == "User") entry.user = value;
    is_of_bus = is_of_bus || group == "[D-BUS Service]";
    starts = starts || key == "SystemdService" || (key == "Exec" && value != "/bin/false");
    if (key == "Hidden" && group == "[Desktop Entry]") is_hidden = value == "true";
  };
  each_setting(text, visit, lines::Join::kNone);
  const bool starts_nothing = is_of_bus && !starts;
  return is_hidden || starts_nothing ? std::nullopt : LineEntry(std::move(entry));
}

void follow_unit(std::string_view text, const Follow& follow) {
  each_setting(text, [&](const Setting& setting) {
    if (setting.key != "EnvironmentFile") return;
    std::string path(unquoted(setting.value));
    if (path.starts_with('-')) path.erase(0, 1);  // it need not be there
    follow(Format::kAssignments, path);
  });
}

}  // namespace fleetsweep::scan
