#include "agent/act/disable.h"

#include <algorithm>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::act {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

struct Setting {
  std::string_view line, key, value;
};

// Of one group: its header, and what is set in it.
struct Group {
  std::string_view header;
  std::vector<Setting> settings;
};

Group group_of(std::string_view text, std::string_view name) {
  Group group;
  bool inside = false;
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kNone)) {
    const std::string_view content = trimmed(line.text);
    if (content.starts_with('[')) {
      inside = content == name;
      if (inside && group.header.empty()) group.header = line.text;
    }
    const std::size_t equals = content.find('=');
    if (inside && !content.starts_with('#') && equals != std::string_view::npos)
      group.settings.push_back(
          {line.text, trimmed(content.substr(0, equals)), trimmed(content.substr(equals + 1))});
  }
  return group;
}

std::string_view line_end(std::string_view line) {
  return line.ends_with('\r') ? "\r" : "";
}

std::vector<Replacement> hidden(const Group& desktop) {
  std::vector<Replacement> result;
  bool says = false, last = false;
  for (const Setting& setting : desktop.settings) {
    if (setting.key != "Hidden") continue;
    says = true;
    last = setting.value == "true";  // the last one holds
    if (!last)
      result.push_back(
          {std::string(setting.line), std::string("Hidden=true").append(line_end(setting.line))});
  }
  if (last) return {};
  if (!says)
    result.push_back(
        {std::string(desktop.header),
         std::string(desktop.header).append("\nHidden=true").append(line_end(desktop.header))});
  return result;
}

std::vector<Replacement> starts_nothing(const Group& service) {
  constexpr std::string_view kNothing = "/bin/false";
  std::vector<Replacement> result;
  for (const Setting& setting : service.settings) {
    const bool is_program = setting.key == "Exec" && setting.value != kNothing;
    if (!is_program && setting.key != "SystemdService") continue;
    std::string rest = std::string("# ").append(setting.line);
    if (is_program) rest.append("\nExec=").append(kNothing).append(line_end(setting.line));
    result.push_back({std::string(setting.line), std::move(rest)});
  }
  return result;
}

}  // namespace

std::string commented_out(std::string_view entry, model::PersistenceKind kind) {
  const std::string_view mark =
      kind == model::PersistenceKind::kPackageManagerHook ? "// " : "# ";  // apt's `#clear`
  std::string result;
  for (const lines::Line& line : lines::logical_lines(entry, lines::Join::kNone))
    result.append(mark).append(line.text).append(line.newline);
  return result;
}

std::vector<Replacement> turned_off(std::string_view text) {
  const Group desktop = group_of(text, "[Desktop Entry]");
  std::vector<Replacement> all =
      desktop.header.empty() ? starts_nothing(group_of(text, "[D-BUS Service]")) : hidden(desktop);
  std::vector<Replacement> result;  // a line that stands there twice is replaced twice at once
  for (Replacement& one : all)
    if (std::find(result.begin(), result.end(), one) == result.end())
      result.push_back(std::move(one));
  return result;
}

}  // namespace fleetsweep::act
