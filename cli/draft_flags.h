#pragma once

// The options of `order draft`, `campaign start` and `campaign undo`.

#include "cli/drafting.h"

namespace fleetsweep::cli {

void add_draft_flags(CLI::App& verb, DraftOptions& options);
void add_undo_flags(CLI::App& verb, DraftOptions& options);

}  // namespace fleetsweep::cli
