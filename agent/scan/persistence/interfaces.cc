#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry interfaces_line(const std::string& user, std::string_view line) {
  std::string_view rest = line;
  const std::string_view option = word(rest);
  if (!lines::is_option_of_interfaces(option)) return std::nullopt;
  return PersistenceEntry{
      .name = std::string(option), .command = std::string(trimmed(rest)), .user = user};
}

// Relative to the file that names it.
void follow_interfaces(const std::string& path, std::string_view text, const Follow& follow) {
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kInterfaces)) {
    const std::string whole = lines::joined(line.text, lines::Join::kInterfaces);
    std::string_view rest = whole;
    const std::string_view verb = word(rest);
    if (verb != "source" && verb != "source-directory" && verb != "source-dir") continue;
    while (!trimmed(rest).empty()) {
      const std::string_view named = word(rest);
      const std::string folder = named.starts_with('/') ? "" : std::string(folder_of(path)) + "/";
      follow(Format::kInterfaces,
             folder + without_brackets(named) + (verb == "source" ? "" : "/*"));
    }
  }
}

}  // namespace fleetsweep::scan
