#pragma once

// Files of settings in groups: units, desktop entries, services of D-Bus. The last two may say
// themselves that they start nothing; who finds one and who turns it off ask the same function.
// Their readers differ: systemd joins a line that ends with a backslash with the next one, GLib and
// the bus do not. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::lines {

// "Key=value", without the joints; comments are left out, empty values are not.
struct Setting {
  Line line;
  std::string group, key, value;  // "[Group]"; empty before the first
};
std::vector<Setting> settings(std::string_view text, Join join);
// The first line that begins this group, as it stands there; empty: none does.
std::string_view header_of(std::string_view text, std::string_view group);

inline constexpr std::string_view kDesktopGroup = "[Desktop Entry]";
inline constexpr std::string_view kBusGroup = "[D-BUS Service]";
// The program of a service that starts nothing.
inline constexpr std::string_view kNoProgram = "/bin/false";

// The bus reads *.service, and desktops everything else that is asked about here.
bool is_bus_service(std::string_view path);

// Whichever program reads it: Hidden=true, or of the bus no program but /bin/false and no unit. A
// doubt is a no: one key said both ways, or bytes in which readers see different lines.
bool says_off(std::string_view path, std::string_view text);

}  // namespace fleetsweep::lines
