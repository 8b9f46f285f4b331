#include "protocol/log/tlog_proof.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"

namespace fleetsweep::log {
namespace {

constexpr std::string_view kHash = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";  // 00 01 .. 1f

Digest counting() {
  Digest digest;
  for (std::uint8_t i = 0; i < 32; ++i) digest.value[i] = i;
  return digest;
}

TEST(TlogProof, TheTextDiffersFromC2sp) {
  const std::string note = "example.com/log\n1\nroot\n\n\u2014 example.com/log AAAAAAA=\n";
  const TlogProof proof{std::nullopt, 73894, {counting(), counting()}, note};
  const std::string text =
      fmt::format("c2sp.org/tlog-proof@v1\nindex 73894\n{}\n{}\n\n{}", kHash, kHash, note);
  EXPECT_EQ(proof.text(), text);
  EXPECT_EQ(TlogProof::parse(text).value(), proof);
  const TlogProof alone{to_bytes("hint"), 0, {}, note};
  const std::string with_extra = "c2sp.org/tlog-proof@v1\nextra aGludA==\nindex 0\n\n" + note;
  EXPECT_EQ(alone.text(), with_extra);
  EXPECT_EQ(TlogProof::parse(with_extra).value(), alone);
}

TEST(TlogProof, AMalformedProofIsParsed) {
  const std::string first = "c2sp.org/tlog-proof@v1\n";
  for (const std::string& text :
       {std::string(), first, first + "\n\nnote", first + "index\n\nnote",
        first + "index 01\n\nnote", first + "index -1\n\nnote", first + "index 1 \n\nnote",
        first + "index 18446744073709551616\n\nnote", first + "index 1", first + "index 1\n",
        first + "index 1\nAAAA\n\nnote", first + "index 1\n" + std::string(kHash),
        first + fmt::format("index 1\n {}\n\nnote", kHash),
        first + fmt::format("index 1\r\n{}\r\n\r\nnote", kHash), first + "extra !\nindex 1\n\nnote",
        first + "index 1\nextra aGludA==\n\nnote",
        std::string("c2sp.org/tlog-proof@v2\nindex 1\n\nnote"), " " + first + "index 1\n\nnote",
        first + "index 1\n\n" + std::string(limits::kTlogProofBytes, 'x')})
    EXPECT_FALSE(TlogProof::parse(text)) << text.substr(0, 80);
  TlogProof proof{std::nullopt, 1, std::vector<Digest>(limits::kProofHashes), "note"};
  EXPECT_TRUE(TlogProof::parse(proof.text()));
  proof.hashes.emplace_back();
  EXPECT_FALSE(TlogProof::parse(proof.text()));
}

TEST(TlogProof, ARealProofDoesNotHoldAfterItsFile) {
  const auto key = crypto::SecretKey::from_seed(crypto::sha256(as_bytes("log")).value);
  const VerifierKey log{"example.com/log", KeyType::kEd25519, key.public_key()};
  std::vector<Digest> leaves;
  for (int i = 0; i < 11; ++i) leaves.push_back(leaf_hash(to_bytes(fmt::format("entry {}", i))));
  const Note note = sign_checkpoint({log.name, leaves.size(), tree_root(leaves)}, key);
  for (std::uint64_t index = 0; index < leaves.size(); ++index) {
    const TlogProof written{std::nullopt, index, inclusion_proof(leaves, index, leaves.size()),
                            note.text()};
    const TlogProof proof = TlogProof::parse(written.text()).value();
    const auto head = verify_checkpoint(proof.note, log, {}, 0);
    ASSERT_TRUE(head) << head.error().message;
    EXPECT_TRUE(verify_inclusion(leaves[index], proof.index, head->checkpoint.size, proof.hashes,
                                 head->checkpoint.root))
        << index;
    EXPECT_FALSE(verify_inclusion(leaves[(index + 1) % 11], proof.index, head->checkpoint.size,
                                  proof.hashes, head->checkpoint.root))
        << index;
  }
}

}  // namespace
}  // namespace fleetsweep::log
