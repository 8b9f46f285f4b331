#pragma once

// The header of an installed package, as rpm keeps it in its database: big-endian numbers of index
// entries and of data bytes, the index, the data (rpm's documentation, "Package format": header).

#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep {

struct RpmFile {
  std::string path;
  std::string digest;  // MD5 or SHA-256 in lower-case hex; empty: another, or none (links, folders)
};
struct RpmPackage {
  std::string name;            // bash-5.1.8-6.el9.x86_64
  std::vector<RpmFile> files;  // that rpm has put there; not those it has left out
};

// kInvalid: it does not parse, or has more than limits::kPackageFiles files.
Result<RpmPackage> parse_rpm_header(BytesView header);

}  // namespace fleetsweep
