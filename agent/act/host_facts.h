#pragma once

// What planning needs to know about this host's objects, looked up before anything is touched.

#include "agent/act/files.h"
#include "agent/act/image_names.h"
#include "agent/plan/plan.h"

namespace fleetsweep::act {

// One for each finding: package state, all names of a file with several, mount points, hard links
// to protected files, files that init has mapped, the last key of an administrator. Without
// `image_names` a layer's images stay unnamed.
std::vector<plan::ObjectFacts> facts_of(const Tree& tree,
                                        const std::vector<model::Finding>& findings,
                                        const ImageNames* image_names);

plan::Sbin sbin_of(const Tree& tree);

// Our state and programs, as paths of the root.
std::vector<std::string> own_paths(const Tree& tree, const std::string& state);

}  // namespace fleetsweep::act
