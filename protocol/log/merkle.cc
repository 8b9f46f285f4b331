#include "protocol/log/merkle.h"

#include <bit>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::log {
namespace {

constexpr std::uint8_t kLeafPrefix[] = {0x00};
constexpr std::uint8_t kNodePrefix[] = {0x01};

using Leaves = std::span<const Digest>;

Digest root_of(Leaves leaves) {
  CompactRange range;
  for (const Digest& leaf : leaves) range.append(leaf);
  return range.root();
}

// The largest power of two below `size`; size > 1.
std::uint64_t split(std::uint64_t size) {
  return std::bit_floor(size - 1);
}

// PATH(m, D[n]) of RFC 9162 2.1.3.1.
void add_inclusion(std::vector<Digest>& proof, Leaves leaves, std::uint64_t index) {
  if (leaves.size() <= 1) return;
  const std::uint64_t left = split(leaves.size());
  if (index < left) {
    add_inclusion(proof, leaves.first(left), index);
    proof.push_back(root_of(leaves.subspan(left)));
  } else {
    add_inclusion(proof, leaves.subspan(left), index - left);
    proof.push_back(root_of(leaves.first(left)));
  }
}

// SUBPROOF(m, D[n], b) of RFC 9162 2.1.4.1.
void add_consistency(std::vector<Digest>& proof, Leaves leaves, std::uint64_t old_size,
                     bool old_is_whole) {
  if (old_size == leaves.size()) {
    if (!old_is_whole) proof.push_back(root_of(leaves));
    return;
  }
  const std::uint64_t left = split(leaves.size());
  if (old_size <= left) {
    add_consistency(proof, leaves.first(left), old_size, old_is_whole);
    proof.push_back(root_of(leaves.subspan(left)));
  } else {
    add_consistency(proof, leaves.subspan(left), old_size - left, false);
    proof.push_back(root_of(leaves.first(left)));
  }
}

tl::unexpected<Error> wrong_length(std::size_t hashes) {
  return fail(Code::kInvalid, "a proof of {} hashes does not fit these tree sizes", hashes);
}

}  // namespace

Digest leaf_hash(BytesView entry) {
  return crypto::sha256({kLeafPrefix, entry});
}

Digest node_hash(const Digest& left, const Digest& right) {
  return crypto::sha256({kNodePrefix, left.value, right.value});
}

Digest empty_root() {
  return crypto::sha256(BytesView{});
}

Result<CompactRange> CompactRange::restore(std::uint64_t size, std::vector<Digest> frontier) {
  const auto expected = static_cast<std::size_t>(std::popcount(size));
  if (frontier.size() != expected)
    return fail(Code::kInvalid, "a frontier of {} hashes: a tree of {} entries has {}",
                frontier.size(), size, expected);
  CompactRange range;
  range.size_ = size;
  range.frontier_ = std::move(frontier);
  return range;
}

void CompactRange::append(const Digest& leaf) {
  frontier_.push_back(leaf);
  // Each trailing one of the old size is a full subtree as large as the one just completed.
  for (int merges = std::countr_one(size_); merges > 0; --merges) {
    const Digest right = frontier_.back();
    frontier_.pop_back();
    frontier_.back() = node_hash(frontier_.back(), right);
  }
  ++size_;
}

Digest CompactRange::root() const {
  if (frontier_.empty()) return empty_root();
  Digest root = frontier_.back();
  for (auto left = frontier_.rbegin() + 1; left != frontier_.rend(); ++left)
    root = node_hash(*left, root);
  return root;
}

Digest tree_root(const std::vector<Digest>& leaves) {
  return root_of(leaves);
}

std::vector<Digest> inclusion_proof(const std::vector<Digest>& leaves, std::uint64_t index,
                                    std::uint64_t size) {
  FS_ASSERT(index < size && size <= leaves.size());
  std::vector<Digest> proof;
  add_inclusion(proof, Leaves(leaves).first(size), index);
  return proof;
}

// RFC 9162 2.1.3.2, in its words and letters.
Status verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                        const std::vector<Digest>& proof, const Digest& root) {
  if (index >= size)
    return fail(Code::kInvalid, "entry {} cannot be in a tree of {} entries", index, size);
  if (proof.size() > limits::kProofHashes) return wrong_length(proof.size());
  std::uint64_t fn = index, sn = size - 1;
  Digest r = leaf;
  for (const Digest& p : proof) {
    if (sn == 0) return wrong_length(proof.size());
    if (fn % 2 == 1 || fn == sn) {
      r = node_hash(p, r);
      while (fn % 2 == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) return wrong_length(proof.size());
  if (r != root)
    return fail(Code::kUntrusted, "entry {} is not in the tree of {} entries with root {}", index,
                size, root.hex());
  return {};
}

std::vector<Digest> consistency_proof(const std::vector<Digest>& leaves, std::uint64_t old_size,
                                      std::uint64_t size) {
  FS_ASSERT(old_size <= size && size <= leaves.size());
  std::vector<Digest> proof;
  if (old_size > 0) add_consistency(proof, Leaves(leaves).first(size), old_size, true);
  return proof;
}

// RFC 9162 2.1.4.2, in its words and letters; the trivial cases (an empty old tree, equal sizes)
// take an empty proof.
Status verify_consistency(std::uint64_t old_size, std::uint64_t size, const Digest& old_root,
                          const Digest& root, const std::vector<Digest>& proof) {
  if (old_size > size)
    return fail(Code::kInvalid, "a tree of {} entries cannot have grown from {}", size, old_size);
  if (proof.size() > limits::kProofHashes) return wrong_length(proof.size());
  const auto forked = [&](const Digest& expected) {
    return fail(Code::kUntrusted,
                "the tree of {} entries with root {} does not continue the tree of {} entries "
                "with root {}",
                size, root.hex(), old_size, expected.hex());
  };
  if (old_size == 0 || old_size == size) {
    if (!proof.empty()) return wrong_length(proof.size());
    const Digest& expected = old_size == size ? root : empty_root();
    if (old_root != expected || (size == 0 && root != empty_root())) return forked(old_root);
    return {};
  }
  const bool old_is_subtree = std::has_single_bit(old_size);
  if (proof.empty() && !old_is_subtree) return wrong_length(0);
  auto next = proof.begin();
  std::uint64_t fn = old_size - 1, sn = size - 1;
  while (fn % 2 == 1) fn >>= 1, sn >>= 1;
  Digest fr = old_is_subtree ? old_root : *next++;
  Digest sr = fr;
  for (; next != proof.end(); ++next) {
    if (sn == 0) return wrong_length(proof.size());
    if (fn % 2 == 1 || fn == sn) {
      fr = node_hash(*next, fr);
      sr = node_hash(*next, sr);
      while (fn % 2 == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      sr = node_hash(sr, *next);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) return wrong_length(proof.size());
  if (fr != old_root || sr != root) return forked(old_root);
  return {};
}

}  // namespace fleetsweep::log
