#pragma once

// What planning needs to know about this host's objects, looked up before anything is touched.

#include "agent/act/files.h"
#include "agent/plan/plan.h"
#include "protocol/trust/consent.h"

namespace fleetsweep::act {

// One for each finding: package state, mount points, hard links to protected files, files that init
// has mapped, the owner's consent, the last key of root.
std::vector<plan::ObjectFacts> facts_of(const Tree& tree, const trust::Consent& consent,
                                        const std::vector<model::Finding>& findings);

// Our state and programs, as paths of the root.
std::vector<std::string> own_paths(const Tree& tree, const std::string& state);

}  // namespace fleetsweep::act
