#pragma once

// What a signer should know of an order beyond its own words: the class its policy really makes it,
// whose approval it has and needs, and what its dry run saw. Pure.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/documents.h"
#include "protocol/model/root.h"
#include "protocol/trust/quorum.h"

namespace fleetsweep::cli {

struct ClauseStatus {
  unsigned threshold = 0;
  std::vector<std::string> holders;
  std::vector<std::string> signed_by;
};

struct QuorumStatus {
  model::Role role = model::Role::kObserve;
  std::vector<ClauseStatus> clauses;
  trust::Checked<void> met;
};

struct DryRunNumbers {
  std::uint64_t hosts = 0;
  std::uint64_t found = 0;  // hosts
  std::uint64_t clean = 0;
  std::uint64_t refused = 0;  // or failed
  std::uint64_t matched = 0;  // objects
  bool is_reported = false;   // exactly the receipts that the order's dryRunReport names
};

struct OrderReview {
  std::optional<model::Class> computed;  // empty: no policy at hand, the class is a claim
  std::optional<QuorumStatus> quorum;    // empty: no root at hand
  std::optional<DryRunNumbers> dry_run;  // empty: no dry run, or no controller at hand

  bool class_differs(const model::Order& order) const {
    return computed && *computed != order.action_class;
  }
};

// The class of the order under these policy bytes; kUntrusted when they are not the bytes it names.
// An undo needs no policy.
Result<model::Class> computed_class(const model::Order& order, BytesView policy);

QuorumStatus quorum_status(const model::Envelope& envelope, const model::Root& root,
                           model::Class action_class);

// The Merkle root over the dry run's receipts, in the order of their ids.
Digest report_digest(const std::vector<SignedReceipt>& receipts, const DocumentId& dry_run);
DryRunNumbers dry_run_numbers(const std::vector<SignedReceipt>& receipts,
                              const model::Order& order);

// The same document signed by several people on several machines. `names` are for the error.
Result<model::Envelope> combine(const std::vector<model::Envelope>& copies,
                                const std::vector<std::string>& names);

nlohmann::json to_json(const OrderReview& review, const model::Order& order);

}  // namespace fleetsweep::cli
