#include "agent/scan/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include "agent/scan/process.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;

TEST(Sockets, LinesOfBothFamiliesAreRead) {
  const auto four = parse_socket_line(
      "   1: 0100007F:1F90 AC10D82D:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "12345 1 0");
  ASSERT_TRUE(four.has_value());
  EXPECT_EQ(four->identity.local_address, "127.0.0.1");
  EXPECT_EQ(four->identity.local_port, 8080);
  EXPECT_EQ(four->identity.remote_address, "45.216.16.172");
  EXPECT_EQ(four->identity.remote_port, 443);
  EXPECT_EQ(four->inode, 12345u);
  EXPECT_TRUE(four->is_connected);
  EXPECT_FALSE(four->identity.listening);
  const auto six = parse_socket_line(
      "0: 00000000000000000000000001000000:0016 0000000000000000FFFF00000100007F:0050 0A 0:0 0:0 0 "
      "0 0 77");
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->identity.local_address, "::1");
  EXPECT_EQ(six->identity.remote_address, "127.0.0.1");
  EXPECT_TRUE(six->identity.listening);
  EXPECT_FALSE(parse_socket_line("  sl  local_address rem_address   st tx_queue").has_value());
}

TEST(Sockets, LinesOfSctpSocketsAreRead) {
  const auto line =
      parse_sctp_line("ffff8881 ffff8882 2   10  29   3868      0 31337 0.0.0.0 10.0.0.1");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->identity.local_port, 3868);
  EXPECT_EQ(line->identity.local_address, "0.0.0.0");
  EXPECT_EQ(line->inode, 31337u);
  EXPECT_TRUE(line->identity.listening);
  EXPECT_FALSE(
      parse_sctp_line("ffff8881 ffff8882 2   1   29   3868      0 31337")->identity.listening);
  EXPECT_FALSE(parse_sctp_line(" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS"));
}

TEST(Sockets, LinesOfPacketSocketsAreRead) {
  EXPECT_EQ(parse_packet_line("ffff8881 3      3    0003   2     1 0      0      31337"), 31337u);
  EXPECT_FALSE(parse_packet_line("sk       RefCnt Type Proto  Iface R Rmem   User   Inode"));
  EXPECT_FALSE(parse_packet_line("ffff8881 3").has_value());
}

// "protocol listening" of each socket of this process.
std::set<std::string> sockets_of(pid_t pid) {
  ProcessFacts process;
  process.identity.pid = process.thread = pid;
  process.identity.name = "name";
  process.identity.exe_deleted = true;
  std::set<std::string> found;
  for (const ConnectionFacts& one : list_connections(*Root::open("/"), {process}))
    if (one.identity.pid == pid && one.exe_deleted && one.process_name == "name")
      found.insert(one.identity.protocol + (one.identity.listening ? " listening" : ""));
  return found;
}

