#pragma once

// Which services still have a file loaded: what is taken from the disk stays in their memory until
// they start again.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/act/mapped_files.h"
#include "agent/plan/plan.h"

namespace fleetsweep::act {

// The system's service that a process belongs to, from the text of /proc/PID/cgroup:
// "cron.service". Empty: none, as in a session or a container, even one with a systemd of its own.
std::string unit_of(std::string_view proc_cgroup);

// Of all processes, by the files they have mapped. What cannot be read is left out. One that
// numbers its processes by itself, as containers do, is of no service of this host.
struct Mapper {
  std::int32_t pid = 0;
  std::string unit;
};
using Mappings = std::multimap<MappedFile, Mapper>;
Mappings mappings_of_host(const Tree& tree);

// Those that have any of these files mapped.
std::vector<plan::Service> services_of(const Mappings& mappings,
                                       const std::vector<MappedFile>& files);

}  // namespace fleetsweep::act
