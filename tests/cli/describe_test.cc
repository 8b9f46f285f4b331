#include "cli/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "protocol/codec/codec.h"

namespace fleetsweep::cli {
namespace {

model::Envelope envelope_of(const model::Order& order) {
  return {std::string(model::kPayloadOrder), codec::encode(order), {}};
}

TEST(Describe, HostileTextReachesTheTerminalEscaped) {
  model::Order order;
  order.title =
      "harmless\x1b[2J\xe2\x80\xae"
      "evil";
  order.authority.issuer = "line\nbreak";
  const auto text = describe(envelope_of(order), false);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, testing::Not(testing::HasSubstr("\x1b")));
  EXPECT_THAT(*text, testing::Not(testing::HasSubstr("\xe2\x80\xae")));
  EXPECT_THAT(*text, testing::Not(testing::HasSubstr("line\nbreak")));
}

TEST(Describe, EverythingThatIsSignedIsShownInItsColumn) {
  model::Order order;
  order.title = "a title";
  order.schedule.clock = model::Clock::kHostLocal;
  order.schedule.windows = {{.days = 0x60, .from_minute = 60, .to_minute = 1440}};
  order.schedule.jitter = order.schedule.repeat = Seconds{3600};
  order.schedule.offline_grace = Seconds{60};
  order.schedule.scan_ahead = true;
  order.scope.include = {AgentId{}, AgentId{}};
  order.limits.items = 3;
  order.waves = {{.permille = 15}, {.deadline = Seconds{90}}};
  order.breaker = {.failures = 1, .failed_permille = 100};
  order.supersedes.value[0] = order.undoes.value[0] = order.dry_run_order.value[0] = 1;
  order.authority.contact = "soc@example.org";
  const std::string text = describe(order, {}, {});
  for (const char* shown :
       {"on each host's own clock", "only sat sun 01:00 to 24:00", "spread over 1h",
        "again every 1h", "OFFLINE       hosts may act 1m", "before the start", "at most 3 objects",
        "at most 1m 30s", "1: up to 1.5 % of the hosts", "1 failure and 10 % of the hosts",
        "supersedes    01", "undoes        01", "contact       soc@example.org"})
    EXPECT_THAT(text, testing::HasSubstr(shown));
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);  // id and title
  while (std::getline(lines, line)) {
    EXPECT_EQ(line.substr(0, 2), "  ") << line;
    EXPECT_EQ(line[15], ' ') << line;
    EXPECT_NE(line[16], ' ') << line;
  }
}

TEST(Describe, TwoKeysOfOnePersonLookLikeTwoPeople) {
  model::Root root;
  root.keys = {{.holder = "alice"}, {.holder = "bob"}, {.holder = "alice"}};
  root.roles = {{model::Role::kClean, {{.keys = {0, 1, 2}, .threshold = 2}}}};
  const auto text = describe({std::string(model::kPayloadRoot), codec::encode(root), {}}, false);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, testing::HasSubstr("2 of alice, bob\n"));
}

TEST(CheckSignable, BytesThatTheProgramCannotShowAreNotSigned) {
  model::Order order;
  order.title = "a title";
  model::Envelope envelope = envelope_of(order);
  EXPECT_TRUE(check_signable(envelope));
  envelope.payload.insert(envelope.payload.end(), 8, 0);
  EXPECT_FALSE(check_signable(envelope));
  EXPECT_FALSE(check_signable({"application/x-unknown", {}, {}}));
}

}  // namespace
}  // namespace fleetsweep::cli
