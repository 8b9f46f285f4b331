#include "agent/scan/evaluate/hash_set.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using SizeKey = std::array<std::uint8_t, hash_set::kRecordSizeBytes>;

SizeKey key_of(std::uint64_t size) {
  SizeKey key;
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::uint8_t>(size >> (56 - 8 * i));
  return key;
}

bool is_below(BytesView record, BytesView key) {
  return std::memcmp(record.data(), key.data(), key.size()) < 0;
}

BytesView last_of(const hash_set::HashPartView& part) {
  return part.record(part.count - 1);
}

}  // namespace

Status HashParts::add(const model::Policy& policy, BytesView& bytes) {
  std::optional<Error> defect;
  for (const model::HashPart& named : hash_set::hash_parts(policy)) {
    const BytesView part = bytes.first(std::min<std::size_t>(named.bytes, bytes.size()));
    bytes = bytes.subspan(part.size());
    if (part.size() < named.bytes)
      return fail(Code::kNotFound, "hash set: part {} of {} bytes is missing", named.digest.hex(),
                  named.bytes);
    const auto view = hash_set::decode_hash_part(part);
    if (crypto::sha256(part) != named.digest)
      defect = Error{Code::kNotFound, "hash set: part " + named.digest.hex() + " is damaged"};
    else if (!view)
      defect = view.error();
    else
      parts_.emplace(named.digest, *view);
  }
  if (defect) return fail(std::move(*defect));
  return {};
}

const hash_set::HashPartView* HashParts::find(const Digest& digest) const {
  const auto found = parts_.find(digest);
  return found == parts_.end() ? nullptr : &found->second;
}

Result<HashSet> HashSet::of(const std::vector<model::HashPart>& parts, std::size_t hash_bytes,
                            const HashParts& known) {
  HashSet set;
  for (const model::HashPart& named : parts) {
    const hash_set::HashPartView* part = known.find(named.digest);
    if (part == nullptr)
      return fail(Code::kNotFound, "hash set: part {} is missing", named.digest.hex());
    if (part->hash_bytes != hash_bytes)
      return fail(Code::kInvalid, "hash set: hashes of {} bytes where {} were expected",
                  part->hash_bytes, hash_bytes);
    if (!set.parts_.empty() && !is_below(last_of(set.parts_.back()), part->record(0)))
      return fail(Code::kInvalid, "hash set: part {} does not stand above the one before it",
                  named.digest.hex());
    set.parts_.push_back(*part);
  }
  set.has_any_size_ = !set.first_from(key_of(hash_set::kAnySize)).empty();
  return set;
}

BytesView HashSet::first_from(BytesView key) const {
  const auto part = std::partition_point(
      parts_.begin(), parts_.end(),
      [&](const hash_set::HashPartView& one) { return is_below(last_of(one), key); });
  if (part == parts_.end()) return {};
  std::size_t low = 0, high = part->count - 1;  // the last is none that is below
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (is_below(part->record(middle), key))
      low = middle + 1;
    else
      high = middle;
  }
  return part->record(low);
}

bool HashSet::may_hold(std::uint64_t size) const {
  if (has_any_size_) return true;
  const SizeKey key = key_of(size);
  const BytesView record = first_from(key);
  return !record.empty() && equal(record.first(key.size()), key);
}

bool HashSet::has(std::uint64_t size, BytesView hash) const {
  const SizeKey size_key = key_of(size);
  Bytes key(size_key.begin(), size_key.end());
  append(key, hash);
  const BytesView record = first_from(key);
  return !record.empty() && equal(record, key);
}

bool HashSet::holds(std::uint64_t size, std::string_view hash) const {
  const auto bytes = from_hex(hash);
  if (!bytes || parts_.empty() || bytes->size() != parts_.front().hash_bytes) return false;
  return has(size, *bytes) || (has_any_size_ && has(hash_set::kAnySize, *bytes));
}

}  // namespace fleetsweep::scan
