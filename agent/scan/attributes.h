#pragma once

// What the file system says of a file: its flags, capabilities and birth.

#include <sys/stat.h>

#include "agent/scan/evaluate/facts.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {

// Of an open file. What its file system does not keep it does not have. kUnavailable: errno, of
// what it may have.
Result<FileAttributes> attributes_of(int fd, const struct stat& status);

// By number, as getcap(8) spells them (linux/capability.h).
std::span<const std::string_view> known_capabilities();

// The extended attribute security.capability as getcap(8) spells it: everything a program may get
// from it, permitted or inherited. Empty for one that the kernel would refuse (capabilities(7),
// linux/capability.h vfs_cap_data).
std::vector<std::string> capability_names(BytesView attribute);

}  // namespace fleetsweep::scan
