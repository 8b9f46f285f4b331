#pragma once

// The links by which something is started with the host: paths, whatever they lead to.

#include <set>
#include <string>
#include <vector>

#include "agent/act/files.h"

namespace fleetsweep::act {

// Whether its manager finds another unit of its name, or the template of it, when all of `gone` is:
// files that bear no link in their paths, the unit among them.
Checked<bool> has_namesake(const Tree& tree, const std::string& unit_path,
                           const std::set<std::string>& gone);

// What enables a unit, in the folders of systemd that no home has and beside it: in *.wants,
// *.requires and *.upholds, and its other names (Alias=). Of its name, wherever they lead to: so
// systemd reads them; or only those that lead to this file, where others have the name too.
enum class LinksOf { kName, kFile };
Checked<std::vector<std::string>> unit_links(const Tree& tree, const std::string& unit_path,
                                             LinksOf which);

// S and K links of an init script, of every runlevel: those that lead to it, and those of its name
// if it lies where they look for it.
Checked<std::vector<std::string>> init_links(const Tree& tree, const std::string& script_path);

}  // namespace fleetsweep::act
