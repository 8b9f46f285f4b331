#pragma once

// What people sign instead of all receipts of an order: a digest of those that there were. Pure.

#include <optional>
#include <vector>

#include "cli/documents.h"

namespace fleetsweep::cli {

// The Merkle root over the order's receipts, in the order of their ids.
Digest report_digest(const std::vector<SignedReceipt>& receipts, const DocumentId& order);

// Over how many of the order's receipts the digest was taken, in the order in which they were
// stored: hosts answer later, too. Empty: over no beginning of them, or it would take too long to
// find it.
std::optional<std::size_t> receipts_named(const std::vector<SignedReceipt>& receipts,
                                          const DocumentId& order, const Digest& digest);

}  // namespace fleetsweep::cli
