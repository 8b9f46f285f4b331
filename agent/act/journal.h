#pragma once

// The append-only record of what act intends and did. A record is durable when append() returns
// (O_DSYNC). On disk: u32 length, u32 CRC-32C of the rest, 32 bytes chain, body; the chain is
// SHA-256(previous chain || body), so no record can be dropped, moved or replaced.
//
// A last record that is incomplete or fails its sum is a torn write: nothing was done under it, and
// it is cut off. The same in front of a whole record is damage, wherever its own length says that
// it ends: open() refuses, and nothing is done any more.

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/limits.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

class Journal {
 public:
  // Makes the file (0600) if it is not there. kInvalid: damaged; kUnavailable: the disk refuses.
  static Result<Journal> open(const std::string& path);

  const std::vector<Bytes>& records() const { return records_; }
  // kUnavailable: not written (and cut off again); kOverloaded: it would be over `bytes_max`.
  Status append(BytesView body, std::size_t bytes_max = limits::kJournalBytes);

 private:
  explicit Journal(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
  std::uint64_t size_ = 0;
  Digest chain_;
  std::vector<Bytes> records_;
};

std::uint32_t crc32c(BytesView bytes);

}  // namespace fleetsweep::act
