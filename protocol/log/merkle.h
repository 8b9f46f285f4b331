#pragma once

// The append-only Merkle tree of RFC 9162 section 2.1: leaf SHA-256(0x00 || entry), node
// SHA-256(0x01 || l || r). Pure. A peer that sees all entries keeps only a CompactRange: at most 64
// hashes.

#include <vector>

#include "protocol/base/ids.h"

namespace fleetsweep::log {

Digest leaf_hash(BytesView entry);
Digest node_hash(const Digest& left, const Digest& right);
Digest empty_root();  // SHA-256 of nothing

// The roots of the perfect subtrees that cover [0, size), largest first.
class CompactRange {
 public:
  CompactRange() = default;
  // kInvalid when the frontier's length does not fit the size.
  static Result<CompactRange> restore(std::uint64_t size, std::vector<Digest> frontier);

  void append(const Digest& leaf);
  std::uint64_t size() const { return size_; }
  const std::vector<Digest>& frontier() const { return frontier_; }
  Digest root() const;
  bool operator==(const CompactRange&) const = default;

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> frontier_;
};

Digest tree_root(const std::vector<Digest>& leaves);

// RFC 9162 2.1.3 and 2.1.4. Proofs are made from all leaf hashes (index < size <= leaves, old_size
// <= size; a broken promise otherwise; O(size) hashes), and verified from a few: kInvalid when
// sizes or the proof's length make no sense, kUntrusted when the hashes do not lead to the root.
std::vector<Digest> inclusion_proof(const std::vector<Digest>& leaves, std::uint64_t index,
                                    std::uint64_t size);
Status verify_inclusion(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                        const std::vector<Digest>& proof, const Digest& root);
std::vector<Digest> consistency_proof(const std::vector<Digest>& leaves, std::uint64_t old_size,
                                      std::uint64_t size);
Status verify_consistency(std::uint64_t old_size, std::uint64_t size, const Digest& old_root,
                          const Digest& root, const std::vector<Digest>& proof);

}  // namespace fleetsweep::log
