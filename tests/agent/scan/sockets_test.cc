#include "agent/scan/sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST(Sockets, LinesOfPacketSocketsAreRead) {
  EXPECT_EQ(parse_packet_line("ffff8881 3      3    0003   2     1 0      0      31337"), 31337u);
  EXPECT_FALSE(parse_packet_line("sk       RefCnt Type Proto  Iface R Rmem   User   Inode"));
  EXPECT_FALSE(parse_packet_line("ffff8881 3").has_value());
}

// "protocol listening" of each socket that is ours.
std::set<std::string> ours() {
  ProcessFacts self;
  self.identity.pid = ::getpid();
  self.identity.name = "self";
  self.identity.exe_deleted = true;
  std::set<std::string> found;
  for (const ConnectionFacts& one : list_connections(*Root::open("/"), {self}))
    if (one.identity.pid == ::getpid() && one.exe_deleted && one.process_name == "self")
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
    const int raw_socket = ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    const int packet = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (tcp < 0 || ::listen(tcp, 1) != 0 || raw_socket < 0 || packet < 0 ||
        ::bind(udp, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0)
      ::_exit(3);
    const auto found = ours();
    ::_exit(found == std::set<std::string>{"tcp listening", "udp listening", "raw", "packet"} ? 0
                                                                                              : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

class SocketsScan : public TreeTest {};

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

}  // namespace
}  // namespace fleetsweep::scan
