#pragma once

// Hash sets: as many hashes of files as there are, which a policy names by the digests of their
// parts. A part is a small file of its own format, so that it can be searched where it lies:
//
//   8 bytes  "FSHASHES"
//   u32 LE   bytes of a hash: 32 (SHA-256), 20 (SHA-1) or 16 (MD5)
//   u32 LE   number of records, at least 1
//   records  u64 BE the file's size, kAnySize if nobody knows it; then the hash
//
// Records ascend as bytes, each above the one before, also from a set's part to its next: by size
// first, so that a file of a size that no record has needs no hash.

#include <array>
#include <compare>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/model/policy.h"

namespace fleetsweep::hash_set {

inline constexpr std::uint64_t kAnySize = ~std::uint64_t{0};
inline constexpr std::size_t kHashPartHeaderBytes = 16;
inline constexpr std::size_t kRecordSizeBytes = 8;

struct HashRecord {
  std::uint64_t size = kAnySize;
  std::array<std::uint8_t, 32> hash{};  // zeros behind a shorter one
  auto operator<=>(const HashRecord&) const = default;
};

// The parts of a set, each at most limits::kHashPartBytes; the same records in any order, and any
// of them twice, give the same bytes. `hash_bytes` is 32, 20 or 16.
std::vector<Bytes> encode_hash_set(std::vector<HashRecord> records, std::size_t hash_bytes);

// Borrows the bytes.
struct HashPartView {
  std::size_t hash_bytes = 0;
  std::size_t count = 0;
  BytesView records;

  std::size_t record_bytes() const { return kRecordSizeBytes + hash_bytes; }
  BytesView record(std::size_t index) const {
    return records.subspan(index * record_bytes(), record_bytes());
  }
};

// Whether these bytes mean to be a part; a policy never begins so.
bool is_hash_part(BytesView bytes);
// kInvalid: no part, too long, or records out of order.
Result<HashPartView> decode_hash_part(BytesView bytes);

// All parts that a policy names, each once, in the order in which it first names them.
std::vector<model::HashPart> hash_parts(const model::Policy& policy);
// How many hashes stand in parts of these sizes, each of `hash_bytes`.
std::size_t hash_count(const std::vector<model::HashPart>& parts, std::size_t hash_bytes);

}  // namespace fleetsweep::hash_set
