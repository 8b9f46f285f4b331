#include "agent/scan/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kAnswerBytes = 32 * 1024;  // what the kernel fills at most
constexpr int kPatienceMs = 1000;

}  // namespace

SockDiag::SockDiag()
    : netlink_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG)) {}

bool SockDiag::ask(std::span<const std::byte> request,
                   const std::function<bool(const nlmsghdr&)>& take) const {
  if (!netlink_) return false;
  nlmsghdr header{.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(request.size())),
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                  .nlmsg_seq = 0,
                  .nlmsg_pid = 0};
  iovec parts[] = {{&header, sizeof header},
                   {const_cast<std::byte*>(request.data()), request.size()}};
  const msghdr message{.msg_name = nullptr,
                       .msg_namelen = 0,
                       .msg_iov = parts,
                       .msg_iovlen = 2,
                       .msg_control = nullptr,
                       .msg_controllen = 0,
                       .msg_flags = 0};
  if (::sendmsg(netlink_.get(), &message, 0) != static_cast<ssize_t>(header.nlmsg_len))
    return false;
  alignas(nlmsghdr) char answer[kAnswerBytes];
  while (true) {
    pollfd item{netlink_.get(), POLLIN, 0};
    if (::poll(&item, 1, kPatienceMs) != 1) return false;
    const ssize_t size = ::recv(netlink_.get(), answer, sizeof answer, 0);
    if (size <= 0) return false;
    int left = static_cast<int>(size);
    for (auto* one = reinterpret_cast<nlmsghdr*>(answer);
         left > 0 && NLMSG_OK(one, static_cast<unsigned>(left)); one = NLMSG_NEXT(one, left)) {
      if (one->nlmsg_type == NLMSG_DONE) return true;
      if (one->nlmsg_type == NLMSG_ERROR || !take(*one)) return false;
    }
  }
}

std::optional<std::map<std::uint64_t, SockDiag::TcpSocket>> SockDiag::tcp_sockets(
    std::uint8_t family) const {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = 1u << TCP_LISTEN | 1u << TCP_ESTABLISHED;
  std::map<std::uint64_t, TcpSocket> sockets;
  const bool is_whole = ask(std::as_bytes(std::span(&request, 1)), [&](const nlmsghdr& one) {
    if (one.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return false;
    const auto* socket = static_cast<const inet_diag_msg*>(NLMSG_DATA(&one));
    if (socket->idiag_inode != 0)  // an accepted one that nobody has taken yet has none
      sockets[socket->idiag_inode] = {socket->idiag_state == TCP_LISTEN,
                                      ntohs(socket->id.idiag_sport)};
    return true;
  });
  if (!is_whole) return std::nullopt;
  return sockets;
}

std::optional<std::map<std::uint64_t, std::optional<bool>>> SockDiag::packet_sockets() const {
  packet_diag_req request{};
  request.sdiag_family = AF_PACKET;
  request.pdiag_show = PACKET_SHOW_FILTER;
  std::map<std::uint64_t, std::optional<bool>> sockets;
  const bool is_whole = ask(std::as_bytes(std::span(&request, 1)), [&](const nlmsghdr& one) {
    if (one.nlmsg_len < NLMSG_LENGTH(sizeof(packet_diag_msg))) return false;
    const auto* socket = static_cast<const packet_diag_msg*>(NLMSG_DATA(&one));
    std::optional<bool>& has_filter = sockets[socket->pdiag_ino];
    has_filter = false;
    auto left = static_cast<int>(one.nlmsg_len - NLMSG_LENGTH(sizeof(packet_diag_msg)));
    for (const auto* attribute = reinterpret_cast<const rtattr*>(
             reinterpret_cast<const char*>(socket) + NLMSG_ALIGN(sizeof(packet_diag_msg)));
         RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
      if (attribute->rta_type != PACKET_DIAG_FILTER) continue;
      has_filter.reset();
      // Empty for who may not know, whether there is one or not (sock_diag_put_filterinfo).
      if (RTA_PAYLOAD(attribute) > 0) has_filter = true;
    }
    return true;
  });
  if (!is_whole) return std::nullopt;
  return sockets;
}

}  // namespace fleetsweep::scan
