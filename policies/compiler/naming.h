#pragma once

// Which detections say what object they mean, and which fit whatever there is. What is changed on a
// host must have been named: by content, by a whole name, or by something that is joined to it.

#include "policies/compiler/draft.h"

namespace fleetsweep::compiler {

// Nearly every object fits it: `exists`, or a part that every text has, such as `.` or `/`.
bool fits_any(const model::Predicate& predicate);

// Every alternative of the detection says which object it means. For files that is content or a
// whole name; a kind of content is none, and neither is a pattern of names.
bool names_object(std::uint16_t detection, const Draft& draft);

// The verdict never makes an agent select an object of this detection without a finding that is
// joined to that very object and says more (decisions 11).
bool needs_join(const model::Verdict& verdict, std::uint16_t detection, const Draft& draft);

}  // namespace fleetsweep::compiler
