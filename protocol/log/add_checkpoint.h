#pragma once

// The body of C2SP tlog-witness's POST /add-checkpoint: "old N", the consistency proof (a base64
// hash a line), a blank line, the checkpoint note. https://c2sp.org/tlog-witness

#include <string>
#include <vector>

#include "protocol/base/ids.h"

namespace fleetsweep::log {

struct AddCheckpoint {
  std::uint64_t old_size = 0;
  std::vector<Digest> proof;
  std::string note;  // not parsed

  std::string text() const;
  // kInvalid: more than kProofHashes hashes or kAddCheckpointBytes, or any other spelling.
  static Result<AddCheckpoint> parse(std::string_view text);
  bool operator==(const AddCheckpoint&) const = default;
};

// The content type of a 409 answer, whose body is the witness's size, decimal and newline.
inline constexpr std::string_view kSizeContentType = "text/x.tlog.size";

}  // namespace fleetsweep::log
