#pragma once

// One `field|modifier|...: value(s)` line of a selection -> model::Predicate. Sigma's modifiers;
// windash, wide and base64offset are spelled out into values here, so that agents need not know
// them.

#include <optional>

#include "policies/compiler/draft.h"

namespace fleetsweep::compiler {

// `detection` is the one being read: its object decides the fields, its for_each the templates.
// `excludes`: it stands under 'not', where a value that stands for everything is no sign.
std::optional<model::Predicate> read_predicate(const Entry& entry,
                                               const model::Detection& detection, bool excludes,
                                               Draft& draft);

}  // namespace fleetsweep::compiler
