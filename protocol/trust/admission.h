#pragma once

// What a controller asks before it appends a document to a tenant's log: the very checks of the
// fold, so that it refuses what hosts would skip, plus what would be pointless to log.

#include <optional>

#include "protocol/trust/fold.h"
#include "protocol/trust/order_class.h"

namespace fleetsweep::trust {

struct Admitted {
  DocumentId id;
  std::string payload_type;
  bool known = false;  // already in the log: answer with its id, append nothing
};

// `policy` is what the controller holds under the digest the order names, if it does (without it:
// kPolicyMissing). Besides the fold's reasons: kExpired for an order, Release or EnrolBatch that
// ended, kClassMismatch.
Checked<Admitted> admit(const State& state, BytesView envelope,
                        const std::optional<PolicyFacts>& policy, Timestamp now);

// Of an order, the part of it that needs no signatures: that it has not ended and is of the class
// it claims.
Checked<void> check_terms(const model::Order& order, const std::optional<PolicyFacts>& policy,
                          Timestamp now);

// The digest an envelope's order names, so that the caller can look the policy up before admit().
// Empty when it is not an order or needs none (undo).
std::optional<Digest> policy_named(BytesView envelope);

}  // namespace fleetsweep::trust
