#include "agent/lines/desktop_file.h"

#include <algorithm>

namespace fleetsweep::lines {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

// No byte that ends a line, is blank or joins lines for one reader only.
bool is_read_alike(std::string_view text) {
  constexpr std::string_view kOddBytes("\0\f\v", 3);
  if (text.find_first_of(kOddBytes) != std::string_view::npos) return false;
  for (std::size_t at = text.find('\r'); at != std::string_view::npos; at = text.find('\r', at + 1))
    if (!text.substr(at).starts_with("\r\n")) return false;
  return text.find("\\\\\n") == std::string_view::npos &&
         text.find("\\\r") == std::string_view::npos;
}

bool is_hidden(const std::vector<Setting>& all) {
  bool says = false;
  for (const Setting& setting : all) {
    if (setting.group != kDesktopGroup || setting.key != "Hidden") continue;
    if (setting.value != "true") return false;
    says = true;
  }
  return says;
}

bool has_no_program(const std::vector<Setting>& all) {
  bool is_service = false;
  for (const Setting& setting : all) {
    if (setting.group != kBusGroup) continue;
    is_service = true;
    if (setting.key == "SystemdService" || (setting.key == "Exec" && setting.value != kNoProgram))
      return false;
  }
  return is_service;
}

}  // namespace

std::vector<Setting> settings(std::string_view text, Join join) {
  std::vector<Setting> result;
  std::string group;
  for (const Line& line : logical_lines(text, join)) {
    const std::string whole = joined(line.text, join);
    const std::string_view content = trimmed(whole);
    if (content.starts_with('[')) group = content;
    const std::size_t equals = content.find('=');
    if (equals == std::string_view::npos || content.starts_with('[') || content.starts_with('#') ||
        content.starts_with(';'))
      continue;
    result.push_back({line, group, std::string(trimmed(content.substr(0, equals))),
                      std::string(trimmed(content.substr(equals + 1)))});
  }
  return result;
}

std::string_view header_of(std::string_view text, std::string_view group) {
  for (const Line& line : logical_lines(text, Join::kNone))
    if (trimmed(line.text) == group) return line.text;
  return {};
}

bool is_bus_service(std::string_view path) {
  return path.ends_with(".service");
}

bool says_off(std::string_view path, std::string_view text) {
  const auto says = is_bus_service(path) ? has_no_program : is_hidden;
  return is_read_alike(text) && says(settings(text, Join::kNone)) &&
         says(settings(text, Join::kUnit));
}

}  // namespace fleetsweep::lines
