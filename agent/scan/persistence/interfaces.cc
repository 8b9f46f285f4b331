#include <algorithm>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry interfaces_line(const std::string& user, std::string_view line) {
  constexpr std::string_view kOptions[] = {"up",   "pre-up",   "post-up",
                                           "down", "pre-down", "post-down"};
  std::string_view rest = line;
  const std::string_view option = word(rest);
  if (std::ranges::find(kOptions, option) == std::end(kOptions)) return std::nullopt;
  return PersistenceEntry{
      .name = std::string(option), .command = std::string(trimmed(rest)), .user = user};
}

// Relative to the file that names it.
void follow_interfaces(const std::string& path, std::string_view text, const Follow& follow) {
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kShell)) {
    const std::string whole = lines::joined(line.text, lines::Join::kShell);
    std::string_view rest = whole;
    const std::string_view verb = word(rest);
    if (verb != "source" && verb != "source-directory") continue;
    while (!trimmed(rest).empty()) {
      const std::string_view named = word(rest);
      const std::string folder = named.starts_with('/') ? "" : std::string(folder_of(path)) + "/";
      follow(Format::kInterfaces,
             folder + without_brackets(named) + (verb == "source" ? "" : "/*"));
    }
  }
}

}  // namespace fleetsweep::scan
