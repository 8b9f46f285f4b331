#include "controller/fleet/registry.h"

#include <gtest/gtest.h>

namespace fleetsweep::fleet {
namespace {

Agent agent(std::uint8_t n) {
  Agent agent;
  agent.id.value[0] = n;
  agent.key.curve.value[0] = n;
  agent.key.host.value[0] = n;
  agent.key.token.value[0] = 1;
  return agent;
}

TEST(Registry, SameHostEnrolledAgainIsToldWhoItAlreadyIs) {
  Registry registry;
  registry.add(agent(1));
  const Agent other = agent(2);
  const Status status = registry.may_enrol(other.id, other.key.curve, agent(1).key.host);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_NE(status.error().message.find(agent(1).id.hex().substr(0, 16)), std::string::npos);
  EXPECT_FALSE(registry.may_enrol(agent(1).id, other.key.curve, other.key.host));
  EXPECT_FALSE(registry.may_enrol(other.id, agent(1).key.curve, other.key.host));
  EXPECT_TRUE(registry.may_enrol(other.id, other.key.curve, other.key.host));
}

TEST(Registry, UsesOfATokenAreCounted) {
  Registry registry;
  registry.add(agent(1));
  registry.add(agent(2));
  EXPECT_EQ(registry.uses(agent(1).key.token), 2u);
  EXPECT_EQ(registry.uses(PublicKey{}), 0u);
}

TEST(Registry, RestartGivesSilentHostsTheirTimeAgain) {
  Registry registry;
  const Instant start{Seconds(5000)};
  registry.add(agent(1)).last_heard = start - Seconds(4000);
  registry.add(agent(2));
  EXPECT_TRUE(registry.fall_silent(start + Seconds(180), Seconds(180), start).empty());
  EXPECT_EQ(registry.fall_silent(start + Seconds(181), Seconds(180), start).size(), 2u);
  EXPECT_TRUE(registry.fall_silent(start + Seconds(182), Seconds(180), start).empty());
  EXPECT_TRUE(registry.heard(1, start + Seconds(183)));
  EXPECT_FALSE(registry.heard(1, start + Seconds(184)));
  EXPECT_EQ(liveness(*registry.find(HostNo{1})), "online");
  EXPECT_EQ(liveness(*registry.find(HostNo{2})), "silent");
}

}  // namespace
}  // namespace fleetsweep::fleet
