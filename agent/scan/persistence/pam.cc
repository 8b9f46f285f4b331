#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry pam_line(std::string service, std::string_view line) {
  std::string_view rest = line;
  if (is_comment(trimmed(rest))) return std::nullopt;
  if (service.empty()) service = word(rest);
  std::string_view type = word(rest);
  if (type.starts_with('@')) return std::nullopt;
  rest = trimmed(rest);
  if (rest.starts_with('['))
    field(rest, ']');
  else
    word(rest);
  if (trimmed(rest).empty()) return std::nullopt;
  return PersistenceEntry{.name = std::move(service), .command = std::string(trimmed(rest))};
}

}  // namespace fleetsweep::scan
