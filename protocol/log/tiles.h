#pragma once

// A log as C2SP tlog-tiles: static resources of 256 hashes or entries, from which anybody computes
// any proof. https://c2sp.org/tlog-tiles. Pure.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/ids.h"

namespace fleetsweep::log {

inline constexpr std::uint64_t kTileWidth = 256;

// What follows "<prefix>/tile/": "<L>/<N>[.p/<W>]", "entries/<N>[.p/<W>]".
struct TilePath {
  std::optional<unsigned> level;  // empty: a bundle of entries
  std::uint64_t index = 0;
  unsigned width = kTileWidth;  // less: a partial tile

  std::string text() const;
  // kInvalid: any other spelling than text() gives.
  static Result<TilePath> parse(std::string_view text);
  // The first and the number of the hashes or entries, counted at its level.
  std::uint64_t start() const { return index * kTileWidth; }
  bool operator==(const TilePath&) const = default;
};

// How many hashes the tree of `size` entries has at a level: the perfect subtrees of 256^level.
std::uint64_t tile_hashes(std::uint64_t size, unsigned level);

// The hashes above the leaves, kept as the log grows: 1/255 of the leaves' memory.
class TileTree {
 public:
  // `leaves` are those of the last call and more.
  void grow(std::span<const Digest> leaves);
  // The tile's bytes in the tree of the first `size` entries. kNotFound: that tree has no such
  // tile. `leaves` has at least `size` of them and was grown into the tree.
  Result<Bytes> tile(const TilePath& path, std::span<const Digest> leaves,
                     std::uint64_t size) const;

 private:
  std::vector<std::vector<Digest>> levels_;  // of level 1 and above
};

// Each entry with its length, 16 bits big-endian. kNotFound as above.
Result<Bytes> entry_bundle(const TilePath& path, const std::vector<Bytes>& entries,
                           std::uint64_t size);

}  // namespace fleetsweep::log
