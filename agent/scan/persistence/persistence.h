#pragma once

// What starts by itself: how the files of protocol/model/persistence_places.h are read. Pure; the
// walker opens the files (persistence_pass.h) and the parser calls parse_persistence().

#include <string>
#include <string_view>
#include <vector>

#include "protocol/model/persistence_places.h"

namespace fleetsweep::scan {

using Format = model::EntryFormat;

struct PersistenceEntry {
  std::string name;
  std::string entry;  // the line, or the lines that belong together; empty: the whole file
  std::string command;
  std::string user;        // whom it runs as, where that is said
  std::uint32_t line = 0;  // of the entry's first line; 0: the whole file
  bool of_loader = false;  // what a unit tells the loader: systemd_environment, whatever the place
  bool operator==(const PersistenceEntry&) const = default;
};
// `path` is the file's, `user` as in the place. At most kPersistenceEntries.
std::vector<PersistenceEntry> parse_persistence(Format format, const std::string& path,
                                                const std::string& user, std::string_view text);

// A file that another one names: EnvironmentFile, Include, AuthorizedKeysFile, #include.
struct FollowedFile {
  Format format = Format::kLines;
  std::string path;  // as in a PersistencePlace: @home and * may stand in it
  bool operator==(const FollowedFile&) const = default;
};
std::vector<FollowedFile> followed_files(Format format, const std::string& path,
                                         std::string_view text);
// Of the files that one with this format can name.
model::PersistenceKind kind_of_followed(Format format);

// systemd_timer for x.timer and for x.timer.d/y.conf, and so on.
model::PersistenceKind kind_of_unit(std::string_view path);

// A variable that makes each program that is started load or run something.
bool is_of_loader(std::string_view variable);

}  // namespace fleetsweep::scan
