#pragma once

// The paths in receipts, which hosts seal to the tenant's evidence key: whoever has its secret
// reads them, here and nowhere else. Pure.

#include <string>
#include <vector>

#include "cli/documents.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::cli {

// The text of an evidence key's file: 64 hex digits. kInvalid.
Result<crypto::BoxKeyPair> parse_evidence_key(const std::string& text);

struct FoundPath {
  AgentId agent;
  std::uint64_t seq = 0;
  model::ReceiptItem item;
  std::string path;  // as the host has it; not escaped
};
// Of every item with a sealed path. kUntrusted: sealed to another key, or not the path whose salted
// hash stands beside it.
Result<std::vector<FoundPath>> unseal_paths(const std::vector<SignedReceipt>& receipts,
                                            const crypto::BoxKeyPair& key, const Nonce& salt);

}  // namespace fleetsweep::cli
