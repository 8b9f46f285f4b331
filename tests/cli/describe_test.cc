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

TEST(Describe, LengthIsShownRounded) {
  model::Order order;
  order.schedule.jitter = Seconds{86400 + 61};
  order.waves = {{.delay_min = Seconds{3601}}};
  const std::string text = describe(order, {}, {});
  EXPECT_THAT(text, testing::HasSubstr("spread over 1d 1m 1s"));
  EXPECT_THAT(text, testing::HasSubstr("after 1h 1s"));
}

TEST(Describe, PartOfAStopIsNotShown) {
  model::Stop stop;
  stop.halt_from_class = model::Class::kContain;
  stop.orders = {DocumentId{{1}}};
  stop.policies = {Digest{{2}}};
  stop.keys = {PublicKey{{3}}};
  stop.agents = {AgentId{{4}}};
  stop.reason = "key lost\x1b[2J\xe2\x80\xae";
  const model::Envelope envelope{std::string(model::kPayloadStop), codec::encode(stop), {}};
  const auto text = describe(envelope, false);
  ASSERT_TRUE(text) << text.error().message;
  for (const std::string& shown :
       {stop.orders[0].hex(), stop.policies[0].hex(), stop.keys[0].hex(), stop.agents[0].hex(),
        std::string("every order of class contain or above"),
        std::string("key lost\\x1b[2J\\xe2\\x80\\xae")})
    EXPECT_THAT(*text, testing::HasSubstr(shown));
}

TEST(Describe, DocumentOfSomeTypeIsShownAsNothing) {
  const auto shown = [](std::string_view type, Bytes payload, const std::string& wanted) {
    const model::Envelope envelope{std::string(type), std::move(payload), {}};
    for (const bool as_json : {false, true}) {
      const auto text = describe(envelope, as_json);
      ASSERT_TRUE(text) << text.error().message;
      EXPECT_THAT(*text, testing::HasSubstr(wanted));
    }
  };
  model::Resume resume;
  resume.stops = {DocumentId{{5}}};
  shown(model::kPayloadResume, codec::encode(resume), DocumentId{{5}}.hex());
  model::Release release;
  release.order.value[0] = 6;
  shown(model::kPayloadRelease, codec::encode(release), release.order.hex());
  model::Endpoints endpoints;
  endpoints.relays = {{.address = "tcp://relay:1"}};
  shown(model::kPayloadEndpoints, codec::encode(endpoints), "tcp://relay:1");
  model::EnrolBatch batch;
  batch.jurisdiction = "DE";
  batch.tokens = {{PublicKey{{7}}, 3}};
  shown(model::kPayloadEnrolBatch, codec::encode(batch), PublicKey{{7}}.hex());
  model::Close close;
  close.campaign = "web-1";
  shown(model::kPayloadClose, codec::encode(close), "web-1");
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
