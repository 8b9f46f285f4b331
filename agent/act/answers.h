#pragma once

// What act says at the end: of what its journal tells, an answer for core. Pure.

#include <vector>

#include "agent/act/transaction.h"
#include "protocol/model/local.h"

namespace fleetsweep::act {

model::ActDone refused(const DocumentId& order, Reason reason, std::string detail);
model::ActDone refused(const DocumentId& order, const Refusal& refusal);

// Our own state (journal, vault, anchor) could not be read or written.
Reason reason_of_state(const Error& error);
// The answer as far as it goes, and why it goes no further.
model::ActDone failed(model::ActDone done, const Error& error);

// Of one transaction, or of its undo if that began. `local`: by the owner's hand.
model::ActDone answer(const Transaction& transaction, bool local);
// Of all rounds of `applied` together, the newest first; undone is only what is so in each. `order`
// is zero for the host's own root.
model::ActDone answer_undo(const std::vector<const Transaction*>& rounds, const DocumentId& applied,
                           const DocumentId& order);

}  // namespace fleetsweep::act
