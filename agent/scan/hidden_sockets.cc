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
#include <optional>
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
    for (auto* header = reinterpret_cast<nlmsghdr*>(answer);
         left > 0 && NLMSG_OK(header, static_cast<unsigned>(left));
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

// Nothing: the table could not be read; it always has a header.
std::optional<std::set<std::uint64_t>> listed_sockets(const std::string& table) {
  const std::string text = raw::read(table, kTableBytes);
  if (text.empty()) return std::nullopt;
  std::set<std::uint64_t> inodes;
  for_each_line(text, [&](std::string_view line) {
    if (const auto socket = parse_socket_line(line)) inodes.insert(socket->inode);
  });
  return inodes;
}

}  // namespace

Mismatches hidden_sockets(const std::string& proc, int sock_diag) {
  if (sock_diag < 0) return {};
  const auto look = [&](std::uint8_t family, const std::string& table) {
    std::vector<std::pair<std::uint64_t, std::string>> missing;
    Sockets before, after;
    if (!add_sockets(sock_diag, family, before)) return missing;
    const auto listed = listed_sockets(table);
    for (const auto& [inode, what] : before)
      if (listed && !listed->contains(inode)) missing.emplace_back(inode, what);
    if (missing.empty()) return missing;
    // Closed in between is not hidden.
    const bool tells = add_sockets(sock_diag, family, after);
    std::erase_if(missing, [&](const auto& one) {
      const auto still = after.find(one.first);
      return !tells || still == after.end() || still->second != one.second;
    });
    return missing;
  };
  Mismatches found;
  for (const auto& [family, table] : {std::pair<std::uint8_t, std::string>{AF_INET, "/net/tcp"},
                                      std::pair<std::uint8_t, std::string>{AF_INET6, "/net/tcp6"}})
    for (const auto& [inode, what] :
         seen_each_time([&, f = family, t = proc + table] { return look(f, t); }))
      found.push_back(fmt::format("the kernel knows the {}, and {} does not list it", what, table));
  return found;
}

}  // namespace fleetsweep::scan
