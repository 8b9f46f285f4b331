#pragma once

// Tokens of the API, on the machine that has the state folder. The controller may run meanwhile: it
// looks a token up at each request, so that a new one opens and a revoked one closes at once.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::controller {

// Writes a new token into a private file.
Status create_token(const std::string& state, const std::string& role, const std::string& tenant,
                    const std::string& out);
// [{id, role, tenant, created}]; the id is what the store's audit calls the caller.
Result<std::string> tokens_json(const std::string& state);
// kNotFound: nobody has this id.
Status revoke_token(const std::string& state, const std::string& id);

}  // namespace fleetsweep::controller
