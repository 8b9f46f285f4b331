#include "agent/package_db/berkeley_hash.h"

#include <algorithm>
#include <bit>
#include <string_view>

namespace fleetsweep {

namespace {

// db_page.h
constexpr std::size_t kMetaBytes = 512, kSparesAt = 96, kPageHeader = 26;
constexpr std::uint32_t kMagic = 0x061561;
enum PageType : std::uint8_t { kUnsorted = 2, kOverflow = 7, kMeta = 8, kSorted = 13 };
enum ItemType : std::uint8_t { kOnPage = 1, kOffPage = 3 };
constexpr std::size_t kKeyBytes = 1 + 4, kOffPageBytes = 12;  // with their type

Error damaged(std::uint64_t at, std::string_view expected) {
  return {Code::kInvalid,
          fmt::format("not a Berkeley DB that can be read: byte {} should begin {}", at, expected)};
}

class Database {
 public:
  Database(const ByteSource& file, std::size_t bytes_max,
           const std::function<Status(BytesView)>& visit)
      : file_(file), bytes_max_(bytes_max), visit_(visit) {}

  Status open() {
    if (!file_.read(meta_, 0)) return fail(damaged(0, "a first page"));
    is_big_endian_ = meta_[12] == 0;
    if (number(meta_, 12, 4) != kMagic) return fail(damaged(12, "the mark of a hash"));
    const std::uint32_t version = number(meta_, 16, 4);
    if (version < 8 || version > 10) return fail(damaged(16, "a version from 8 to 10"));
    page_bytes_ = number(meta_, 20, 4);
    if (page_bytes_ < 512 || page_bytes_ > 65536 || !std::has_single_bit(page_bytes_))
      return fail(damaged(20, "a power of two from 512 to 65536"));
    if (meta_[24] != 0 || meta_[25] != kMeta || (meta_[26] & 1) != 0)
      return fail(damaged(24, "what a hash without encryption and checksums has there"));
    pages_left_ = file_.size / page_bytes_;
    if (number(meta_, 72, 4) >= pages_left_)
      return fail(damaged(72, "the number of a last bucket that is within the file"));
    return {};
  }

  Status buckets() {
    const std::uint32_t last = number(meta_, 72, 4);
    for (std::uint32_t bucket = 0; bucket <= last; ++bucket) {
      // Pages for other things lie between the buckets wherever their count was doubled.
      const auto doublings = static_cast<std::size_t>(std::bit_width(bucket));
      std::uint32_t next = bucket + number(meta_, kSparesAt + 4 * doublings, 4);
      do {
        const std::uint64_t at = offset_of(next);
        FS_TRY(const Bytes page, page_of(next));
        if (page[25] != kUnsorted && page[25] != kSorted)
          return fail(damaged(at + 25, "the type of a bucket's page"));
        FS_CHECK(pairs(page, at));
        next = number(page, 16, 4);
      } while (next != 0);
    }
    return {};
  }

 private:
  // Items lie from the end of the page on, each in front of the one before.
  Status pairs(BytesView page, std::uint64_t at) {
    const std::size_t count = number(page, 20, 2), first = kPageHeader + 2 * count;
    if (count % 2 != 0 || first > page.size())
      return fail(damaged(at + 20, "an even number of items that the page has room for"));
    std::size_t end = page.size();
    for (std::size_t i = 0; i < count; i += 2) {
      const std::size_t places = kPageHeader + 2 * i;
      const std::size_t key = number(page, places, 2), value = number(page, places + 2, 2);
      if (key >= end || value >= key || value < first)
        return fail(damaged(at + places, "the places of a key and a value in what is left"));
      if (page[key] != kOnPage || end - key != kKeyBytes)
        return fail(damaged(at + key, "a key of four bytes"));
      if (number(page, key + 1, 4) != 0)
        FS_CHECK(give(page.subspan(value, key - value), at + value));
      end = value;
    }
    return {};
  }

  Status give(BytesView item, std::uint64_t at) {
    if (item[0] == kOnPage) return visit_(item.subspan(1));
    if (item[0] != kOffPage || item.size() != kOffPageBytes)
      return fail(damaged(at, "a value, or where it is"));
    std::uint32_t next = number(item, 4, 4);
    const std::size_t size = number(item, 8, 4);
    if (size > bytes_max_)
      return fail(damaged(at + 8, fmt::format("a size of at most {} bytes", bytes_max_)));
    Bytes value;
    while (value.size() < size) {
      const std::uint64_t page_at = offset_of(next);
      FS_TRY(const Bytes page, page_of(next));
      const std::size_t part = number(page, 22, 2);
      if (page[25] != kOverflow || part == 0 ||
          part > std::min(page.size() - kPageHeader, size - value.size()))
        return fail(damaged(page_at + 22, "the size of a part of a value, and its page's type"));
      append(value, BytesView(page).subspan(kPageHeader, part));
      next = number(page, 16, 4);
    }
    if (next != 0) return fail(damaged(at + 8, "a size that ends with its last page"));
    return visit_(value);
  }

  // Each page belongs to one thing: whoever reads more than there are goes in a circle.
  Result<Bytes> page_of(std::uint32_t wanted) {
    const std::uint64_t at = offset_of(wanted);
    Bytes page(page_bytes_);
    if (wanted == 0 || pages_left_-- == 0 || !file_.read(page, at) || number(page, 8, 4) != wanted)
      return fail(damaged(at, fmt::format("page {}, that nothing else led to", wanted)));
    return page;
  }
  std::uint64_t offset_of(std::uint32_t page) const { return std::uint64_t{page} * page_bytes_; }

  std::uint32_t number(BytesView bytes, std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | bytes[at + (is_big_endian_ ? i : size - 1 - i)];
    return value;
  }

  const ByteSource& file_;
  const std::size_t bytes_max_;
  const std::function<Status(BytesView)>& visit_;
  Bytes meta_ = Bytes(kMetaBytes);
  bool is_big_endian_ = false;
  std::uint32_t page_bytes_ = 0;
  std::uint64_t pages_left_ = 0;
};

}  // namespace

Status each_berkeley_value(const ByteSource& file, std::size_t bytes_max,
                           const std::function<Status(BytesView)>& visit) {
  Database database(file, bytes_max, visit);
  FS_CHECK(database.open());
  return database.buckets();
}

}  // namespace fleetsweep
