#pragma once

// A file of hashes, as feeds publish them, one a line -> the records of a hash set:
//
//   HASH                   what follows a blank, a comma or a semicolon is a note (sha256sum)
//   HASH:SIZE:...          ClamAV's .hsb and .hdb; the size * if nobody knows it
//   # a comment
//
// Pure. A million lines take about a second and hold 40 bytes each.

#include <string>
#include <string_view>
#include <vector>

#include "policies/compiler/sink.h"
#include "protocol/hash_set/hash_set.h"

namespace fleetsweep::compiler {

struct HashList {
  std::vector<hash_set::HashRecord> records;
  std::size_t others = 0;  // hashes of another kind than was asked for
};

// Each line that holds no hash is a mistake; the first limits::kHashListMistakes are named. `file`
// is how messages call it; `hash_bytes` is 32, 20 or 16.
HashList read_hash_list(std::string_view text, const std::string& file, std::size_t hash_bytes,
                        Sink& sink);

}  // namespace fleetsweep::compiler
