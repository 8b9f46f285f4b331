#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// 00 is root: glibc reads it so, and takes what is too big for the biggest one.
std::string as_number(const std::string& written) {
  char* end = nullptr;
  const std::uint64_t number = std::strtoul(written.c_str(), &end, 10);
  if (written.empty() || end != written.c_str() + written.size()) return written;
  return std::to_string(std::min<std::uint64_t>(number, UINT32_MAX));
}

// In quotes, or up to a blank that has no backslash before it.
std::string path_in(std::string_view text) {
  if (text.starts_with('"')) {
    text.remove_prefix(1);
    return std::string(field(text, '"'));
  }
  std::string path;
  for (std::size_t at = 0; at < text.size() && text[at] != ' ' && text[at] != '\t'; ++at) {
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    path += text[at];
  }
  return path;
}

}  // namespace

LineEntry sudoers_line(std::string_view line) {
  std::string_view rest = trimmed(line);
  const bool includes = rest.starts_with("#include") || rest.starts_with("@include");
  if (rest.empty() || lines::is_sudoers_comment(rest)) return std::nullopt;
  PersistenceEntry entry{.name = std::string(word(rest))};
  // A list of users: a, b.
  while (!trimmed(rest).empty() && (entry.name.ends_with(',') || trimmed(rest).starts_with(',')))
    entry.name += word(rest);
  std::erase(entry.name, '"');
  entry.command = trimmed(rest);
  const std::size_t equals = rest.find('=');
  if (includes || entry.name.starts_with("Defaults") || entry.name.ends_with("_Alias") ||
      equals == std::string_view::npos)
    return entry;
  rest = trimmed(rest.substr(equals + 1));
  entry.user = "root";
  if (rest.starts_with('(')) {
    const std::size_t end = std::min(rest.find(')'), rest.size());
    std::string_view as = rest.substr(1, end - 1);
    entry.user = trimmed(field(as, ':'));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  entry.command = trimmed(rest);
  return entry;
}

LineEntry passwd_line(std::string_view line) {
  std::string_view rest = line;
  if (rest.ends_with('\r')) rest.remove_suffix(1);
  PersistenceEntry entry{.name = std::string(field(rest, ':'))};
  if (entry.name.empty() || entry.name.front() == '#' || rest.empty()) return std::nullopt;
  field(rest, ':');  // password
  entry.user = as_number(std::string(field(rest, ':')));
  for (int i = 0; i < 3; ++i) field(rest, ':');  // group, comment, home
  entry.command = rest;                          // as it is: a blank at its end is another program
  return entry;
}

// Beside the file that names it, unless its path is a whole one; %h is the name of the host.
void follow_sudoers(const std::string& path, std::string_view text, const Follow& follow) {
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kNone)) {
    std::string_view rest = line.text;
    const std::string_view verb = word(rest);
    const bool is_folder = verb == "#includedir" || verb == "@includedir";
    if (!is_folder && verb != "#include" && verb != "@include") continue;
    rest = trimmed(rest);
    std::string named = path_in(rest);
    for (std::size_t at = 0; (at = named.find("%h")) != std::string::npos;)
      named.replace(at, 2, "*");
    if (named.empty()) continue;
    if (!named.starts_with('/')) named.insert(0, std::string(folder_of(path)) + "/");
    follow(Format::kSudoers, named + (is_folder ? "/*" : ""));
  }
}

}  // namespace fleetsweep::scan
