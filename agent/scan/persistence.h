#pragma once

// What starts by itself: where such entries stand, and how their files are read. Pure; the walker
// opens the files and the parser calls parse_persistence().

#include <string>
#include <string_view>
#include <vector>

#include "agent/scan/root.h"
#include "protocol/model/finding.h"

namespace fleetsweep::scan {

enum class Format : std::uint8_t {
  kSystemCrontab,  // five fields (or @word), user, command
  kUserCrontab,    // five fields (or @word), command
  kAnacrontab,     // period, delay, name, command
  kWhole,          // the file is the entry: an init script, a script in cron.daily
  kAtJob,          // a shell script whose prologue at(1) wrote
  kUnit,           // a systemd unit
  kLines,          // each line that is not a comment
  kLibraries,      // ld.so.preload: libraries separated by spaces or colons
};

// Files of one folder, or one file.
struct PersistencePlace {
  model::PersistenceKind kind = model::PersistenceKind::kCron;
  Format format = Format::kLines;
  std::string path;
  bool is_folder = false;
  std::string user;    // whose it is; empty: the name of the file where that is a user, or nobody
  std::string suffix;  // only files that end so
};
// All of them, homes filled in; each at its real path.
std::vector<PersistencePlace> persistence_places(const Root& root);

struct PersistenceEntry {
  std::string name;
  std::string entry;  // empty: the whole file
  std::string command;
  bool operator==(const PersistenceEntry&) const = default;
};
// `path` is the file's, `user` as in the place. At most kPersistenceEntries.
std::vector<PersistenceEntry> parse_persistence(Format format, const std::string& path,
                                                const std::string& user, std::string_view text);

}  // namespace fleetsweep::scan
