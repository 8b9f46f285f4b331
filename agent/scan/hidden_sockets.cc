#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "agent/scan/cross_view.h"
#include "agent/scan/looks.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "agent/scan/sockets.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kAnswerBytes = 32 * 1024;  // what the kernel fills at most
constexpr std::size_t kTableBytes = 64 << 20;
constexpr int kPatienceMs = 1000;

using Sockets = std::map<std::uint64_t, std::string>;  // inode: "tcp6 port 22"

// Listening and established ones: they stay where they are. False: the kernel does not tell.
bool add_sockets(int netlink, std::uint8_t family, Sockets& sockets) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } ask{};
  ask.header.nlmsg_len = sizeof ask;
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  ask.request.sdiag_family = family;
  ask.request.sdiag_protocol = IPPROTO_TCP;
  ask.request.idiag_states = 1u << TCP_LISTEN | 1u << TCP_ESTABLISHED;
  if (::send(netlink, &ask, sizeof ask, 0) != static_cast<ssize_t>(sizeof ask)) return false;
  alignas(nlmsghdr) char answer[kAnswerBytes];
  while (true) {
    pollfd item{netlink, POLLIN, 0};
    if (::poll(&item, 1, kPatienceMs) != 1) return false;
    const ssize_t size = ::recv(netlink, answer, sizeof answer, 0);
    if (size <= 0) return false;
    int left = static_cast<int>(size);
    for (auto* header = reinterpret_cast<nlmsghdr*>(answer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return true;
      if (header->nlmsg_type == NLMSG_ERROR ||
          header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
        return false;
      const auto* socket = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
      if (socket->idiag_inode != 0)  // an accepted one that nobody has taken yet has none
        sockets[socket->idiag_inode] =
            fmt::format("{} TCP socket of port {}",
                        socket->idiag_state == TCP_LISTEN ? "listening" : "connected",
                        ntohs(socket->id.idiag_sport));
    }
  }
}

std::set<std::uint64_t> listed_sockets(const std::string& proc) {
  std::set<std::uint64_t> inodes;
  for (const char* table : {"/net/tcp", "/net/tcp6"}) {
    for_each_line(raw::read(proc + table, kTableBytes), [&](std::string_view text) {
      if (const auto line = parse_socket_line(text)) inodes.insert(line->inode);
    });
  }
  return inodes;
}

}  // namespace

Mismatches hidden_sockets(const std::string& proc, int sock_diag) {
  if (sock_diag < 0) return {};
  bool tells = true;
  const auto ask = [&] {
    Sockets sockets;
    for (const std::uint8_t family : {AF_INET, AF_INET6})
      tells = tells && add_sockets(sock_diag, family, sockets);
    return sockets;
  };
  const auto hidden = seen_each_time([&] {
    std::vector<std::pair<std::uint64_t, std::string>> missing;
    Sockets before = ask();
    const std::set<std::uint64_t> listed = listed_sockets(proc);
    for (auto& [inode, what] : before)
      if (!listed.contains(inode)) missing.emplace_back(inode, std::move(what));
    if (missing.empty()) return missing;
    // Closed in between is not hidden.
    const Sockets after = ask();
    std::erase_if(missing, [&](const auto& one) {
      const auto still = after.find(one.first);
      return !tells || still == after.end() || still->second != one.second;
    });
    return missing;
  });
  Mismatches found;
  for (const auto& [inode, what] : hidden)
    found.push_back(
        fmt::format("the kernel knows the {}, and /proc/net/tcp does not list it", what));
  return found;
}

}  // namespace fleetsweep::scan
