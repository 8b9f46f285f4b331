#pragma once

// Reading by the system calls themselves: a library that was preloaded into us to hide things
// changes the C library's functions, not the kernel's.

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan::raw {

UniqueFd open(const std::string& path, int extra_flags = 0);  // to read; never blocks

// At most `most` bytes from the start; what could be read, so nothing for a file that is not there.
std::string read(int fd, std::size_t most);
std::string read(const std::string& path, std::size_t most);

// Where a link leads; empty when it is none.
std::string link(const std::string& path);

struct Entry {
  std::string name;
  std::uint8_t type = 0;  // DT_DIR ...; DT_UNKNOWN on some file systems
};
// Without "." and ".."; from the start, whatever was read before. Nothing when not all of it can be
// read.
std::optional<std::vector<Entry>> list(int folder);
std::optional<std::vector<Entry>> list(const std::string& folder);

}  // namespace fleetsweep::scan::raw
