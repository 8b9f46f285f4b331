#include "protocol/log/tiles.h"

#include <charconv>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::log {
namespace {

constexpr std::string_view kEntries = "entries/";
constexpr std::string_view kPartial = ".p/";
constexpr unsigned kLevelMax = 63;
constexpr unsigned kLevelBits = 8;  // 256 = 2^8

static_assert(limits::kLogEntryBytes < 1 << 16, "an entry's length has 16 bits");

// Decimal, as we would write it.
Result<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || text != fmt::format("{}", value))
    return fail(Code::kInvalid, "'{}' is not a number of a tile", escaped(text));
  return value;
}

// "x001/x234/067": three digits an element, all but the last with an x.
std::string index_text(std::uint64_t index) {
  std::string text = fmt::format("{:03}", index % 1000);
  for (index /= 1000; index > 0; index /= 1000)
    text.insert(0, fmt::format("x{:03}/", index % 1000));
  return text;
}

Result<std::uint64_t> parse_index(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != 'x' && c != '/') digits += c;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  // A start beyond 64 bits would come round to another tile; re-spelling refuses all else.
  if (error != std::errc() || end != digits.data() + digits.size() || value >> 56 != 0 ||
      index_text(value) != text)
    return fail(Code::kInvalid, "'{}' is not the index of a tile, like x001/x234/067",
                escaped(text));
  return value;
}

// Whether the first `width` of the tile are in a tree that has `count` at its level.
Status is_there(const TilePath& path, std::uint64_t count) {
  if (path.start() + path.width <= count) return {};
  return fail(Code::kNotFound, "tile {} is not in the log yet: it has {} at this level",
              path.text(), count);
}

}  // namespace

std::string TilePath::text() const {
  std::string text = level ? fmt::format("{}/", *level) : std::string(kEntries);
  text += index_text(index);
  if (width != kTileWidth) text += fmt::format("{}{}", kPartial, width);
  return text;
}

Result<TilePath> TilePath::parse(std::string_view text) {
  TilePath path;
  if (text.starts_with(kEntries)) {
    text.remove_prefix(kEntries.size());
  } else {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos)
      return fail(Code::kInvalid, "'{}' is not a tile; expected LEVEL/INDEX or entries/INDEX",
                  escaped(text));
    FS_TRY(const std::uint64_t level, number(text.substr(0, slash)));
    if (level > kLevelMax)
      return fail(Code::kInvalid, "a tile of level {}: at most {}", level, kLevelMax);
    path.level = static_cast<unsigned>(level);
    text.remove_prefix(slash + 1);
  }
  const auto partial = text.find(kPartial);
  if (partial != std::string_view::npos) {
    FS_TRY(const std::uint64_t width, number(text.substr(partial + kPartial.size())));
    if (width == 0 || width >= kTileWidth)
      return fail(Code::kInvalid, "a partial tile of width {}: expected 1 to {}", width,
                  kTileWidth - 1);
    path.width = static_cast<unsigned>(width);
    text = text.substr(0, partial);
  }
  FS_TRY(path.index, parse_index(text));
  return path;
}

std::uint64_t tile_hashes(std::uint64_t size, unsigned level) {
  const unsigned shift = level * kLevelBits;
  return shift < 64 ? size >> shift : 0;
}

void TileTree::grow(std::span<const Digest> leaves) {
  std::span<const Digest> below = leaves;
  for (std::size_t i = 0; below.size() >= kTileWidth; ++i) {
    if (levels_.size() == i) levels_.emplace_back();
    std::vector<Digest>& level = levels_[i];
    while ((level.size() + 1) * kTileWidth <= below.size()) {
      CompactRange range;
      for (const Digest& hash : below.subspan(level.size() * kTileWidth, kTileWidth))
        range.append(hash);
      level.push_back(range.root());
    }
    below = level;
  }
}

Result<Bytes> TileTree::tile(const TilePath& path, std::span<const Digest> leaves,
                             std::uint64_t size) const {
  FS_ASSERT(path.level && size <= leaves.size());
  FS_CHECK(is_there(path, tile_hashes(size, *path.level)));
  const std::span<const Digest> level =
      *path.level == 0 ? leaves : std::span<const Digest>(levels_.at(*path.level - 1));
  Bytes bytes;
  bytes.reserve(path.width * Digest::kSize);
  for (const Digest& hash : level.subspan(path.start(), path.width)) append(bytes, hash.view());
  return bytes;
}

Result<Bytes> entry_bundle(const TilePath& path, const std::vector<Bytes>& entries,
                           std::uint64_t size) {
  FS_ASSERT(!path.level && size <= entries.size());
  FS_CHECK(is_there(path, size));
  Bytes bytes;
  for (std::uint64_t i = path.start(); i < path.start() + path.width; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(entries[i].size() >> 8));
    bytes.push_back(static_cast<std::uint8_t>(entries[i].size()));
    append(bytes, BytesView(entries[i]));
  }
  return bytes;
}

}  // namespace fleetsweep::log
