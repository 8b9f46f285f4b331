#pragma once

// All names of files that have several: whoever takes a file takes every one of them.

#include <map>

#include "agent/act/files.h"

namespace fleetsweep::act {

using Inode = std::pair<std::uint64_t, std::uint64_t>;  // device and number
using Links = std::map<Inode, std::vector<std::string>>;

// One walk for all of `files` with several names. A name that a mount covers is not found, one that
// a mount shows twice is found twice: then their number is not the file's `links`.
Links names_of(const Tree& tree, const std::vector<model::FileIdentity>& files);

}  // namespace fleetsweep::act
