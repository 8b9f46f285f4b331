#pragma once

// Open sockets with those who hold each, from the tables in /proc/PID/net. Several processes of one
// program that hold one are told as one.

#include <optional>
#include <string_view>
#include <vector>

#include "agent/scan/evaluate/facts.h"
#include "agent/scan/process.h"
#include "agent/scan/root.h"

namespace fleetsweep::scan {

// TCP, UDP, UDP-Lite, SCTP, ICMP, raw and packet sockets in every network namespace that one of
// these processes is in; of a root that is a folder, only the sockets of its processes.
std::vector<ConnectionFacts> list_connections(const Root& root,
                                              const std::vector<ProcessFacts>& processes,
                                              std::vector<Missed>* missed = nullptr);

// One line of /proc/net/{tcp,udp,udplite,icmp,raw}, and of those with a 6 behind; nothing for its
// header. The inode names the socket. `protocol` stays empty, and `listening` means TCP's state.
struct SocketLine {
  model::ConnectionIdentity identity;
  std::uint64_t inode = 0;
  bool is_connected = false;
};
std::optional<SocketLine> parse_socket_line(std::string_view line);

// One line of /proc/net/sctp/eps, where nobody is named whom it speaks with.
std::optional<SocketLine> parse_sctp_line(std::string_view line);

// The inode of one line of /proc/net/packet.
std::optional<std::uint64_t> parse_packet_line(std::string_view line);

}  // namespace fleetsweep::scan