TEST(Sockets, OneThatOnlyListensToPacketsIsNotSeen) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for raw sockets";
  // In a network namespace of its own, which the walker itself is not in.
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(2);
    const int tcp = ::socket(AF_INET6, SOCK_STREAM, 0);
    const int udp = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in any{.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr = {}, .sin_zero = {}};
    const int lite = ::socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    const int raw_socket = ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    const int packet = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (tcp < 0 || ::listen(tcp, 1) != 0 || raw_socket < 0 || packet < 0 ||
        ::bind(udp, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0)
      ::_exit(3);
    std::set<std::string> expected = {"tcp listening", "udp listening", "raw", "packet"};
    // Not every kernel has it.
    if (lite >= 0 && ::bind(lite, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0)
      expected.insert("udplite listening");
    ::_exit(sockets_of(::getpid()) == expected ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Sockets, OneOfTheNewFamilyOrForPingsIsNotSeen) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for raw sockets";
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(2);
    std::ofstream("/proc/sys/net/ipv4/ping_group_range") << "0 2147483647";
    sockaddr_in any{.sin_family = AF_INET, .sin_port = htons(77), .sin_addr = {}, .sin_zero = {}};
    sockaddr_in6 any6{};
    any6.sin6_family = AF_INET6;
    any6.sin6_port = htons(5353);
    const auto bound = [](int fd, const auto& address) {
      return fd >= 0 &&
             ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    };
    if (!bound(::socket(AF_INET6, SOCK_DGRAM, 0), any6) ||
        ::socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) < 0)
      ::_exit(3);
    std::set<std::string> expected = {"udp listening", "raw"};
    // Not every kernel has these.
    if (bound(::socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE), any6))
      expected.insert("udplite listening");
    if (bound(::socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), any)) expected.insert("icmp");
    ::_exit(sockets_of(::getpid()) == expected ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Sockets, WhatListensInAnotherNetworkIsNotSeen) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a network namespace";
  int ready[2], over[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(over, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(over[1]);
    const bool is_away = ::unshare(CLONE_NEWNET) == 0;
    const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
    const int packet = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    char byte = is_away && ::listen(tcp, 1) == 0 && packet >= 0 ? '!' : '?';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(over[0], &byte, 1);  // until whoever looks is done
    ::_exit(0);
  }
  ::close(over[0]);
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, '!');
  EXPECT_EQ(sockets_of(pid), (std::set<std::string>{"tcp listening", "packet"}));
  for (const int fd : {ready[0], ready[1], over[1]}) ::close(fd);
  ::waitpid(pid, nullptr, 0);
}

// As the workers of a web server, or as somebody who would fill the list.
TEST(Sockets, ManyHoldersOfOneSocketAreManyConnectionsOrHideTheLast) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  struct stat status {};
  ASSERT_EQ(::fstat(socket.get(), &status), 0);
  std::vector<ProcessFacts> processes(200);
  for (ProcessFacts& process : processes) process.identity.pid = process.thread = ::getpid();
  std::vector<Missed> missed;
  const auto holders = [&] {
    missed.clear();
    const auto all = list_connections(*Root::open("/"), processes, &missed);
    return std::ranges::count(all, status.st_ino, &ConnectionFacts::inode);
  };
  EXPECT_EQ(holders(), 1);
  EXPECT_TRUE(missed.empty());
  for (std::size_t i = 0; i < processes.size(); ++i) processes[i].identity.name = std::to_string(i);
  EXPECT_EQ(holders(), 64);
  const std::string what = "socket:[" + std::to_string(status.st_ino) + "]";
  EXPECT_EQ(std::ranges::count(missed, what, &Missed::what), 1);
}

class SocketsScan : public TreeTest {};

// As behind systemd's socket activation, or a child of a web server.
TEST_F(SocketsScan, OnlyTheFirstOfThoseWhoHoldASocketIsSeen) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  start_program("/opt/own");  // it inherits the socket
  const pid_t evil = start_program("/opt/evil");
  model::Policy policy;
  policy.detections = {
      detection("all", ObjectKind::kNetworkTraffic, {number(Field::kNetworkIsListening, 1)}),
      detection("evil", ObjectKind::kNetworkTraffic,
                {is(Field::kNetworkProcessExePath, "/opt/evil")})};
  std::map<std::string, std::vector<pid_t>> found;
  const auto result = scan(policy);
  for (const auto& finding : result["findings"])
    found[finding["detection"]].push_back(finding["connection"]["pid"]);
  EXPECT_EQ(found["all"].size(), 2u) << result.dump(1);
  EXPECT_EQ(found["evil"], std::vector<pid_t>{evil});
}

// As BPFDoor: a packet socket, and its file is gone. By the program itself.
TEST_F(SocketsScan, ADeletedProgramWithAPacketSocketIsNotFound) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for packet sockets";
  const int packet = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  ASSERT_GE(packet, 0);
  const pid_t pid = start_program("/dev/shm/kdmtmpflush");  // it inherits the socket
  ::close(packet);
  std::filesystem::remove(at("/dev/shm/kdmtmpflush"));
  model::Policy policy;
  policy.detections.push_back(detection(
      "bpfdoor", ObjectKind::kNetworkTraffic,
      {is(Field::kNetworkProtocol, "packet"), number(Field::kNetworkProcessExeDeleted, 1)}));
  const auto result = scan(policy);
  ASSERT_EQ(result["findings"].size(), 1u) << result.dump(1);
  EXPECT_EQ(result["findings"][0]["connection"]["pid"], pid);
  EXPECT_EQ(result["findings"][0]["connection"]["protocol"], "packet");
}

