#include "cli/affected_hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "protocol/trust/schedule.h"

namespace fleetsweep::cli {
namespace {

RegisteredHost host(std::uint8_t number, std::vector<std::string> groups = {"web"}) {
  return {AgentId{{number}}, "host-" + std::to_string(number), "DE", std::move(groups)};
}

TEST(AffectedHosts, HostOfAnotherGroupCountryOrExceptionIsCounted) {
  model::Order order;
  order.scope = {.jurisdictions = {"DE"}, .groups = {"web"}, .exclude = {AgentId{{2}}}};
  order.waves = {{}};
  RegisteredHost abroad = host(4);
  abroad.jurisdiction = "FR";
  const auto affected = affected_hosts(order, {}, {host(1), host(2), host(3, {"db"}), abroad});
  ASSERT_EQ(affected.size(), 1u);
  EXPECT_EQ(affected[0], (AffectedHost{AgentId{{1}}, "host-1", 1}));
}

TEST(AffectedHosts, HostIsShownInAnotherWaveThanItFallsInto) {
  model::Order order;
  order.scope.jurisdictions = {"DE"};
  order.waves = {{.permille = 300}, {.permille = 1000}};
  std::vector<RegisteredHost> hosts;
  for (std::uint8_t i = 0; i < 100; ++i) hosts.push_back(host(i));
  const DocumentId id{{7}};
  const auto affected = affected_hosts(order, id, hosts);
  ASSERT_EQ(affected.size(), 100u);
  for (const AffectedHost& one : affected)
    EXPECT_EQ(one.wave, trust::wave_of(order.waves, id, one.id) + 1u);
  EXPECT_TRUE(std::ranges::is_sorted(affected, {}, &AffectedHost::wave));
  EXPECT_EQ(affected.front().wave, 1u);
  EXPECT_EQ(affected.back().wave, 2u);
}

TEST(RegisteredHosts, HostsOwnNameReachesTheTerminalRaw) {
  const nlohmann::json agents = {{{"agent", AgentId{}.hex()},
                                  {"hostname", "web\x1b[2J\u202e"},
                                  {"jurisdiction", "DE"},
                                  {"group", "web,db"}}};
  const auto hosts = registered_hosts(agents);
  ASSERT_TRUE(hosts);
  EXPECT_EQ(hosts->at(0).hostname, "web\\x1b[2J\\xe2\\x80\\xae");
  EXPECT_THAT(hosts->at(0).groups, testing::ElementsAre("web", "db"));
  EXPECT_FALSE(registered_hosts({{"agent", "x"}}));
  EXPECT_FALSE(registered_hosts({{{"agent", "not hex"}}}));
}

}  // namespace
}  // namespace fleetsweep::cli
