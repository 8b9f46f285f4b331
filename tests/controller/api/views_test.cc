#include "controller/api/views.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {
namespace {

using model::HostState;
using model::Reason;

constexpr Instant kStart{Seconds(1'800'000'000)};
const DocumentId kOrder{{1}};

// A campaign of so many hosts.
struct Campaign {
  explicit Campaign(store::HostNo hosts) {
    std::vector<campaign::Member> members;
    for (store::HostNo host = 1; host <= hosts; ++host) {
      fleet::Agent agent;
      agent.id.value[0] = agent.key.curve.value[0] = agent.key.host.value[0] =
          static_cast<std::uint8_t>(host);
      agent.key.hostname = "host-" + std::to_string(host);
      tenant.registry.add(std::move(agent));
      members.push_back({host, 0});
    }
    model::Order order;
    order.waves = {{.permille = 500}, {.permille = 1000, .gate = model::Gate::kAuto}};
    order.schedule.not_after = to_timestamp(kStart) + Seconds(3600);
    rollout.on_order(kOrder, 1, order, members, kStart);
  }
  void say(store::HostNo host, HostState state, Reason reason, Seconds finished) {
    rollout.on_report({host,
                       1,
                       {},
                       kOrder,
                       model::ReceiptKind::kRefused,
                       state,
                       reason,
                       0,
                       0,
                       to_timestamp(kStart) + finished},
                      kStart);
  }
  nlohmann::json view() const { return views::campaign(tenant, rollout, kStart); }
  std::string failures() const {
    std::string names;
    const nlohmann::json campaign = view();
    for (const auto& failure : campaign["failures"])
      names += failure["hostname"].get<std::string>().substr(5) + " ";
    return names;
  }

  Tenant tenant{TenantId{}, kQuotasDefault, CoreOptions{}};
  campaign::Rollout rollout{"c"};
};

TEST(CampaignView, FailuresOfThisMorningHideThoseOfThisMinute) {
  Campaign campaign(9);
  for (store::HostNo host = 1; host <= 7; ++host)
    campaign.say(host, HostState::kFailed, Reason::kNone, Seconds(host * 10));
  campaign.say(8, HostState::kClean, Reason::kNone, Seconds(999));
  EXPECT_EQ(campaign.failures(), "7 6 5 4 3 ");
}

// It opens no breaker, and somebody wants to know.
TEST(CampaignView, HostThatItsOwnerKeepsOutIsHidden) {
  Campaign campaign(3);
  campaign.say(1, HostState::kRefused, Reason::kConsent, Seconds(1));
  EXPECT_FALSE(campaign::is_failure(HostState::kRefused, Reason::kConsent));
  EXPECT_EQ(campaign.failures(), "1 ");
}

TEST(CampaignView, HostWhoseReceiptsContradictEachOtherLooksLikeAnyOther) {
  Campaign campaign(3);
  EXPECT_EQ(campaign.view()["forked"], 0);
  campaign.tenant.registry.find(store::HostNo{2})->forked = true;
  campaign.say(2, HostState::kFailed, Reason::kNone, Seconds(1));
  EXPECT_EQ(campaign.view()["forked"], 1);
  EXPECT_EQ(campaign.view()["targeted"], 3) << "it counts once";
  EXPECT_EQ(campaign.view()["failures"][0]["forked"], true);
  EXPECT_EQ(views::agent(*campaign.tenant.registry.find(store::HostNo{2}))["forked"], true);
}

TEST(CampaignView, HostThatCouldNotReadEverythingCountsAsCleanAndNobodySeesIt) {
  Campaign campaign(3);
  campaign.say(1, HostState::kClean, Reason::kNone, Seconds(1));
  EXPECT_EQ(campaign.view()["unscannable"], 0);
  campaign.say(2, HostState::kClean, Reason::kUnscannable, Seconds(2));
  EXPECT_EQ(campaign.view()["unscannable"], 1);
  EXPECT_EQ(campaign.view()["states"]["clean"], 2) << "it is in one state like any other";
}

TEST(CampaignView, WaveThatTheConductorMayNotOpenSaysWhy) {
  Campaign campaign(2);
  campaign.rollout.on_release_refused(kOrder, 1, "role release: no key");
  const auto waves = campaign.view()["orders"][0]["waves"];
  EXPECT_EQ(waves[0]["release_refused"], "");
  EXPECT_EQ(waves[1]["release_refused"], "role release: no key");
}

}  // namespace
}  // namespace fleetsweep::controller
