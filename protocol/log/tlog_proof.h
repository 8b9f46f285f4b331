#pragma once

// A C2SP tlog-proof: that an entry is in a log, in one file that needs no log and no network to be
// checked. https://c2sp.org/tlog-proof. Pure.

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"

namespace fleetsweep::log {

struct TlogProof {
  std::optional<Bytes> extra;  // opaque, and proven by nothing; ours have none
  std::uint64_t index = 0;
  std::vector<Digest> hashes;  // from the leaf's sibling up
  std::string note;            // the checkpoint, verbatim; not parsed, nothing is verified

  std::string text() const;
  // kInvalid: more than kTlogProofBytes or kProofHashes, or any other spelling.
  static Result<TlogProof> parse(std::string_view text);
  bool operator==(const TlogProof&) const = default;
};

}  // namespace fleetsweep::log
