#pragma once

// Which container a process runs in.

#include <string>
#include <string_view>

namespace fleetsweep {

// Of /proc/PID/cgroup: the 64 hexadecimal digits by which docker, containerd, podman and cri-o name
// a container; the innermost. Empty: none.
std::string container_id(std::string_view cgroup);

}  // namespace fleetsweep
