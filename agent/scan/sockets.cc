#include "agent/scan/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "agent/scan/raw_file.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kTableBytes = 64 << 20;

// By the socket's inode: of each program that holds it the first process, in order of pids. What a
// condition asks is the same for the others, as for the workers of a web server.
using Holders = std::vector<const ProcessFacts*>;
using Owners = std::map<std::uint64_t, Holders>;
constexpr std::size_t kHolders = 64;  // programs of one socket

std::optional<std::uint64_t> hex_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string address_text(const Bytes& bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  // An IPv4 peer of a dual-stack socket is an IPv4 peer.
  if (bytes.size() == 16 && std::equal(std::begin(kMapped), std::end(kMapped), bytes.begin()))
    ::inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  else
    ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

// One that ended meanwhile holds nothing.
bool is_gone(int error) {
  return error == ENOENT || error == ESRCH;
}

bool is_same_program(const ProcessFacts& a, const ProcessFacts& b) {
  const model::ProcessIdentity &one = a.identity, &other = b.identity;
  return one.name == other.name && one.exe == other.exe && one.exe_deleted == other.exe_deleted;
}

Owners owners_of(const std::vector<ProcessFacts>& processes, std::vector<Missed>& missed) {
  Owners owners;
  std::set<const Holders*> full;
  for (const ProcessFacts& process : processes) {
    const std::string folder = "/proc/" + std::to_string(process.thread) + "/fd";
    const UniqueFd fd = raw::open(folder, O_DIRECTORY);
    const auto entries = fd ? raw::list(fd.get()) : std::nullopt;
    int error = entries ? 0 : errno;
    for (const raw::Entry& entry : entries.value_or(std::vector<raw::Entry>())) {
      const std::string target = raw::link(folder + "/" + entry.name);
      if (target.empty() && !is_gone(errno)) error = errno;
      constexpr std::string_view kSocket = "socket:[";
      if (!target.starts_with(kSocket)) continue;
      Holders& holders = owners[std::strtoull(target.c_str() + kSocket.size(), nullptr, 10)];
      if (std::ranges::any_of(holders, [&](auto one) { return is_same_program(*one, process); }))
        continue;
      if (holders.size() < kHolders)
        holders.push_back(&process);
      else if (full.insert(&holders).second)
        missed.push_back({target, fmt::format("more than {} programs hold it", kHolders)});
    }
    if (error != 0 && !is_gone(error)) missed.push_back({folder, std::strerror(error)});
  }
  return owners;
}

}  // namespace

std::optional<SocketLine> parse_socket_line(std::string_view line) {
  // "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 ..."
  const auto fields = words(line);
  if (fields.size() < 10 || !fields[0].ends_with(':')) return std::nullopt;
  const auto end_point = [](std::string_view text, std::string& address, std::uint16_t& port) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto port_number = hex_number(text.substr(colon + 1));
    const std::string_view digits = text.substr(0, colon);
    if (!port_number || (digits.size() != 8 && digits.size() != 32)) return false;
    // 32-bit words in the byte order of the host, which is little-endian here.
    Bytes bytes;
    for (std::size_t word = 0; word < digits.size(); word += 8) {
      const auto value = hex_number(digits.substr(word, 8));
      if (!value) return false;
      for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(*value >> (8 * i)));
    }
    address = address_text(bytes);
    port = static_cast<std::uint16_t>(*port_number);
    return true;
  };
  SocketLine result;
  model::ConnectionIdentity& identity = result.identity;
  if (!end_point(fields[1], identity.local_address, identity.local_port) ||
      !end_point(fields[2], identity.remote_address, identity.remote_port))
    return std::nullopt;
  identity.listening = fields[3] == "0A";   // TCP_LISTEN, include/net/tcp_states.h
  result.is_connected = fields[3] == "01";  // TCP_ESTABLISHED; of UDP too
  const auto& inode = fields[9];
  if (std::from_chars(inode.data(), inode.data() + inode.size(), result.inode).ec != std::errc())
    return std::nullopt;
  return result;
}

