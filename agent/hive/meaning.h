#pragma once

// What a hive says, however its cells lie, for comparing one with another. Pure.

#include "agent/hive/edit.h"
#include "protocol/base/ids.h"

namespace fleetsweep::hive {

// All of it, as far as `edits` leave it.
Digest meaning(const Hive& hive, const std::vector<Edit>& edits);

// One key with all below it, wherever it hangs.
Digest meaning_of_key(const Hive& hive, Cell key);
// Of this hive: its name, its type, and all its data.
Digest meaning_of_value(const Hive& hive, const Value& value);

}  // namespace fleetsweep::hive
