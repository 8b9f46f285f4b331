#pragma once

// Who signed, and whether that is enough. Counted are distinct holders with distinct raw keys,
// never signatures and never key ids.

#include <span>
#include <vector>

#include "protocol/model/envelope.h"
#include "protocol/model/root.h"
#include "protocol/trust/root_rules.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

using Keys = std::vector<PublicKey>;  // sorted, distinct

// The keys of this root that validly signed these bytes. The key id only selects the key to try, so
// a wrong one loses a signature and never wins one.
Keys signers(const model::Envelope& envelope, const model::Root& root);

// By which of a rule's two ways. The sealed one is for the day on which the usual keys are out of
// reach: whoever takes it is seen by everybody.
enum class Approval : std::uint8_t { kUsual, kSealed };

// kQuorum, with the first clause that is not met and who could still sign. `stopped` keys do not
// count, except for the roles root, resume and stop: else one stolen key could lock out everybody
// else. Approvals of the usual clauses and of the sealed ones do not add up.
Checked<Approval> meets(const model::Root& root, model::Role role, const Keys& signed_by,
                        const Keys& stopped = {});

// Holders of `signed_by`, for people.
std::vector<std::string> holders(const model::Root& root, const Keys& signed_by);

}  // namespace fleetsweep::trust
