#pragma once

// Orders before anybody signs them.

#include <string>
#include <vector>

#include "cli/documents.h"
#include "cli/order_review.h"
#include "cli/order_terms.h"
#include "protocol/model/policy.h"

namespace fleetsweep::cli {

struct Draft {
  model::Order order;
  Bytes policy;                         // encoded; empty for an undo
  Bytes hashes;                         // of its hash sets, see policy_files.h
  std::vector<std::size_t> wave_sizes;  // of the known hosts in scope
  std::vector<std::string> notes;       // what the person should know
};

// Compiles the policy, fills the order from the options, its author's defaults and the root's
// limits, and draws the nonce until every wave has a known member. Asks the controller for the
// root, the earlier orders and the known hosts; reports everything that is wrong with the order at
// once.
Result<Draft> draft_order(Session& session, const DraftOptions& options);
// FILE without signatures, FILE.policy and what lies beside it. Returns the order's id.
Result<DocumentId> write_draft(const std::string& file, const Draft& draft);
// As its signers will see it, while nobody has signed.
Result<OrderReview> review_draft(Session& session, const Draft& draft);

}  // namespace fleetsweep::cli
