#pragma once

// The JSON a tenant's founders write to say who may do what; everything they leave out has the
// defaults of a small shop.

#include <string>

#include "protocol/model/root.h"

namespace fleetsweep::cli {

// All mistakes of the text are in the error, one a line. `directory` is where "@alice.key.pub" is
// looked up.
Result<model::Root> parse_root_specification(std::string_view json, const std::string& directory,
                                             Timestamp now);

// The specification of a root: parsed again at the time the root was issued it gives the same root,
// but for version, tenant and previous, which a specification does not have.
std::string root_specification(const model::Root& root);

// A specification to fill in.
std::string root_specification_template();

}  // namespace fleetsweep::cli
