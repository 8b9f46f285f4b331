#pragma once

// Tokens of the API, on the machine that has the state folder. The controller may run meanwhile: it
// looks a token up at each request, so that a new one opens and a revoked one closes at once.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::controller {

// Writes a new token into a private file; nothing else ever shows it. `life` like "90d"; empty:
// until it is revoked.
Status create_token(const std::string& state, const std::string& role, const std::string& tenant,
                    const std::string& life, const std::string& out);
// [{id, role, tenant, created, expires, last_used}]; the id is what the store's audit calls the
// caller.
Result<std::string> tokens_json(const std::string& state);
// A new secret with the same rights and as long a life, in a private file. The old one ends after
// `overlap`; empty: at once. kNotFound: nobody has this id; kConflict: it has ended already.
Status rotate_token(const std::string& state, const std::string& id, const std::string& overlap,
                    const std::string& out);
// kNotFound: nobody has this id.
Status revoke_token(const std::string& state, const std::string& id);

}  // namespace fleetsweep::controller
