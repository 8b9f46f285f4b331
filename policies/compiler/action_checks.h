#pragma once

// The checks of responses' actions, a part of check_policy.

#include "policies/compiler/draft.h"

namespace fleetsweep::compiler {

bool changes_host(model::ActionKind kind);

// Some alternative of it finds nothing but entries of Windows, or nothing but those of Linux.
bool looks_for_entries_of(const model::Detection& detection, model::Platform platform);

void check_actions(Draft& draft);

}  // namespace fleetsweep::compiler
