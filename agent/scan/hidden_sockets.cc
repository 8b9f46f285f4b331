#include <sys/socket.h>

#include <map>
#include <optional>
#include <set>

#include "agent/scan/cross_view.h"
#include "agent/scan/looks.h"
#include "agent/scan/process.h"
#include "agent/scan/sockets.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

using Sockets = std::map<std::uint64_t, std::string>;  // inode: "listening TCP socket of port 22"

std::optional<Sockets> known_sockets(const SockDiag& diag, std::uint8_t family) {
  Sockets named;
  if (family == AF_PACKET) {
    const auto sockets = diag.packet_sockets();
    if (!sockets) return std::nullopt;
    for (const auto& [inode, has_filter] : *sockets)
      if (inode != 0) named[inode] = "packet socket " + std::to_string(inode);
    return named;
  }
  const auto sockets = diag.tcp_sockets(family);
  if (!sockets) return std::nullopt;
  for (const auto& [inode, socket] : *sockets)
    named[inode] = fmt::format("{} TCP socket of port {}",
                               socket.is_listening ? "listening" : "connected", socket.port);
  return named;
}

// Nothing: not all of the table could be read; it always has a header.
std::optional<std::set<std::uint64_t>> listed_sockets(std::uint8_t family, const std::string& table,
                                                      std::size_t most) {
  std::vector<Missed> missed;
  const std::string text = read_whole(table, most, missed);
  if (text.empty() || !missed.empty()) return std::nullopt;
  std::set<std::uint64_t> inodes;
  for_each_line(text, [&](std::string_view line) {
    if (family == AF_PACKET) {
      if (const auto inode = parse_packet_line(line)) inodes.insert(*inode);
    } else if (const auto socket = parse_socket_line(line)) {
      inodes.insert(socket->inode);
    }
  });
  return inodes;
}

}  // namespace

Mismatches hidden_sockets(const std::string& proc, const SockDiag& diag, std::size_t most) {
  const auto look = [&](std::uint8_t family, const std::string& table) {
    std::vector<std::pair<std::uint64_t, std::string>> missing;
    const auto before = known_sockets(diag, family);
    if (!before) return missing;
    const auto listed = listed_sockets(family, table, most);
    for (const auto& [inode, what] : *before)
      if (listed && !listed->contains(inode)) missing.emplace_back(inode, what);
    if (missing.empty()) return missing;
    // Closed in between is not hidden.
    const auto after = known_sockets(diag, family);
    std::erase_if(missing, [&](const auto& one) {
      if (!after) return true;
      const auto still = after->find(one.first);
      return still == after->end() || still->second != one.second;
    });
    return missing;
  };
  constexpr struct {
    std::uint8_t family;
    const char* table;
  } kTables[] = {{AF_INET, "/net/tcp"}, {AF_INET6, "/net/tcp6"}, {AF_PACKET, "/net/packet"}};
  Mismatches found;
  for (const auto& [family, name] : kTables) {
    const std::string table = proc + name;
    for (const auto& [inode, what] : seen_each_time([&, f = family] { return look(f, table); }))
      found.push_back(fmt::format("the kernel knows the {}, and {} does not list it", what, table));
  }
  return found;
}

}  // namespace fleetsweep::scan
