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
  std::size_t others = 0;         // hashes of another kind than was asked for
  std::size_t of_empty_file = 0;  // left out, and those of one line break too
};

// SHA-256, SHA-1 or MD5 of no bytes, in small letters: every empty file would be found by it.
bool is_hash_of_empty_file(std::string_view hex);
// Of a line break alone, LF or CR LF: nearly every host has such files.
bool is_hash_of_line_break(std::string_view hex);

// Each line that holds no hash is a mistake; the first limits::kHashListMistakes are named. The
// hash of the empty file or of one line break, which feeds often have, is left out with a warning.
// `file` is how messages call it; `hash_bytes` is 32, 20 or 16.
HashList read_hash_list(std::string_view text, const std::string& file, std::size_t hash_bytes,
                        Sink& sink);

}  // namespace fleetsweep::compiler
