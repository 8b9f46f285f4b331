#include "protocol/log/tiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/log/merkle.h"

namespace fleetsweep::log {
namespace {

std::vector<Bytes> entries(std::size_t count) {
  std::vector<Bytes> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(to_bytes(fmt::format("entry {}", i)));
  return all;
}

std::vector<Digest> leaves_of(const std::vector<Bytes>& entries) {
  std::vector<Digest> leaves;
  for (const Bytes& entry : entries) leaves.push_back(leaf_hash(entry));
  return leaves;
}

// The formal definition of the specification: MTH(D[(n*256+i)*256^l : (n*256+i+1)*256^l]).
Digest by_definition(const std::vector<Digest>& leaves, unsigned level, std::uint64_t at) {
  const std::uint64_t span = std::uint64_t{1} << (8 * level);
  return tree_root({leaves.begin() + static_cast<std::ptrdiff_t>(at * span),
                    leaves.begin() + static_cast<std::ptrdiff_t>((at + 1) * span)});
}

// The path elements that c2sp.org/tlog-tiles and golang.org/x/mod/sumdb/tlog give.
TEST(Tiles, APathIsSpelledAnotherWayThanC2sp) {
  const std::pair<TilePath, const char*> known[] = {
      {{0, 0}, "0/000"},
      {{0, 5}, "0/005"},
      {{1, 999}, "1/999"},
      {{0, 1000}, "0/x001/000"},
      {{0, 1234067}, "0/x001/x234/067"},
      {{3, 1234067, 8}, "3/x001/x234/067.p/8"},
      {{63, 0, 255}, "63/000.p/255"},
      {{std::nullopt, 123456789}, "entries/x123/x456/789"},
      {{std::nullopt, 0, 1}, "entries/000.p/1"}};
  for (const auto& [path, text] : known) {
    EXPECT_EQ(path.text(), text);
    const auto parsed = TilePath::parse(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, path) << text;
  }
}

TEST(Tiles, ASecondSpellingOfOneTileIsServed) {
  for (const char* text : {"",
                           "0",
                           "0/",
                           "/000",
                           "0/0",
                           "0/00",
                           "0/0000",
                           "00/000",
                           "64/000",
                           "-1/000",
                           "+1/000",
                           "0/x000/000",
                           "0/001/000",
                           "0/x001/x000",
                           "0/x01/000",
                           "0/1/000",
                           "0/000.p/0",
                           "0/000.p/256",
                           "0/000.p/01",
                           "0/000.p/",
                           "0/000.p/1/",
                           "0/000/",
                           "0/000.P/1",
                           "0/000.p/1.p/1",
                           "entries",
                           "entries/",
                           "entries/0",
                           "Entries/000",
                           "0/../000",
                           "0/x/000",
                           "0/x999/x999/x999/x999/x999/x999/999",
                           "data/000",
                           "0/000 "})
    EXPECT_FALSE(TilePath::parse(text)) << text;
}

// The worked example of the specification.
TEST(Tiles, ATreeOf70000IsCutAnotherWayThanC2spSays) {
  EXPECT_EQ(tile_hashes(70'000, 0) / kTileWidth, 273u);
  EXPECT_EQ(tile_hashes(70'000, 0) % kTileWidth, 112u);
  EXPECT_EQ(tile_hashes(70'000, 1) / kTileWidth, 1u);
  EXPECT_EQ(tile_hashes(70'000, 1) % kTileWidth, 17u);
  EXPECT_EQ(tile_hashes(70'000, 2), 1u);
  EXPECT_EQ(tile_hashes(70'000, 3), 0u);
  EXPECT_EQ(tile_hashes(~std::uint64_t{0}, 63), 0u);

  const auto leaves = leaves_of(entries(70'000));
  TileTree tree;
  tree.grow(std::span(leaves).first(300));  // as a log grows
  tree.grow(leaves);
  const auto check = [&](const TilePath& path) {
    const auto tile = tree.tile(path, leaves, leaves.size());
    ASSERT_TRUE(tile) << path.text() << ": " << tile.error().message;
    ASSERT_EQ(tile->size(), path.width * 32u) << path.text();
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{path.width} - 1})
      EXPECT_TRUE(equal(BytesView(*tile).subspan(at * 32, 32),
                        by_definition(leaves, *path.level, path.start() + at).view()))
          << path.text() << " hash " << at;
  };
  for (const TilePath& path :
       {TilePath{0, 0}, TilePath{0, 272}, TilePath{0, 273, 112}, TilePath{1, 0}, TilePath{1, 1, 17},
        TilePath{2, 0, 1}, TilePath{0, 17, 3}})
    check(path);
  for (const TilePath& path :
       {TilePath{0, 273}, TilePath{0, 273, 113}, TilePath{1, 1, 18}, TilePath{2, 0, 2},
        TilePath{3, 0, 1}, TilePath{63, 0, 1}, TilePath{0, std::uint64_t{1} << 55}})
    EXPECT_EQ(tree.tile(path, leaves, leaves.size()).error().code, Code::kNotFound) << path.text();
}

TEST(Tiles, WhatNoCheckpointCoversIsServed) {
  const auto all = entries(600);
  const auto leaves = leaves_of(all);
  TileTree tree;
  tree.grow(leaves);
  EXPECT_TRUE(tree.tile({1, 0, 1}, leaves, 256));
  EXPECT_FALSE(tree.tile({1, 0, 2}, leaves, 256));
  EXPECT_FALSE(tree.tile({1, 0, 1}, leaves, 255));
  EXPECT_FALSE(tree.tile({0, 1, 1}, leaves, 256));
  EXPECT_FALSE(entry_bundle({std::nullopt, 1, 1}, all, 256));
  EXPECT_TRUE(entry_bundle({std::nullopt, 2, 88}, all, 600));
}

TEST(Tiles, ABundleLosesTheLengthOfAnEntry) {
  std::vector<Bytes> all = {{}, to_bytes("a"), Bytes(0x1234, 7)};
  Bytes expected = {0, 0, 0, 1, 'a', 0x12, 0x34};
  expected.insert(expected.end(), 0x1234, 7);
  EXPECT_EQ(entry_bundle({std::nullopt, 0, 3}, all, 3).value(), expected);
}

}  // namespace
}  // namespace fleetsweep::log
