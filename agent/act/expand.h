#pragma once

// From a plan to operations: the links around a unit, all names of a file. Looks at the host,
// changes nothing.

#include "agent/act/files.h"
#include "agent/act/firewall.h"
#include "agent/act/transaction.h"
#include "agent/plan/plan.h"

namespace fleetsweep::act {

// Of what `input` was planned to. Refused as a whole: an action does not fit its object.
// `state`: DIR/act, beside which the enrolment lies.
Checked<Begin> expand(const Tree& tree, const plan::Input& input, const model::Plan& plan,
                      const Nonce& path_salt, Firewall& firewall, const std::string& state,
                      const std::vector<std::string>& relays);

// SHA-256(salt || path): what receipts show instead of a path.
Digest path_hash(const Nonce& salt, std::string_view path);

}  // namespace fleetsweep::act
