#pragma once

// A root that is a volume of Windows: which it is, and its folders, whose names have no case.

#include <string>
#include <vector>

#include "agent/scan/root.h"
#include "protocol/model/policy.h"

namespace fleetsweep::scan {

// What stands beneath the root under this path, whatever the case of its letters; * and ? inside a
// component. Each with the spelling it has on the disk. A folder that cannot be read, or where more
// than limits::kPredicateValues names fit, is `unreadable`.
std::vector<std::string> resolve(const Root& root, std::string_view glob,
                                 const Unreadable& unreadable);

// The names that a policy's @names_under(...) stands for, written into it: only the host knows
// them. Where not all can be known, `unreadable` hears of it, and kNamesUnread stands beside the
// others. kInvalid: a folder nobody knows.
Result<model::Policy> with_names(model::Policy policy, const Root& root,
                                 const Unreadable& unreadable);

}  // namespace fleetsweep::scan
