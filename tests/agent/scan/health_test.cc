// How a host is, read from a real root and from a real socket.

#include "agent/scan/health.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "protocol/base/unique_fd.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Health;

model::HealthMark measure(const std::string& check, const std::string& root) {
  const auto opened = Root::open(root);
  EXPECT_TRUE(opened);
  return measure_health({&check, 1}, *opened).at(0);
}

class HealthOfRoot : public TreeTest {};

TEST_F(HealthOfRoot, AFileThatIsGoneIsPresent) {
  write("/etc/app.conf", "x");
  EXPECT_EQ(measure("file /etc/app.conf present", root_).health, Health::kGood);
  std::filesystem::remove(at("/etc/app.conf"));
  EXPECT_EQ(measure("file /etc/app.conf present", root_).health, Health::kBad);
  EXPECT_EQ(measure("file /etc/app.conf present", root_).seen, "not there");
}

TEST_F(HealthOfRoot, WhatNobodyCanTellIsGood) {
  for (const char* check : {"service cron running", "default-route unchanged", "agent heartbeat",
                            "whatever an author of the future writes"})
    EXPECT_EQ(measure(check, root_).health, Health::kUnknown) << check;
}

TEST(HealthOfHost, APortThatNobodyListensOnIsUnchanged) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string check = fmt::format("port {}/tcp unchanged", ntohs(address.sin_port));
  EXPECT_EQ(measure(check, "/").health, Health::kBad) << "bound, and nobody listens";
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(measure(check, "/").health, Health::kGood);
  listener.reset();
  EXPECT_EQ(measure(check, "/").health, Health::kBad);
}

TEST(HealthOfHost, TheKernelsRoutesAreMisread) {
  const std::string ipv4 =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  const std::string zeros(32, '0');
  const std::string ipv6 =
      zeros + " 00 " + zeros +
      " 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0\n" +
      zeros + " 00 " + zeros + " 00 " + zeros + " ffffffff 00000001 00000000 00200200       lo\n";
  EXPECT_EQ(default_routes(ipv4, ""), "eth0 via 192.0.2.1");
  EXPECT_EQ(default_routes(ipv4, ipv6),
            "eth0 via 192.0.2.1, eth0 via fd00:0000:0000:0000:0000:0000:0000:0001");
  EXPECT_EQ(default_routes("eth0\t0000", "garbage"), "");
}

}  // namespace
}  // namespace fleetsweep::scan
