#include "agent/lines/apt_conf.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

bool is_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

LineEntry apt_statement(const std::string& user, std::string_view line) {
  PersistenceEntry entry{.user = user};
  lines::each_apt_setting(line, [&](const lines::AptSetting& setting) {
    if (setting.value.empty() || !lines::is_apt_hook(setting)) return;
    std::string_view name = setting.name;
    if (name.ends_with("::")) name.remove_suffix(2);
    if (entry.name.empty()) entry.name = name;
    append(entry.command, setting.value);
  });
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

// Any character may stand behind the name, and blanks nowhere before it.
LineEntry dpkg_line(const std::string& user, std::string_view line) {
  for (const std::string_view name : {"pre-invoke", "post-invoke", "status-logger"}) {
    if (!line.starts_with(name) || line.size() <= name.size() || is_of_name(line[name.size()]))
      continue;
    std::string_view value = trimmed(line.substr(name.size() + 1));
    if (value.starts_with('=')) value = trimmed(value.substr(1));
    if (value.empty()) break;
    return PersistenceEntry{
        .name = std::string(name), .command = std::string(unquoted(value)), .user = user};
  }
  return std::nullopt;
}

// apt looks for any other path in the folder that it is called in.
void follow_apt(std::string_view text, const Follow& follow) {
  lines::each_apt_setting(text, [&](const lines::AptSetting& setting) {
    if (setting.name != "#include") return;
    const bool is_folder = setting.value.ends_with('/');
    follow(Format::kAptHooks, setting.value + (is_folder ? "*" : ""));
  });
}

}  // namespace fleetsweep::scan
