#pragma once

// An order as people name it. Pure.

#include <set>
#include <string_view>

#include "protocol/base/ids.h"
#include "protocol/base/result.h"

namespace fleetsweep {

// A whole id, known or not, or of those that are known the one that begins with these eight digits
// or more. kNotFound: none does, and `listed_by` is what a person may look into.
Result<DocumentId> order_named(std::string_view text, const std::set<DocumentId>& known,
                               std::string_view listed_by);

}  // namespace fleetsweep
