#include "agent/act/reach.h"

#include <gmock/gmock.h>

namespace fleetsweep::act {
namespace {

TEST(Reach, AResolverOfThisHostIsTakenForOneOfTheNetwork) {
  EXPECT_THAT(
      nameservers("# nameserver 192.0.2.8\nnameserver 127.0.0.53\n  nameserver\t192.0.2.9 x\n"
                  "search a\nnameserver fe80::1%eth0\nnameserver\nnameserver a.example\n"),
      testing::ElementsAre("192.0.2.9", "fe80::1"));
}

TEST(Reach, AnEndpointIsMisread) {
  const auto v6 = parse_endpoint("tcp://[2001:db8::1]:7600");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "2001:db8::1");
  EXPECT_EQ(v6->port, 7600);
  EXPECT_FALSE(is_name("tcp://192.0.2.1:7600"));
  EXPECT_TRUE(is_name("tcp://controller.example:7600"));
  for (const char* wrong : {"", "tcp://", "tcp://a", "tcp://a:", "tcp://:1", "tcp://a:0",
                            "tcp://a:65536", "tcp://a:1x", "udp://a:1"})
    EXPECT_FALSE(parse_endpoint(wrong)) << wrong;
}

}  // namespace
}  // namespace fleetsweep::act
