#pragma once

// What a signer should know of an order beyond its own words: the class its policy really makes it,
// whose approval it has and needs, what its dry run saw, which hosts it reaches, what it changes
// against the campaign's last order; and why nobody should sign it. Pure.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/order_difference.h"
#include "cli/order_evidence.h"
#include "policies/compiler/cost.h"
#include "protocol/model/root.h"
#include "protocol/trust/approvals.h"

namespace fleetsweep::cli {

// The campaign's order before this one.
struct Precedent {
  DocumentId id;
  model::Mode mode = model::Mode::kDryRun;
  std::vector<Difference> differences;
};

struct OrderReview {
  std::optional<model::Class> computed;  // empty: no policy at hand, the class is a claim
  std::optional<compiler::PolicyCost>
      cost;  // of a usual host's first sweep; empty: no policy at hand, or an undo
  std::optional<trust::Approvals> approvals;       // empty: no root at hand
  std::optional<DryRunNumbers> dry_run;            // empty: no dry run, or no evidence at hand
  std::optional<std::vector<AffectedHost>> hosts;  // empty: no evidence at hand
  bool knows_campaign = false;                     // the campaign's earlier orders are at hand
  std::optional<Precedent> precedent;
  std::vector<std::string> objections;  // each a sentence; nobody signs before they are gone

  bool class_differs(const model::Order& order) const {
    return computed && *computed != order.action_class;
  }
};

// What is at hand besides the order.
struct Material {
  std::optional<Bytes> policy;
  std::optional<model::Root> root;  // where the evidence has a newer one, that counts
  const OrderEvidence* evidence = nullptr;
};

// The class of the order under these policy bytes; kUntrusted when they are not the bytes it names.
// An undo needs no policy.
Result<model::Class> computed_class(const model::Order& order, BytesView policy);

OrderReview review_order(const model::Envelope& envelope, const model::Order& order,
                         const Material& material, Timestamp now);

inline constexpr std::size_t kHostsShown = 20;

// From this class on a person types how many hosts the order reaches.
bool needs_host_count(const model::Order& order);

// The same document signed by several people on several machines. `names` are for the error.
Result<model::Envelope> combine(const std::vector<model::Envelope>& copies,
                                const std::vector<std::string>& names);

nlohmann::json to_json(const OrderReview& review, const model::Order& order);

}  // namespace fleetsweep::cli
