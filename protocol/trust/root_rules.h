#pragma once

// What makes a Root acceptable apart from its signatures. The floors are compiled in: a root below
// them is refused even if perfectly signed.

#include <string>
#include <vector>

#include "protocol/model/order.h"
#include "protocol/model/root.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

// The newest schema of documents, and of what an order may ask, that this build understands.
inline constexpr std::uint16_t kAgentSchema = 1;

// kSchema for a document of another schema number: it may read in every field we know and still
// mean something else. Asked before a document is believed.
Checked<void> check_schema(BytesView payload);

// Distinct holders that must sign for a role, over all its clauses.
unsigned floor(model::Role role);

// The role that approves orders of a class.
model::Role role_for(model::Class action_class);

// Everything that is wrong with it, each as a sentence that names the place; empty: nothing. Beyond
// what the codec checks: schema, version and tenant fit each other, expiry after issue, keys
// admissible and distinct, a holder in one organisation, clauses name existing keys of their
// organisation and can be met, floors hold, root, stop and resume present, verifier keys parse, the
// witness quorum can be met, time keys are admissible and of no other use, times not negative.
std::vector<std::string> mistakes(const model::Root& root);

}  // namespace fleetsweep::trust
