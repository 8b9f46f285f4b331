#pragma once

// What a scan that did not come to its end has answered already, so that the next one of the same
// policies goes on where it was: the walk begins anew, since looking costs little and shows what
// has changed meanwhile, and a file that was read before and is still the same is not read again.
// Only files in which nothing was found stand here: what is found comes from what is read now.
//
// A log: a head, then blocks of files, each with a check. A tail that a crash cut is left.

#include <span>

#include "agent/scan/identity_table.h"
#include "agent/scan/own_file.h"
#include "agent/scan/root.h"
#include "protocol/model/policy.h"

namespace fleetsweep::scan {

// A file that was read to its end, and in which none of the detections was found.
struct Answered {
  IdentityTable::Name name{};  // under the key of the checkpoint
  Digest sha256;               // zero: not known
  // A bit for each of the first detections that the identity table can know.
  IdentityTable::Questions no{};
  std::uint64_t bytes = 0;  // that were read
  bool operator==(const Answered&) const = default;
};

// What must be the same for a scan to go on with another one's answers: version, detections and
// rules, the root, and whether the identity table is believed.
Digest scan_identity(const model::Policy& policy, const Root& root, bool believes_table,
                     Timestamp now);

// When a list ends changes no answer, only whether it has ended: under a clock that goes wrong it
// has been answered another question.
std::vector<model::Detection> as_of(Timestamp now, std::vector<model::Detection> detections);

struct CheckpointHead {
  Digest scan;
  std::int64_t started = 0;  // Unix seconds, of the first of the scans
  crypto::TableKey key{};
  bool operator==(const CheckpointHead&) const = default;
};
// Shapes of the file. Numbers in the order of the host's bytes: it never leaves it.
Bytes encode_head(const CheckpointHead& head);
Result<CheckpointHead> decode_head(BytesView bytes);  // of kHeadBytes
Bytes encode_block(const CheckpointHead& head, std::uint64_t offset,
                   std::span<const Answered> files);
// The block at the beginning of the bytes, which may be longer. kInvalid: not a whole one that was
// written there.
Result<std::vector<Answered>> decode_block(const CheckpointHead& head, std::uint64_t offset,
                                           BytesView bytes);

class Checkpoint {
 public:
  static Result<Checkpoint> open(const std::string& path);  // as OwnFile::open

  // Of a scan that can be gone on with: the same one, begun at most kCheckpointAge before now.
  // Nothing otherwise. Then either go_on() or begin().
  std::optional<CheckpointHead> find(const Digest& scan, std::int64_t now) const;
  // Each file that was answered; what is added stands behind it.
  Status go_on(const CheckpointHead& head, const std::function<void(const Answered&)>& each);
  // What lies there is forgotten.
  Status begin(const CheckpointHead& head);
  // At most kCheckpointFiles are kept: the rest is read again.
  Status add(std::span<const Answered> files);
  // The scan came to its end: there is nothing to go on with.
  Status end();

  const std::string& path() const { return file_.path(); }

 private:
  explicit Checkpoint(OwnFile file) : file_(std::move(file)) {}
  OwnFile file_;
  CheckpointHead head_;
  std::uint64_t offset_ = 0;  // of the next block
  std::size_t files_ = 0;
};

}  // namespace fleetsweep::scan
