#include "protocol/hash_set/hash_set.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"

namespace fleetsweep::hash_set {
namespace {

constexpr std::string_view kMagic = "FSHASHES";

bool is_hash_length(std::size_t bytes) {
  return bytes == 32 || bytes == 20 || bytes == 16;
}

void put_u32(Bytes& out, std::size_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::size_t u32_at(BytesView bytes, std::size_t at) {
  return bytes[at] | std::size_t{bytes[at + 1]} << 8 | std::size_t{bytes[at + 2]} << 16 |
         std::size_t{bytes[at + 3]} << 24;
}

}  // namespace

std::vector<Bytes> encode_hash_set(std::vector<HashRecord> records, std::size_t hash_bytes) {
  FS_ASSERT(is_hash_length(hash_bytes));
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  const std::size_t record_bytes = kRecordSizeBytes + hash_bytes;
  const std::size_t part_records = (limits::kHashPartBytes - kHashPartHeaderBytes) / record_bytes;
  std::vector<Bytes> parts;
  for (std::size_t from = 0; from < records.size(); from += part_records) {
    const std::size_t count = std::min(part_records, records.size() - from);
    Bytes& part = parts.emplace_back();
    part.reserve(kHashPartHeaderBytes + count * record_bytes);
    append(part, kMagic);
    put_u32(part, hash_bytes);
    put_u32(part, count);
    for (std::size_t i = from; i < from + count; ++i) {
      for (int shift = 56; shift >= 0; shift -= 8)
        part.push_back(static_cast<std::uint8_t>(records[i].size >> shift));
      append(part, BytesView(records[i].hash).first(hash_bytes));
    }
  }
  return parts;
}

bool is_hash_part(BytesView bytes) {
  return as_text(bytes).starts_with(kMagic);
}

Result<HashPartView> decode_hash_part(BytesView bytes) {
  if (!is_hash_part(bytes) || bytes.size() < kHashPartHeaderBytes)
    return fail(Code::kInvalid, "hash set: no part of one begins so");
  if (bytes.size() > limits::kHashPartBytes)
    return fail(Code::kInvalid, "hash set: a part of {} bytes where at most {} were expected",
                bytes.size(), limits::kHashPartBytes);
  HashPartView part{u32_at(bytes, 8), u32_at(bytes, 12), bytes.subspan(kHashPartHeaderBytes)};
  if (!is_hash_length(part.hash_bytes))
    return fail(Code::kInvalid, "hash set: hashes of {} bytes where 32, 20 or 16 were expected",
                part.hash_bytes);
  if (part.count == 0 || part.records.size() != part.count * part.record_bytes())
    return fail(Code::kInvalid, "hash set: {} bytes of records where {} records were expected",
                part.records.size(), part.count);
  for (std::size_t i = 1; i < part.count; ++i)
    if (std::memcmp(part.record(i - 1).data(), part.record(i).data(), part.record_bytes()) >= 0)
      return fail(Code::kInvalid, "hash set: record {} does not stand above the one before it", i);
  return part;
}

std::vector<model::HashPart> hash_parts(const model::Policy& policy) {
  std::vector<model::HashPart> parts;
  std::set<Digest> seen;
  for (const model::Detection& detection : policy.detections)
    for (const auto* selections : {&detection.any_of, &detection.none_of})
      for (const model::Selection& selection : *selections)
        for (const model::Predicate& predicate : selection)
          for (const model::HashPart& part : predicate.parts)
            if (seen.insert(part.digest).second) parts.push_back(part);
  return parts;
}

std::size_t hash_count(const std::vector<model::HashPart>& parts, std::size_t hash_bytes) {
  std::size_t count = 0;
  for (const model::HashPart& part : parts)
    if (part.bytes > kHashPartHeaderBytes)
      count += (part.bytes - kHashPartHeaderBytes) / (kRecordSizeBytes + hash_bytes);
  return count;
}

}  // namespace fleetsweep::hash_set
