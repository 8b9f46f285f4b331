#pragma once

// What this host says about itself: clocks, names, versions. Read from the machine, with names and
// versions from beneath --root where they are there.

#include <string>
#include <vector>

#include "agent/core/now.h"
#include "protocol/model/wire.h"

namespace fleetsweep::agent {

Now read_now();
BootId read_boot_id();
model::Facts read_facts(const std::string& root, std::vector<std::string> labels);
// SHA-256 of the machine id; of the hostname where there is none.
Digest read_host_digest(const std::string& root);
// SHA-256 of our own binary; zero when it cannot be read.
Digest read_program_digest();
// Resident bytes and CPU time of this process so far.
struct Usage {
  std::uint64_t rss_bytes = 0;
  Duration cpu{};
};
Usage read_usage();

}  // namespace fleetsweep::agent
