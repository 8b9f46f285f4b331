#include "cli/campaign_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::cli {
namespace {

using testing::HasSubstr;

constexpr const char* kWhole = R"({
  "policy": "emotet/policy.yaml", "mode": "apply", "campaign": "emotet-1", "title": "Emotet",
  "groups": ["web"], "waves": ["50", "1000,10m,auto"], "jurisdictions": ["DE", "FR"],
  "start_in": "1h", "life": "12h", "jitter": "5m", "offline_grace": "10m", "scan_ahead": true,
  "failures": 2, "failed_permille": 20, "contact": "soc@example.org"})";

TEST(CampaignTemplate, EveryKeyReachesTheOrder) {
  const auto one = parse_campaign_template(kWhole, "/srv/templates");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(one->draft.policy_file, "/srv/templates/emotet/policy.yaml");
  EXPECT_EQ(one->draft.mode, "apply");
  EXPECT_EQ(one->draft.waves, (std::vector<std::string>{"50", "1000,10m,auto"}));
  EXPECT_EQ(one->draft.scan_ahead, true);
  EXPECT_EQ(one->draft.failures, 2u);
  const auto options = options_for_tenant(*one, {"AT", "DE"}, timestamp(1'795'428'000));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->jurisdictions, std::vector<std::string>{"DE"})
      << "where the tenant has hosts and the template allows it";
  EXPECT_EQ(options->not_before, "2026-11-23T11:00:00Z");
}

TEST(CampaignTemplate, OrderGoesToACountryWhereTheTenantHasNoHost) {
  const auto one = parse_campaign_template(kWhole, ".");
  ASSERT_TRUE(one);
  const auto nowhere = options_for_tenant(*one, {"AT"}, timestamp(0));
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, HasSubstr("no host is in a country"));
  EXPECT_THAT(options_for_tenant(*one, {}, timestamp(0)).error().message, HasSubstr("enrolled"));
  const auto any =
      parse_campaign_template(R"({"policy": "/p.yaml", "mode": "dry-run", "campaign": "c"})", ".");
  ASSERT_TRUE(any) << any.error().message;
  EXPECT_EQ(any->draft.policy_file, "/p.yaml");
  EXPECT_EQ(options_for_tenant(*any, {"AT", "DE"}, timestamp(0))->jurisdictions,
            (std::vector<std::string>{"AT", "DE"}));
}

TEST(CampaignTemplate, OneMistakeHidesTheOthers) {
  const auto wrong = parse_campaign_template(
      R"({"mode": "clean", "campaign": "No Good", "waves": "50", "hosts": ["a"], "wave": [],
          "life": "soon", "failures": -1, "jurisdictions": ["Germany"]})",
      ".");
  ASSERT_FALSE(wrong);
  for (const char* key : {"\"policy\": is missing", "\"mode\": dry-run or apply", "\"campaign\"",
                          "\"waves\": expected a list", "\"hosts\": is one tenant's own",
                          "\"wave\": no such key", "\"life\"", "\"failures\"", "\"jurisdictions\""})
    EXPECT_THAT(wrong.error().message, HasSubstr(key));
  EXPECT_FALSE(parse_campaign_template("[]", "."));
  EXPECT_FALSE(parse_campaign_template("{\"policy\": ", "."));
}

}  // namespace
}  // namespace fleetsweep::cli
