#pragma once

// One `field|modifier|...: value(s)` line of a selection -> model::Predicate. Sigma's modifiers;
// windash, wide and base64offset are spelled out into values here, so that agents need not know
// them. With `all`, a value of several spellings is a predicate of its own.

#include <vector>

#include "policies/compiler/draft.h"

namespace fleetsweep::compiler {

// `detection` is the one being read: its object decides the fields, its for_each the templates.
// `excludes`: it stands under 'not', where a value that stands for everything is no sign.
// Nothing after a mistake.
std::vector<model::Predicate> read_predicates(const Entry& entry, const model::Detection& detection,
                                              bool excludes, Draft& draft);

}  // namespace fleetsweep::compiler
