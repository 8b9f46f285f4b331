#pragma once

// A scan's questions put to the identity table first. A question is one file detection whose answer
// rests on the path, the stat and the content alone; the table answers with no, or not at all, so
// that every finding comes from bytes read now.

#include <map>

#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/identity_table.h"

namespace fleetsweep::scan {

class KnownFiles {
 public:
  // The table outlives it. `policy` is what the matcher was compiled from.
  KnownFiles(IdentityTable& table, const Matcher& matcher, const model::Policy& policy,
             std::int64_t now_ns);

  // What is known of one file. `can_learn` is false where times prove nothing: a file system
  // without them, a file changed just now.
  struct File {
    bool can_learn = false;
    IdentityTable::Name name{};
    const IdentityTable::Known* known = nullptr;
  };
  // `folder` is an open folder of the file's file system; `born_ns` 0 where it is not known.
  File look_up(int folder, const FileFacts& facts, std::int64_t born_ns);
  bool says_no(const File& file, std::uint16_t detection) const;

  // What a complete reading of the file gave: its SHA-256, zero where nobody asked, and the
  // detections that are not true of it.
  void learn(const File& file, const Digest& sha256, std::span<const std::uint16_t> no);

 private:
  // Its id when it has kept times, identities and births for good: nothing for tmpfs, overlay, FUSE
  // and network file systems.
  std::optional<std::uint64_t> file_system(int folder, std::uint64_t device);

  IdentityTable& table_;
  std::int64_t now_ns_;
  std::vector<std::optional<unsigned>> bits_;  // per detection
  std::map<std::uint64_t, std::optional<std::uint64_t>> file_systems_;
};

}  // namespace fleetsweep::scan
