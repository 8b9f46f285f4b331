#include "agent/lines/logical_lines.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

// `@include PATH` as Debian has it, with nothing before it, and `auth include PATH`.
bool is_include(std::string_view word) {
  return lower(word) == "@include";
}
bool includes(std::string_view control) {
  return lower(control) == "include" || lower(control) == "substack";
}

}  // namespace

LineEntry pam_line(std::string service, std::string_view line) {
  std::string_view rest = line;
  if (is_comment(trimmed(rest))) return std::nullopt;
  std::string_view type = word(rest);
  if (service.empty() && !is_include(type)) {
    service = type;
    type = word(rest);
  }
  rest = trimmed(rest);
  if (rest.starts_with('['))
    field(rest, ']');
  else if (!is_include(type))
    word(rest);
  if (trimmed(rest).empty()) return std::nullopt;
  return PersistenceEntry{.name = std::move(service), .command = std::string(trimmed(rest))};
}

// A name without a slash is a file of /etc/pam.d, which is read anyway.
void follow_pam(Format format, std::string_view text, const Follow& follow) {
  for (const lines::Line& line : lines::logical_lines(text, lines::Join::kPam)) {
    const std::string whole = lines::joined(line.text, lines::Join::kPam);
    std::string_view rest = whole;
    std::string_view type = word(rest);
    if (format == Format::kPamConf && !is_include(type)) type = word(rest);
    if (!is_include(type) && !includes(word(rest))) continue;
    const std::string named(word(rest));
    if (named.find('/') == std::string::npos) continue;
    follow(Format::kPam, named.starts_with('/') ? named : "/etc/pam.d/" + named);
  }
}

}  // namespace fleetsweep::scan
