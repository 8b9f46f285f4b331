#pragma once

// A scan's questions put to what is known already, before a file is opened: to the identity table,
// and to the checkpoint of a scan that did not come to its end. A question to the table is one file
// detection, and its answer one that path, stat and content alone give; both answer with no, or
// not at all, so that every finding comes from bytes read now.

#include <sys/stat.h>

#include <map>

#include "agent/scan/checkpoint.h"
#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/identity_table.h"

namespace fleetsweep::scan {

class KnownFiles {
 public:
  // Null: none is believed. Both outlive it. `policy` is what the matcher was compiled from, as of
  // `now`.
  KnownFiles(IdentityTable* table, Checkpoint* checkpoint, const crypto::TableKey& key,
             const Matcher& matcher, const model::Policy& policy, Timestamp now,
             std::int64_t now_ns);

  // Goes on with a checkpoint of the same scan. How many files it had answered.
  Result<std::size_t> go_on(const CheckpointHead& head);

  // What is known of one file. `can_learn` is false where times prove nothing: a file system
  // without them, a file changed just now, and on XFS and f2fs one that others than root may write.
  struct File {
    bool can_learn = false;
    IdentityTable::Name name{};
    std::optional<IdentityTable::Known> known{};
    // By the scan that is gone on with, with the bytes it read for it.
    std::optional<std::uint64_t> answered{};
  };
  // Of files in this folder the next questions are.
  void enter(std::string_view folder, const std::vector<std::string>& aliases);
  // `folder` is that folder, open; `identity` and `status` are of the file, and `born_ns` is 0
  // where it is not known.
  File look_up(int folder, std::string_view name, const model::FileIdentity& identity,
               const struct stat& status, std::int64_t born_ns);
  bool says_no(const File& file, std::uint16_t detection) const;

  // What a complete reading of the file gave: its SHA-256, zero where nobody asked, and the
  // detections that are not true of it, whatever packages own it and when its folder changed.
  struct Reading {
    Digest sha256;
    std::vector<std::uint16_t> no;
    std::uint64_t bytes = 0;
    bool is_answered = false;  // all that this scan asks of the host's files, with no
  };
  void learn(const File& file, const Reading& reading);
  // Now and then: what was learned since is in the checkpoint afterwards.
  Status save();

 private:
  struct FileSystemId {
    std::uint64_t id = 0;
    // XFS, and f2fs of older kernels: who may write two files of one size swaps them, or moves what
    // is in one to the other, without a new time.
    bool swaps = false;
  };
  // When it has kept times, identities and births for good: nothing for tmpfs, overlay, FUSE and
  // network file systems.
  std::optional<FileSystemId> file_system(int folder, std::uint64_t device);

  IdentityTable* table_;
  Checkpoint* checkpoint_;
  crypto::TableKey key_;
  std::int64_t now_ns_;
  crypto::TableHash folder_{};
  std::vector<std::optional<unsigned>> bits_;  // per detection
  std::vector<std::uint16_t> questions_;       // the detection of each bit of Answered
  std::map<std::uint64_t, std::optional<FileSystemId>> file_systems_;
  // Of the file before.
  std::optional<std::uint64_t> last_device_;
  std::optional<FileSystemId> last_file_system_;
  std::vector<std::pair<IdentityTable::Name, std::uint64_t>> answered_;  // before; sorted
  std::vector<Answered> unsaved_;
};

}  // namespace fleetsweep::scan