std::optional<SocketLine> parse_sctp_line(std::string_view line) {
  // "ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS"
  const auto fields = words(line);
  if (fields.size() < 8) return std::nullopt;
  const auto number = [&](std::size_t at, auto& value) {
    const auto& text = fields[at];
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  };
  SocketLine result;
  model::ConnectionIdentity& identity = result.identity;
  if (!number(5, identity.local_port) || !number(7, result.inode)) return std::nullopt;
  identity.listening = fields[3] == "10";  // SCTP_SS_LISTENING, in decimal
  if (fields.size() > 8) identity.local_address = fields[8];
  return result;
}

std::optional<std::uint64_t> parse_packet_line(std::string_view line) {
  // "sk RefCnt Type Proto Iface R Rmem User Inode"
  const auto fields = words(line);
  std::uint64_t inode = 0;
  if (fields.size() < 9 ||
      std::from_chars(fields[8].data(), fields[8].data() + fields[8].size(), inode).ec !=
          std::errc())
    return std::nullopt;
  return inode;
}

std::vector<ConnectionFacts> list_connections(const Root& root,
                                              const std::vector<ProcessFacts>& processes,
                                              std::vector<Missed>* missed) {
  std::vector<Missed> ignored;
  if (missed == nullptr) missed = &ignored;
  std::map<std::string, std::vector<std::string>> namespaces;  // and processes that show its tables
  if (root.is_whole()) namespaces[raw::link("/proc/self/ns/net")] = {"/proc/self"};
  for (const ProcessFacts& process : processes) {
    const std::string folder = "/proc/" + std::to_string(process.thread);
    if (std::string name = raw::link(folder + "/ns/net"); !name.empty())
      namespaces[std::move(name)].push_back(folder);
  }
  const Owners owners = owners_of(processes, *missed);
  std::vector<ConnectionFacts> result;
  const auto add = [&](model::ConnectionIdentity identity, std::uint64_t inode) {
    const auto owner = owners.find(inode);
    if (owner == owners.end() && !root.is_whole()) return;
    const ConnectionFacts socket{.identity = std::move(identity), .inode = inode};
    if (owner == owners.end()) return result.push_back(socket);
    for (const ProcessFacts* holder : owner->second) {
      ConnectionFacts& facts = result.emplace_back(socket);
      facts.identity.pid = holder->identity.pid;
      facts.identity.exe = holder->identity.exe;
      facts.process_name = holder->identity.name;
      facts.exe_deleted = holder->identity.exe_deleted;
    }
  };
  constexpr struct {
    const char *file, *protocol;
  } kTables[] = {{"tcp", "tcp"},       {"tcp6", "tcp"},        {"udp", "udp"},
                 {"udp6", "udp"},      {"udplite", "udplite"}, {"udplite6", "udplite"},
                 {"sctp/eps", "sctp"}, {"icmp", "icmp"},       {"icmp6", "icmp"},
                 {"raw", "raw"},       {"raw6", "raw"}};
  for (const auto& [name, folders] : namespaces) {
    // One that has ended since shows nothing.
    const auto shows = std::ranges::find_if(
        folders, [&name = name](const auto& one) { return raw::link(one + "/ns/net") == name; });
    if (shows == folders.end()) continue;
    const std::string tables = *shows + "/net/";
    for (const auto& table : kTables) {
      const std::string_view protocol = table.protocol;
      const bool is_udp = protocol.starts_with("udp"), is_sctp = protocol == "sctp";
      for_each_line(read_whole(tables + table.file, kTableBytes, *missed),
                    [&](std::string_view text) {
                      auto line = is_sctp ? parse_sctp_line(text) : parse_socket_line(text);
                      if (!line) return;
                      line->identity.protocol = protocol;
                      // A datagram socket without a peer takes what comes.
                      if (is_udp) line->identity.listening = !line->is_connected;
                      add(std::move(line->identity), line->inode);
                    });
    }
    for_each_line(read_whole(tables + "packet", kTableBytes, *missed), [&](std::string_view text) {
      if (const auto inode = parse_packet_line(text)) {
        model::ConnectionIdentity identity;
        identity.protocol = "packet";
        add(std::move(identity), *inode);
      }
    });
  }
  return result;
}

}  // namespace fleetsweep::scan
