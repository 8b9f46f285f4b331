#pragma once

// What the kernel itself tells of sockets (NETLINK_SOCK_DIAG), of this process's own network
// namespace.

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {

class SockDiag {
 public:
  // A process without network calls could not open it later.
  SockDiag();

  struct TcpSocket {
    bool is_listening = false;
    std::uint16_t port = 0;  // its own
    bool operator==(const TcpSocket&) const = default;
  };
  // By inode; each is nothing if the kernel does not tell. Listening and established ones: they
  // stay where they are. `family`: AF_INET or AF_INET6.
  std::optional<std::map<std::uint64_t, TcpSocket>> tcp_sockets(std::uint8_t family) const;
  // Packet sockets, and whether a classic BPF filter chooses what they get, which the kernel tells
  // to who has CAP_NET_ADMIN.
  std::optional<std::map<std::uint64_t, std::optional<bool>>> packet_sockets() const;

 private:
  // False: not all of it came, or `take` did not like it.
  bool ask(std::span<const std::byte> request,
           const std::function<bool(const nlmsghdr&)>& take) const;
  UniqueFd netlink_;
};

}  // namespace fleetsweep::scan
