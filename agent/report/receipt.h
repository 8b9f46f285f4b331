#pragma once

// From what happened to a signed receipt. Pure: the key and the sealing function are given.

#include <functional>
#include <string>
#include <vector>

#include "protocol/crypto/sign.h"
#include "protocol/model/receipt.h"
#include "protocol/model/root.h"

namespace fleetsweep::agent {

// crypto::seal; a test gives one that is the same every time.
using Seal = std::function<Bytes(const CurveKey& to, BytesView plain)>;

// An object that a detection found, in a scan of `policy`, by a binding that made a verdict true.
// Why an order would leave one alone is said with its path.
std::vector<model::ReceiptItem> items_of_scan(const model::Policy& policy,
                                              const model::ScanResult& result,
                                              std::vector<std::string>& paths);

// Salted hash and sealed form of each path under this root, of as much as a receipt holds of one.
void hide_paths(std::vector<model::ReceiptItem>& items, const std::vector<std::string>& paths,
                const model::Root& root, const Seal& seal);

// RFC 9162 root over all items; the leaf of one is the canonical encoding of a receipt that holds
// only it, sealed path left out (sealing is different every time).
Digest items_root(const std::vector<model::ReceiptItem>& items);

struct SignedReceipt {
  DocumentId id;
  Bytes envelope;
  model::Receipt receipt;
};
// Keeps as many of `items` as the size of a receipt allows; items_root covers all of them.
SignedReceipt sign_receipt(model::Receipt receipt, std::vector<model::ReceiptItem> items,
                           const crypto::SecretKey& key);

}  // namespace fleetsweep::agent
