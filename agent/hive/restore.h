#pragma once

// Undo on a hive that Windows wrote to since: what an edit took out goes back in, and whatever else
// the hive says by now stays. Room comes from cells that are free; a hive never grows. Pure.

#include "agent/hive/edit.h"

namespace fleetsweep::hive {

// `edits` made another hive of `before`; `current` is what that has become. The answer has the size
// of `current`, and is only given after it was read again: beside what `edits` took out it says
// what `current` says. kConflict: dirty, damaged, no room, or something else stands in that place.
Result<Bytes> restored(BytesView before, const std::vector<Edit>& edits, BytesView current);

}  // namespace fleetsweep::hive
