#include "cli/receipt_digest.h"

#include <map>

#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::cli {
namespace {

// Leaves that are hashed to find the receipts that a digest names among later ones: some seconds.
constexpr std::size_t kLeavesHashedMax = 20'000'000;

using Leaves = std::map<DocumentId, Digest>;

Digest digest_of(const Leaves& leaves) {
  std::vector<Digest> hashes;
  for (const auto& [id, leaf] : leaves) hashes.push_back(leaf);
  return log::tree_root(hashes);
}

struct Stored {
  Leaves leaves;
  std::vector<DocumentId> order;  // in which they came; zero for one that came before
};

Stored stored(const std::vector<SignedReceipt>& receipts, const DocumentId& order) {
  Stored all;
  for (const SignedReceipt& one : receipts) {
    if (one.receipt.order != order) continue;
    const DocumentId id = crypto::document_id(one.envelope);
    const bool is_new = all.leaves.emplace(id, log::leaf_hash(codec::encode(one.envelope))).second;
    all.order.push_back(is_new ? id : DocumentId{});
  }
  return all;
}

}  // namespace

Digest report_digest(const std::vector<SignedReceipt>& receipts, const DocumentId& order) {
  return digest_of(stored(receipts, order).leaves);
}

std::optional<std::size_t> receipts_named(const std::vector<SignedReceipt>& receipts,
                                          const DocumentId& order, const Digest& digest) {
  Stored all = stored(receipts, order);
  for (std::size_t hashed = 0;; all.order.pop_back()) {
    if (digest_of(all.leaves) == digest) return all.order.size();
    hashed += all.order.size();
    if (all.order.empty() || hashed > kLeavesHashedMax) return std::nullopt;
    all.leaves.erase(all.order.back());
  }
}

}  // namespace fleetsweep::cli
