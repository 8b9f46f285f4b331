#include "agent/lines/udev_rule.h"
#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {

LineEntry udev_line(const std::string& user, std::string_view line) {
  if (is_comment(trimmed(line))) return std::nullopt;
  PersistenceEntry entry{.user = user};
  lines::each_udev_key(line, [&](const lines::UdevKey& key) {
    if (key.name != "RUN" && key.name != "PROGRAM" && !key.written.starts_with("IMPORT{program}"))
      return;
    append(entry.command, key.value);
    if (key.meant != key.value) append(entry.command, key.meant);
  });
  return entry.command.empty() ? std::nullopt : std::optional(entry);
}

}  // namespace fleetsweep::scan
