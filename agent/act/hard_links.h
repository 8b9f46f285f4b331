#pragma once

// All names of files that have several: whoever takes a file takes every one of them. And where
// else one name is seen.

#include <map>

#include "agent/act/files.h"
#include "agent/overlay/overlay.h"

namespace fleetsweep::act {

using Inode = std::pair<std::uint64_t, std::uint64_t>;  // device and number
using Links = std::map<Inode, std::vector<std::string>>;

// For all of `files` with several names, wherever beneath the root their devices are mounted. A
// name that a mount covers, or that lies where no path reaches, is not found: then there are fewer
// than the file's `links`. One that a mount shows twice is one name.
Links names_of(const Tree& tree, const std::vector<model::FileIdentity>& files);

// The other paths at which `all` mounts (overlay.h) show this very file, under the name that it has
// here: a part of a file system that is mounted a second time. Where a share lies is not looked.
std::vector<std::string> shown_at(const Tree& tree, const std::vector<Mount>& all,
                                  const model::FileIdentity& file);

}  // namespace fleetsweep::act
