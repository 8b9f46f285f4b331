#pragma once

// From a plan to operations: the links around a unit, all names of a file. Looks at the host,
// changes nothing.

#include "agent/act/files.h"
#include "agent/act/transaction.h"

namespace fleetsweep::act {

// Refused as a whole: another name of a file is protected; an action does not fit its object.
Checked<Begin> expand(const Tree& tree, const model::Plan& plan, const Nonce& path_salt);

// SHA-256(salt || path): what receipts show instead of a path.
Digest path_hash(const Nonce& salt, std::string_view path);

}  // namespace fleetsweep::act
