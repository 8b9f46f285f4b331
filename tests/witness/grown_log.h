#pragma once

// A log that grows, signs and proves, and can be forked; the other side of a witness.

#include <string>
#include <vector>

#include "protocol/log/add_checkpoint.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"

namespace fleetsweep::witness {

class GrownLog {
 public:
  explicit GrownLog(std::string origin = "log.example/tenant", std::uint8_t seed = 1)
      : origin_(std::move(origin)), key_(key_from(seed)) {}

  static crypto::SecretKey key_from(std::uint8_t seed) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(seed);
    return crypto::SecretKey::from_seed(bytes);
  }
  log::VerifierKey verifier() const { return {origin_, log::KeyType::kEd25519, key_.public_key()}; }
  void grow(std::size_t entries, std::string_view branch = "main") {
    for (; entries > 0; --entries)
      leaves_.push_back(log::leaf_hash(as_bytes(fmt::format("{} {}", branch, leaves_.size()))));
  }
  // Forgets the newest entries: what follows is a fork.
  void shrink(std::size_t size) { leaves_.resize(size); }

  log::Checkpoint checkpoint() const { return {origin_, leaves_.size(), log::tree_root(leaves_)}; }
  std::string note() const { return log::sign_checkpoint(checkpoint(), key_).text(); }
  log::AddCheckpoint request(std::uint64_t old_size) const {
    return {old_size,
            old_size <= leaves_.size() ? log::consistency_proof(leaves_, old_size, leaves_.size())
                                       : std::vector<Digest>{},
            note()};
  }

 private:
  std::string origin_;
  crypto::SecretKey key_;
  std::vector<Digest> leaves_;
};

}  // namespace fleetsweep::witness
