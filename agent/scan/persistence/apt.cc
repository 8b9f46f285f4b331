#include "agent/lines/apt_conf.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry apt_statement(const std::string& user, std::string_view line) {
  PersistenceEntry entry{.user = user};
  lines::each_apt_setting(line, [&](const lines::AptSetting& setting) {
    if (setting.value.empty() || !lines::is_apt_hook(setting.name)) return;
    std::string_view name = setting.name;
    if (name.ends_with("::")) name.remove_suffix(2);
    if (entry.name.empty()) entry.name = name;
    append(entry.command, setting.value);
  });
  return entry.command.empty() ? std::nullopt : std::optional(entry);
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
