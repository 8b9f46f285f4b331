#pragma once

// Which signs are so sure that one of them counts as two.

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

bool is_hash(model::Field field);

// Every way to match has an exact hash, or a YARA rule scored 90 or more.
bool is_strong(const model::Detection& detection);

}  // namespace fleetsweep::compiler
