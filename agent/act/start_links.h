#pragma once

// The links by which something is started with the host: paths, whatever they lead to.

#include <string>
#include <vector>

#include "agent/act/files.h"

namespace fleetsweep::act {

// What enables a unit, in the folders of systemd that no home has and beside it: in *.wants,
// *.requires and
// *.upholds, and its other names (Alias=).
Checked<std::vector<std::string>> unit_links(const Tree& tree, const std::string& unit_path);

// S and K links of an init script, of every runlevel.
Checked<std::vector<std::string>> init_links(const Tree& tree, const std::string& script_path);

}  // namespace fleetsweep::act
