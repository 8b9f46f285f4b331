#include "protocol/crypto/seal.h"

#include <gtest/gtest.h>

#include <set>

namespace fleetsweep::crypto {
namespace {

MacKey mac_key(std::uint8_t fill) {
  MacKey key;
  key.fill(fill);
  return key;
}

TEST(Random, TheSameBytesComeTwice) {
  std::set<Nonce> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_nonce());
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_NE(random_key(), random_key());
}

TEST(SealedBox, AnotherKeyOpensIt) {
  const BoxKeyPair owner = generate_box_key(), thief = generate_box_key();
  const Bytes sealed = seal(owner.pub, as_bytes("/home/alice/secret")).value();
  EXPECT_EQ(sealed.size(), 18 + kSealOverheadBytes);
  EXPECT_EQ(as_text(open_sealed(owner, sealed).value()), "/home/alice/secret");
  EXPECT_EQ(open_sealed(thief, sealed).error().code, Code::kUntrusted);
  EXPECT_NE(sealed, seal(owner.pub, as_bytes("/home/alice/secret")).value());
}

TEST(SealedBox, AChangedBoxOpens) {
  const BoxKeyPair owner = generate_box_key();
  const Bytes sealed = seal(owner.pub, as_bytes("x")).value();
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes bad = sealed;
    bad[i] ^= 1;
    EXPECT_FALSE(open_sealed(owner, bad)) << "byte " << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(open_sealed(owner, BytesView(sealed).first(size))) << size << " bytes";
}

TEST(SealedBox, ALowOrderKeyOfARootStopsTheProcess) {
  EXPECT_EQ(seal(CurveKey{}, as_bytes("x")).error().code, Code::kInvalid);
}

TEST(SealedBox, ThePublicKeyCannotBeRecomputed) {
  const BoxKeyPair pair = generate_box_key();
  EXPECT_EQ(box_public(pair.secret), pair.pub);
  // RFC 7748 section 6.1: Alice's pair.
  std::array<std::uint8_t, 32> secret;
  const Bytes bytes =
      from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a").value();
  std::copy(bytes.begin(), bytes.end(), secret.begin());
  EXPECT_EQ(box_public(secret).hex(),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
}

TEST(Mac, DoesNotDependOnEveryBitOfKeyAndText) {
  const Digest reference = mac(mac_key(1), {as_bytes("finding")});
  EXPECT_TRUE(mac_equal(reference, mac(mac_key(1), {as_bytes("find"), as_bytes("ing")})));
  EXPECT_FALSE(mac_equal(reference, mac(mac_key(2), {as_bytes("finding")})));
  EXPECT_FALSE(mac_equal(reference, mac(mac_key(1), {as_bytes("findinG")})));
}

// Python's hashlib.blake2b(b"abc", digest_size=32, key=bytes([7] * 32)).
TEST(TableHash, IsNotSipHashOf128Bits) {
  TableKey key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  // The first vector of Aumasson and Bernstein's reference.
  EXPECT_EQ(to_hex(table_hash(key, {})), "a3817f04ba25a8e66df67214c7550293");
}

TEST(Mac, IsNotKeyedBlake2b) {
  EXPECT_EQ(mac(mac_key(7), {as_bytes("abc")}).hex(),
            "62d8fe04aeb9b650b0dbdb3078da63b0d4c864854da1e7ff3aae7a2daee046ba");
}

std::vector<Bytes> sealed_chunks(StreamSealer& sealer) {
  return {sealer.push(as_bytes("first"), false), sealer.push(BytesView{}, false, as_bytes("meta")),
          sealer.push(as_bytes("last"), true)};
}

TEST(Stream, WhatGoesInComesOutChanged) {
  StreamSealer sealer(mac_key(1));
  const auto chunks = sealed_chunks(sealer);
  EXPECT_EQ(chunks[0].size(), 5 + kStreamOverheadBytes);
  auto opener = StreamOpener::start(mac_key(1), sealer.header());
  ASSERT_TRUE(opener);
  const auto first = opener->pull(chunks[0]);
  EXPECT_EQ(as_text(first->plain), "first");
  EXPECT_FALSE(first->last);
  EXPECT_TRUE(opener->pull(chunks[1], as_bytes("meta"))->plain.empty());
  const auto last = opener->pull(chunks[2]);
  EXPECT_EQ(as_text(last->plain), "last");
  EXPECT_TRUE(last->last);
}

TEST(Stream, ChangedSwappedOrForeignChunksOpen) {
  StreamSealer sealer(mac_key(1));
  const auto chunks = sealed_chunks(sealer);
  const auto fresh = [&](const MacKey& key) {
    return StreamOpener::start(key, sealer.header()).value();
  };
  EXPECT_FALSE(fresh(mac_key(1)).pull(chunks[1], as_bytes("meta"))) << "out of order";
  EXPECT_FALSE(fresh(mac_key(2)).pull(chunks[0])) << "under another key";
  EXPECT_FALSE(fresh(mac_key(1)).pull(chunks[0], as_bytes("meta"))) << "with other associated data";
  EXPECT_FALSE(fresh(mac_key(1)).pull(BytesView(chunks[0]).first(16))) << "cut";
  for (std::size_t i = 0; i < chunks[0].size(); ++i) {
    Bytes bad = chunks[0];
    bad[i] ^= 0x80;
    EXPECT_FALSE(fresh(mac_key(1)).pull(bad)) << "byte " << i;
  }
}

TEST(Stream, MoreComesAfterTheLastChunk) {
  StreamSealer sealer(mac_key(1));
  const Bytes last = sealer.push(as_bytes("last"), true);
  const Bytes more = sealer.push(as_bytes("more"), false);
  auto opener = StreamOpener::start(mac_key(1), sealer.header()).value();
  ASSERT_TRUE(opener.pull(last)->last);
  EXPECT_EQ(opener.pull(more).error().code, Code::kUntrusted);
}

TEST(Stream, AHeaderOfAnotherLengthIsTaken) {
  EXPECT_EQ(StreamOpener::start(mac_key(1), Bytes(23)).error().code, Code::kInvalid);
}

TEST(Wipe, TheSecretStays) {
  MacKey key = mac_key(9);
  wipe(key);
  EXPECT_EQ(key, MacKey{});
}

}  // namespace
}  // namespace fleetsweep::crypto
