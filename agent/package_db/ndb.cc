#include "agent/package_db/ndb.h"

#include <string_view>

namespace fleetsweep {

namespace {

constexpr std::size_t kPageBytes = 4096, kSlotBytes = 16, kBlockBytes = 16;
constexpr std::size_t kPageSlots = kPageBytes / kSlotBytes, kPageBlocks = kPageBytes / kBlockBytes;
constexpr std::size_t kHeaderSlots = 2;  // the header lies where the first slots would
constexpr std::size_t kHeadBytes = 16, kTailBytes = 12;

Error damaged(std::uint64_t at, std::string_view expected) {
  return {Code::kInvalid,
          fmt::format("not an ndb that can be read: byte {} should begin {}", at, expected)};
}

std::uint32_t number(BytesView bytes, std::size_t at) {
  return bytes[at] | static_cast<std::uint32_t>(bytes[at + 1]) << 8 |
         static_cast<std::uint32_t>(bytes[at + 2]) << 16 |
         static_cast<std::uint32_t>(bytes[at + 3]) << 24;
}

std::string_view mark(BytesView bytes, std::size_t at) {
  return as_text(bytes.subspan(at, 4));
}

// RFC 1950
std::uint32_t adler32(BytesView bytes) {
  std::uint32_t first = 1, second = 0;
  for (const std::uint8_t byte : bytes) {
    first = (first + byte) % 65521;
    second = (second + first) % 65521;
  }
  return second << 16 | first;
}

struct Slot {
  std::uint32_t package, block, blocks;
};

// With its head and tail.
Result<Bytes> blob_of(const ByteSource& file, const Slot& slot, std::size_t bytes_max) {
  const std::uint64_t at = std::uint64_t{slot.block} * kBlockBytes;
  Bytes blob(kHeadBytes);
  if (!file.read(blob, at) || mark(blob, 0) != "BlbS" || number(blob, 4) != slot.package)
    return fail(damaged(at, fmt::format("\"BlbS\" and the number {}", slot.package)));
  const std::uint64_t size = number(blob, 12);
  const std::uint64_t blocks = (kHeadBytes + size + kTailBytes + kBlockBytes - 1) / kBlockBytes;
  if (size > bytes_max || blocks != slot.blocks)
    return fail(damaged(at + 12, fmt::format("a size that {} blocks are for, of at most {} bytes",
                                             slot.blocks, bytes_max)));
  blob.resize(blocks * kBlockBytes);
  const std::size_t tail = blob.size() - kTailBytes;
  if (!file.read(blob, at) || number(blob, tail + 4) != size || mark(blob, tail + 8) != "BlbE" ||
      number(blob, tail) != adler32(BytesView(blob).first(tail)))
    return fail(damaged(at + tail, "the blob's checksum, its size and \"BlbE\""));
  return blob;
}

}  // namespace

Status each_ndb_blob(const ByteSource& file, std::size_t bytes_max,
                     const std::function<Status(BytesView)>& visit) {
  Bytes page(kPageBytes);
  if (!file.read(page, 0) || mark(page, 0) != "RpmP" || number(page, 4) != 0)
    return fail(damaged(0, "\"RpmP\" and version 0, and a page of slots"));
  const std::uint64_t pages = number(page, 12), blocks = file.size / kBlockBytes;
  if (pages == 0 || pages * kPageBlocks > blocks || file.size % kBlockBytes != 0)
    return fail(damaged(12, "a number of pages that the file has, in whole blocks"));
  std::uint64_t blocks_left = blocks - pages * kPageBlocks;
  for (std::uint64_t i = kHeaderSlots; i < pages * kPageSlots; ++i) {
    const std::uint64_t at = i * kSlotBytes;
    const std::size_t in_page = at % kPageBytes;
    if (in_page == 0 && !file.read(page, at)) return fail(damaged(at, "a page of slots"));
    if (mark(page, in_page) != "Slot") return fail(damaged(at, "\"Slot\""));
    const Slot slot{number(page, in_page + 4), number(page, in_page + 8),
                    number(page, in_page + 12)};
    if (slot.block == 0) continue;
    // No block is in two blobs, so that reading ends however many slots there are.
    if (slot.package == 0 || slot.block < pages * kPageBlocks || slot.blocks > blocks_left ||
        std::uint64_t{slot.block} + slot.blocks > blocks)
      return fail(damaged(at + 4, "a package's number, and blocks behind the slots for it alone"));
    blocks_left -= slot.blocks;
    FS_TRY(const Bytes blob, blob_of(file, slot, bytes_max));
    FS_CHECK(visit(BytesView(blob).subspan(kHeadBytes, number(blob, 12))));
  }
  return {};
}

}  // namespace fleetsweep
