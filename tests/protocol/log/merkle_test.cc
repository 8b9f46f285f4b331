#include "protocol/log/merkle.h"

#include <gtest/gtest.h>

#include <bit>

#include "protocol/crypto/digest.h"

namespace fleetsweep::log {
namespace {

constexpr std::size_t kTrees = 70;  // past 64, so that every shape up to six levels occurs

// The tree of the certificate-transparency test suite (merkle_tree_test.cc), RFC 6962 hashing.
constexpr const char* kEntries[] = {"",
                                    "00",
                                    "10",
                                    "2021",
                                    "3031",
                                    "40414243",
                                    "5051525354555657",
                                    "606162636465666768696a6b6c6d6e6f"};
constexpr const char* kRoots[] = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<Digest> leaves(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i)
    leaves.push_back(leaf_hash(as_bytes(fmt::format("entry {}", i))));
  return leaves;
}

// The definition of RFC 9162 2.1.1, word for word; slow, and not the code under test.
Digest defined_root(const std::vector<Digest>& leaves) {
  if (leaves.empty()) return crypto::sha256(BytesView{});
  if (leaves.size() == 1) return leaves[0];
  const auto k = static_cast<std::ptrdiff_t>(std::bit_floor(leaves.size() - 1));
  const Digest left = defined_root({leaves.begin(), leaves.begin() + k});
  const Digest right = defined_root({leaves.begin() + k, leaves.end()});
  const std::uint8_t prefix[] = {0x01};
  return crypto::sha256({prefix, left.value, right.value});
}

Digest flipped(Digest digest) {
  digest.value[7] ^= 0x10;
  return digest;
}

TEST(Merkle, RootsDifferFromCertificateTransparency) {
  std::vector<Digest> hashes;
  EXPECT_EQ(empty_root().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(tree_root(hashes), empty_root());
  for (std::size_t i = 0; i < std::size(kEntries); ++i) {
    hashes.push_back(leaf_hash(from_hex(kEntries[i]).value()));
    EXPECT_EQ(tree_root(hashes).hex(), kRoots[i]) << i + 1 << " entries";
  }
}

// The proofs printed in the certificate-transparency tests for this tree.
TEST(Merkle, ProofsDifferFromCertificateTransparency) {
  std::vector<Digest> hashes;
  for (const char* entry : kEntries) hashes.push_back(leaf_hash(from_hex(entry).value()));
  const auto hex = [](const std::vector<Digest>& proof) {
    std::vector<std::string> text;
    for (const Digest& digest : proof) text.push_back(digest.hex());
    return text;
  };
  EXPECT_EQ(hex(inclusion_proof(hashes, 0, 8)),
            (std::vector<std::string>{
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hex(consistency_proof(hashes, 2, 5)),
            (std::vector<std::string>{
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
}

TEST(Merkle, TheCompactRangeLosesTheTree) {
  CompactRange range;
  std::vector<Digest> all;
  for (const Digest& leaf : leaves(300)) {
    EXPECT_EQ(range.root(), defined_root(all)) << all.size();
    EXPECT_EQ(range.frontier().size(), static_cast<std::size_t>(std::popcount(all.size())));
    range.append(leaf);
    all.push_back(leaf);
  }
}

TEST(Merkle, ARestoredRangeGrowsIntoAnotherTree) {
  const auto all = leaves(kTrees);
  for (std::size_t size = 0; size < kTrees; ++size) {
    CompactRange range;
    for (std::size_t i = 0; i < size; ++i) range.append(all[i]);
    auto restored = CompactRange::restore(size, range.frontier());
    ASSERT_TRUE(restored);
    EXPECT_EQ(*restored, range);
    for (std::size_t i = size; i < kTrees; ++i) restored->append(all[i]);
    EXPECT_EQ(restored->root(), defined_root(all));
  }
}

TEST(Merkle, AFrontierOfAnotherLengthIsRestored) {
  EXPECT_FALSE(CompactRange::restore(0, leaves(1)));
  EXPECT_FALSE(CompactRange::restore(5, leaves(1)));
  EXPECT_FALSE(CompactRange::restore(5, leaves(3)));
  EXPECT_TRUE(CompactRange::restore(5, leaves(2)));
}

TEST(Merkle, AnHonestProofFails) {
  const auto all = leaves(kTrees);
  for (std::size_t size = 0; size <= kTrees; ++size) {
    const Digest root =
        defined_root({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)});
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(all, index, size);
      EXPECT_TRUE(verify_inclusion(all[index], index, size, proof, root)) << index << " " << size;
    }
    for (std::size_t old = 0; old <= size; ++old) {
      const Digest old_root =
          defined_root({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(old)});
      const auto proof = consistency_proof(all, old, size);
      EXPECT_TRUE(verify_consistency(old, size, old_root, root, proof)) << old << " " << size;
    }
  }
}

TEST(Merkle, AnInclusionProofHoldsWithAChangedPart) {
  const auto all = leaves(kTrees);
  for (std::size_t size = 1; size <= kTrees; ++size) {
    const Digest root = tree_root({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)});
    for (std::size_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(all, index, size);
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto bad = proof;
        bad[i] = flipped(bad[i]);
        EXPECT_FALSE(verify_inclusion(all[index], index, size, bad, root));
      }
      auto longer = proof;
      longer.push_back(root);
      EXPECT_FALSE(verify_inclusion(all[index], index, size, longer, root));
      if (!proof.empty()) {
        auto shorter = proof;
        shorter.pop_back();
        EXPECT_FALSE(verify_inclusion(all[index], index, size, shorter, root));
      }
      EXPECT_FALSE(verify_inclusion(flipped(all[index]), index, size, proof, root));
      EXPECT_FALSE(verify_inclusion(all[index], index, size, proof, flipped(root)));
      for (std::size_t other = 0; other < size; ++other) {
        EXPECT_EQ(other == index,
                  verify_inclusion(all[index], other, size, proof, root).has_value())
            << index << " taken for " << other << " of " << size;
      }
    }
    EXPECT_FALSE(verify_inclusion(all[0], size, size, {}, root)) << "an index past the end";
  }
}

TEST(Merkle, AConsistencyProofHoldsWithAChangedPart) {
  const auto all = leaves(kTrees);
  std::vector<Digest> roots;
  for (std::size_t size = 0; size <= kTrees; ++size)
    roots.push_back(tree_root({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)}));
  for (std::size_t size = 1; size <= kTrees; ++size) {
    for (std::size_t old = 1; old <= size; ++old) {
      const auto proof = consistency_proof(all, old, size);
      for (std::size_t i = 0; i < proof.size(); ++i) {
        auto bad = proof;
        bad[i] = flipped(bad[i]);
        EXPECT_FALSE(verify_consistency(old, size, roots[old], roots[size], bad));
      }
      auto longer = proof;
      longer.push_back(roots[size]);
      EXPECT_FALSE(verify_consistency(old, size, roots[old], roots[size], longer));
      if (!proof.empty()) {
        auto shorter = proof;
        shorter.pop_back();
        EXPECT_FALSE(verify_consistency(old, size, roots[old], roots[size], shorter));
      }
      EXPECT_FALSE(verify_consistency(old, size, flipped(roots[old]), roots[size], proof));
      EXPECT_FALSE(verify_consistency(old, size, roots[old], flipped(roots[size]), proof));
      if (old < size) {
        EXPECT_FALSE(verify_consistency(size, old, roots[size], roots[old], proof)) << "shrinking";
        EXPECT_FALSE(verify_consistency(old, size, roots[old - 1], roots[size], proof));
      }
    }
  }
}

TEST(Merkle, AForkOfTheSameSizeIsConsistent) {
  auto all = leaves(9);
  const Digest root = tree_root(all);
  all[4] = flipped(all[4]);
  const Status status = verify_consistency(9, 9, root, tree_root(all), {});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUntrusted);
}

TEST(Merkle, TheEmptyTreeHasTwoRoots) {
  const auto all = leaves(3);
  EXPECT_TRUE(verify_consistency(0, 3, empty_root(), tree_root(all), {}));
  EXPECT_FALSE(verify_consistency(0, 3, tree_root(all), tree_root(all), {}));
  EXPECT_FALSE(verify_consistency(0, 0, all[0], all[0], {}));
  EXPECT_FALSE(verify_consistency(0, 3, empty_root(), tree_root(all), {all[0]}));
}

TEST(Merkle, AnEndlessProofIsHashed) {
  const std::vector<Digest> proof(65);
  EXPECT_EQ(verify_inclusion(Digest{}, 0, ~0ull, proof, Digest{}).error().code, Code::kInvalid);
  EXPECT_EQ(verify_consistency(1, ~0ull, Digest{}, Digest{}, proof).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace fleetsweep::log
