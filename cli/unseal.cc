#include "cli/unseal.h"

#include "protocol/crypto/digest.h"

namespace fleetsweep::cli {

Result<crypto::BoxKeyPair> parse_evidence_key(const std::string& text) {
  const auto secret = Fixed<32, struct SecretTag>::parse_hex(text.substr(0, text.find('\n')));
  if (!secret) return fail(secret.error().within("evidence key"));
  return crypto::BoxKeyPair{crypto::box_public(secret->value), secret->value};
}

Result<std::vector<FoundPath>> unseal_paths(const std::vector<SignedReceipt>& receipts,
                                            const crypto::BoxKeyPair& key, const Nonce& salt) {
  std::vector<FoundPath> found;
  for (const SignedReceipt& one : receipts)
    for (const model::ReceiptItem& item : one.receipt.items) {
      if (item.sealed_path.empty()) continue;
      const std::string where = fmt::format("receipt {} of agent {}", one.receipt.seq,
                                            one.receipt.agent.hex().substr(0, 12));
      const auto path = crypto::open_sealed(key, item.sealed_path);
      if (!path) return fail(path.error().within(where));
      if (crypto::sha256({salt.view(), *path}) != item.path_hash)
        return fail(Code::kUntrusted, "{}: the sealed path is not the one whose hash it states",
                    where);
      found.push_back({one.receipt.agent, one.receipt.seq, item, to_text(*path)});
    }
  return found;
}

}  // namespace fleetsweep::cli
