#pragma once

// What starts or keeps the objects that a scan found: for people who ask what brought them back.
// Nothing here is a finding, and nothing acts on it.

#include "agent/scan/engine.h"
#include "agent/scan/evaluate/facts.h"

namespace fleetsweep::scan {

// A process as far as it can be an origin.
struct Suspect {
  ProcessFacts facts;  // with its parent
  std::string unit;    // of systemd; empty: none
};

// For each object, at most limits::kMismatches in all: the entries that start it, the processes
// that name it or run it, and the parent and the unit of a process. Texts are escaped. Pure.
std::vector<model::Origin> origins_of(const std::vector<model::Finding>& findings,
                                      const std::vector<Suspect>& processes,
                                      const std::vector<model::PersistenceIdentity>& entries);

// The same of this host now. Of the options only the parser's count.
std::vector<model::Origin> find_origins(Root& root, const EngineOptions& options,
                                        const std::vector<model::Finding>& findings);

// Of /proc/PID/cgroup: the innermost name that ends as a unit's does. Empty: none.
std::string unit_of(std::string_view cgroup);

}  // namespace fleetsweep::scan
