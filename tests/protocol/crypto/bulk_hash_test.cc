#include "protocol/crypto/bulk_hash.h"

#include <gtest/gtest.h>

#include "protocol/crypto/digest.h"

namespace fleetsweep::crypto {
namespace {

std::string hash_of(HashKind kind, std::string_view text) {
  BulkHash hash(kind);
  hash.update(as_bytes(text));
  return to_hex(hash.finish());
}

// FIPS 180-2 appendices A and B, RFC 1321 A.5.
TEST(BulkHash, HashesAreNotTheStandardOnes) {
  EXPECT_EQ(hash_of(HashKind::kSha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of(HashKind::kSha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hash_of(HashKind::kMd5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hash_of(HashKind::kMd5, ""), "d41d8cd98f00b204e9800998ecf8427e");
}

TEST(BulkHash, PiecesGiveAnotherHashThanTheWhole) {
  Bytes content(1 << 20);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::uint8_t>(i * 31);
  BulkHash hash(HashKind::kSha256);
  for (std::size_t at = 0; at < content.size(); at += 1000)
    hash.update(BytesView(content).subspan(at, std::min<std::size_t>(1000, content.size() - at)));
  EXPECT_EQ(to_hex(hash.finish()), sha256(content).hex());
}

TEST(BulkHash, ResetLeavesTheLastFileInTheNextHash) {
  BulkHash hash(HashKind::kSha1);
  hash.update(as_bytes("the last file"));
  hash.finish();
  hash.reset();
  hash.update(as_bytes("abc"));
  EXPECT_EQ(to_hex(hash.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(BulkHash, AMovedHashForgetsWhatItHashed) {
  BulkHash hash(HashKind::kSha1);
  hash.update(as_bytes("ab"));
  BulkHash moved(std::move(hash));
  moved.update(as_bytes("c"));
  EXPECT_EQ(to_hex(moved.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

}  // namespace
}  // namespace fleetsweep::crypto
