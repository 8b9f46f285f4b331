#pragma once

// The memory of a process, as far as code hides there: what no file on the disk stands behind. The
// walker only copies it; rules run in the parser.

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {

struct MemoryRegion {
  std::uint64_t start = 0, end = 0;
  bool is_anonymous = false;  // only those of its pages that were touched exist
  bool is_held = true;        // what stands behind it is of this host; another may never answer
  bool operator==(const MemoryRegion&) const = default;
};
// From /proc/PID/maps: private memory that is writable and executable, anonymous memory that is
// executable, and all of a memfd or a deleted file that is mapped executable somewhere; also what
// may only be executed. Shared memory of databases and desktops is none of that. `held`: the
// devices of file systems that this host holds, as maps has them. Pure.
std::vector<MemoryRegion> regions_to_scan(std::string_view maps, const std::set<std::string>& held);

struct MemoryRead {
  std::uint64_t bytes = 0;
  // More than kProcessMemoryBytes, more mappings than are looked at, or one that cannot be read, or
  // only where another may never answer: of a share, of FUSE, or of what is mounted nowhere.
  bool is_partial = false;
};
// Gives the regions in memfds of at most kMemoryImageBytes, one after the other: neighbours in
// memory are neighbours there, all else is kept apart by zeros, and a region that does not fit goes
// on in the next with an overlap. kNotFound: the process ended; kUntrusted: we may not look. `pid`
// may be that of any thread that has not ended.
inline constexpr std::uint64_t kProcessMemoryBytes = 256ull << 20;
inline constexpr std::uint64_t kMemoryImageBytes = 16ull << 20;
inline constexpr std::uint64_t kMemoryOverlapBytes = 64 * 1024;
Result<MemoryRead> read_memory(int pid, const std::function<void(UniqueFd image)>& take);

}  // namespace fleetsweep::scan
