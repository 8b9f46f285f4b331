#pragma once

// Which services still have a file loaded: what is taken from the disk stays in their memory until
// they start again.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/plan/plan.h"

namespace fleetsweep::act {

// The system's service that a process belongs to, from the text of /proc/PID/cgroup:
// "cron.service". Empty: none, as in a session or a container, even one with a systemd of its own.
std::string unit_of(std::string_view proc_cgroup);

// From the text of /proc/PID/maps: device and inode of all mapped files, each once.
std::vector<std::pair<std::uint64_t, std::uint64_t>> mapped_files(std::string_view maps);

// Of all processes, by device and inode of the file they have mapped. What cannot be read is left
// out. One that numbers its processes by itself, as containers do, is of no service of this host.
using Mappings = std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<plan::Service>>;
Mappings mappings_of_host();

}  // namespace fleetsweep::act