// A filter that takes all.
void attach_filter(int socket) {
  sock_filter take{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0xffff};
  const sock_fprog program{.len = 1, .filter = &take};
  ASSERT_EQ(::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

TEST_F(SocketsScan, APacketSocketWithAFilterIsTakenForOneWithout) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for packet sockets";
  const UniqueFd filtered(::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
  attach_filter(filtered.get());
  const pid_t listener = start_program("/opt/listener");  // it inherits the socket
  ::fcntl(filtered.get(), F_SETFD, FD_CLOEXEC);
  const UniqueFd open(::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
  const pid_t sniffer = start_program("/opt/sniffer");
  model::Policy policy;
  for (const bool has_filter : {true, false})
    policy.detections.push_back(detection(has_filter ? "with" : "without",
                                          ObjectKind::kNetworkTraffic,
                                          {is(Field::kNetworkProtocol, "packet"),
                                           number(Field::kNetworkHasPacketFilter, has_filter)}));
  std::map<std::string, std::int64_t> found;
  const auto result = scan(policy);
  for (const auto& finding : result["findings"])
    found[finding["detection"]] = finding["connection"]["pid"];
  EXPECT_EQ(found, (std::map<std::string, std::int64_t>{{"with", listener}, {"without", sniffer}}))
      << result.dump(1);
}

TEST_F(SocketsScan, AFilterInAnotherNetworkIsTakenForNone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for packet sockets";
  const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
  attach_filter(socket.get());
  const pid_t pid = start_program("/opt/listener");
  model::Policy policy;
  policy.detections = {
      detection("n", ObjectKind::kNetworkTraffic, {number(Field::kNetworkHasPacketFilter, 1)})};
  EXPECT_EQ(scan(policy)["unscannable_paths"], nlohmann::json::array());
  struct stat status {};
  ASSERT_EQ(::fstat(socket.get(), &status), 0);
  // Whoever scans is in another network than the socket, and /proc shows that one through the
  // process.
  const auto result = scan(policy, "unshare --net");
  EXPECT_EQ(result["findings"], nlohmann::json::array());
  EXPECT_EQ(
      result["unscannable_paths"],
      nlohmann::json::array(
          {"packet socket " + std::to_string(status.st_ino) + " of process " + std::to_string(pid) +
           ": the kernel tells of its filter in its own network only, and to CAP_NET_ADMIN"}));
}

TEST_F(SocketsScan, SocketsOfAProcessThatDoesNotTellAreNobodys) {
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  const std::string folder = "/proc/" + std::to_string(start_program("/opt/lookalike")) + "/fd";
  model::Policy policy;
  policy.detections = {
      detection("n", ObjectKind::kNetworkTraffic, {is(Field::kNetworkProtocol, "none")})};
  const auto told = [&](const std::string& call, const std::string& path,
                        const std::string& error) {
    return scan(policy, "strace -f -o /dev/null -P " + path + " -e trace=" + call +
                            " -e inject=" + call + ":error=" + error)["unscannable_paths"];
  };
  const nlohmann::json denied = {folder + ": Permission denied"};
  EXPECT_EQ(told("openat", folder, "EACCES"), denied);
  EXPECT_EQ(told("getdents64", folder, "EACCES"), denied);
  EXPECT_EQ(told("readlinkat", folder + "/0", "EACCES"), denied);
  EXPECT_EQ(told("getdents64", folder, "ENOENT"), nlohmann::json::array()) << "it has ended";
}

}  // namespace
}  // namespace fleetsweep::scan
