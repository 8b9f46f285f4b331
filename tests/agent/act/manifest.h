#pragma once

// All that stands in a folder, to be compared with what stands there later.

#include <string>

namespace fleetsweep::act {

enum class Told { kAll, kWithoutTimesAndAttributes };

// A line of the folder and of everything beneath it, by path:
// "PATH MODE UID:GID LINKS LEADS-TO SHA-256", and of all " MTIME INODE-FLAGS NAME=VALUE...".
std::string manifest_of(const std::string& folder, Told told);

}  // namespace fleetsweep::act
