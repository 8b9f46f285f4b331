#include "agent/overlay/bolt.h"

#include <bit>
#include <vector>

#include "protocol/base/limits.h"

namespace fleetsweep {
namespace {

using Visit = std::function<void(std::span<const std::string_view>, std::string_view)>;

constexpr std::size_t kPageHeader = 16, kElement = 16, kBucketHeader = 16;
constexpr std::size_t kMetaBytes = 64, kSumAt = 56;
constexpr std::uint64_t kMagic = 0xed0cdaed, kVersion = 2, kMetaPages = 2;
constexpr std::size_t kPageBytesMin = 512, kPageBytesMax = 65536;
static_assert(kPageBytesMax + kPageHeader + kMetaBytes <= kBoltHeadBytes);
enum PageFlags : std::uint16_t { kBranch = 1, kLeaf = 2 };
enum ElementFlags : std::uint32_t { kValue = 0, kBucket = 1 };

std::uint64_t number(BytesView bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i) value = value << 8 | bytes[at + i - 1];
  return value;
}

// FNV-1a
std::uint64_t checksum(BytesView bytes) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) sum = (sum ^ byte) * 0x100000001b3;
  return sum;
}

struct Meta {
  std::size_t page_bytes = 0;
  std::uint64_t root = 0, pages = 0, transaction = 0;
};

std::optional<Meta> meta_at(BytesView bytes, std::size_t at) {
  if (bytes.size() < at + kPageHeader + kMetaBytes) return std::nullopt;
  const BytesView meta = bytes.subspan(at + kPageHeader, kMetaBytes);
  const std::size_t page_bytes = number(meta, 8, 4);
  if (number(meta, 0, 4) != kMagic || number(meta, 4, 4) != kVersion ||
      number(meta, kSumAt, 8) != checksum(meta.first(kSumAt)) || !std::has_single_bit(page_bytes) ||
      page_bytes < kPageBytesMin || page_bytes > kPageBytesMax)
    return std::nullopt;
  return Meta{page_bytes, number(meta, 16, 8), number(meta, 40, 8), number(meta, 48, 8)};
}

// Transactions write their meta page in turns, so that one that was torn leaves the other. The
// second lies behind the first, whose size the second knows too.
std::optional<Meta> last_meta(BytesView bytes) {
  const auto first = meta_at(bytes, 0);
  for (std::size_t size = kPageBytesMin; size <= kPageBytesMax; size *= 2) {
    if (first && first->page_bytes != size) continue;
    const auto second = meta_at(bytes, size);
    if (!second || second->page_bytes != size) continue;
    return first && first->transaction > second->transaction ? first : second;
  }
  return first;
}

class Walk {
 public:
  Walk(BytesView bytes, const Meta& meta, const Visit& visit)
      : bytes_(bytes), meta_(meta), visit_(visit), seen_(meta.pages) {}

  // Keys have one order through all pages of a bucket, so that none is there twice.
  bool page(std::uint64_t wanted, std::string_view& last_key, int depth) {
    if (wanted < kMetaPages || wanted >= meta_.pages) return false;
    const BytesView rest = bytes_.subspan(wanted * meta_.page_bytes);
    const std::uint64_t count = number(rest, 12, 4) + 1;
    if (number(rest, 0, 8) != wanted || count > meta_.pages - wanted) return false;
    // Each page belongs to one thing: whoever comes to one twice goes in a circle.
    for (std::uint64_t i = wanted; i < wanted + count; ++i) {
      if (seen_[i]) return false;
      seen_[i] = true;
    }
    return elements(rest.first(count * meta_.page_bytes), last_key, depth);
  }

 private:
  bool elements(BytesView page, std::string_view& last_key, int depth) {
    const std::uint64_t flags = number(page, 8, 2), count = number(page, 10, 2);
    if ((flags != kBranch && flags != kLeaf) || depth == limits::kBoltDepth) return false;
    // Keys and values lie behind all elements, one after another: no byte is read twice.
    std::uint64_t end = kPageHeader + count * kElement;
    if (end > page.size()) return false;
    for (std::size_t at = kPageHeader; at < kPageHeader + count * kElement; at += kElement) {
      const bool is_leaf = flags == kLeaf;
      const std::uint64_t begin = at + number(page, is_leaf ? at + 4 : at, 4);
      const std::uint64_t key_bytes = number(page, is_leaf ? at + 8 : at + 4, 4);
      const std::uint64_t value_bytes = is_leaf ? number(page, at + 12, 4) : 0;
      if (begin < end || key_bytes == 0 || begin + key_bytes + value_bytes > page.size())
        return false;
      end = begin + key_bytes + value_bytes;
      const BytesView value = page.subspan(begin + key_bytes, value_bytes);
      if (!(is_leaf ? entry(number(page, at, 4), as_text(page.subspan(begin, key_bytes)), value,
                            last_key, depth)
                    : this->page(number(page, at + 8, 8), last_key, depth + 1)))
        return false;
    }
    return true;
  }

  bool entry(std::uint64_t flags, std::string_view key, BytesView value, std::string_view& last_key,
             int depth) {
    if (key <= last_key || flags > kBucket) return false;
    last_key = key;
    path_.push_back(key);
    if (flags == kValue)
      visit_(path_, as_text(value));
    else if (!bucket(value, depth + 1))
      return false;
    path_.pop_back();
    return true;
  }

  // A small one has its only page in its value.
  bool bucket(BytesView value, int depth) {
    if (value.size() < kBucketHeader) return false;
    const std::uint64_t root = number(value, 0, 8);
    std::string_view last_key;
    if (root != 0) return page(root, last_key, depth);
    const BytesView inside = value.subspan(kBucketHeader);
    return inside.size() >= kPageHeader && elements(inside, last_key, depth);
  }

  const BytesView bytes_;
  const Meta meta_;
  const Visit& visit_;
  std::vector<bool> seen_;
  std::vector<std::string_view> path_;
};

}  // namespace

std::optional<std::uint64_t> bolt_transaction(BytesView head) {
  const auto meta = last_meta(head);
  return meta ? std::optional(meta->transaction) : std::nullopt;
}

bool each_bolt_value(BytesView database, const Visit& visit) {
  const auto meta = last_meta(database);
  if (!meta || meta->pages > database.size() / meta->page_bytes) return false;
  std::string_view last_key;
  return Walk(database, *meta, visit).page(meta->root, last_key, 0);
}

}  // namespace fleetsweep
