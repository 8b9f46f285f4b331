#pragma once

// Running programs and their connections, as /proc tells, without any tool of the host.

#include <map>
#include <vector>

#include "agent/scan/evaluate/facts.h"
#include "agent/scan/root.h"

namespace fleetsweep::scan {

// All processes; of a root that is a folder, those whose program lies in it or whose / it is.
// Processes of our own family are left out. Hashes and package ownership are not filled in.
std::vector<ProcessFacts> list_processes(const Root& root);

// TCP and UDP sockets that are open, in every network namespace of these processes; of a root that
// is a folder, only the sockets of its processes.
std::vector<ConnectionFacts> list_connections(const Root& root,
                                              const std::vector<ProcessFacts>& processes);

// One line of /proc/net/{tcp,tcp6,udp,udp6}; nothing for its header. The inode names the socket.
struct SocketLine {
  model::ConnectionIdentity identity;
  std::uint64_t inode = 0;
};
std::optional<SocketLine> parse_socket_line(std::string_view line);

// What /proc/PID/stat says that we need; nothing when it is malformed.
struct StatLine {
  std::string name;
  std::uint64_t flags = 0;
  std::uint64_t start_ticks = 0;
};
std::optional<StatLine> parse_stat_line(std::string_view text);

// "kworker/0:1", "[kswapd0]", "kdevtmpfsi": the name of a kernel thread or one made to look so.
bool is_kernel_thread_name(std::string_view name, std::string_view command_line);

}  // namespace fleetsweep::scan
