// A host that is cut off, and what it must still reach, with real packets.

#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "agent/act/actions/network.h"
#include "agent/act/firewall.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "tests/agent/act/network.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

using model::ActionKind;
using model::HostState;
using model::Reason;
using testing::HasSubstr;

TEST_F(Network, AnIsolatedHostStillTalks) {
  isolate();
  const auto request = host_.request();
  const UniqueFd controller = at_peer(SOCK_STREAM, kController, kControllerPort);
  const UniqueFd bad = at_peer(SOCK_STREAM, kBad, 8080);
  const UniqueFd before = calling(kBad, 8080);
  ASSERT_TRUE(talks(before.get(), bad.get()));
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->paths[0], "the host from everything but its controller, for 1d");

  for (const char* address : {kBad, kOther, kController, kBadV6, kOtherV6})
    EXPECT_FALSE(may_send(address, 53)) << address;
  // A call is dropped silently; one to the controller that began later goes through.
  const UniqueFd call = calling(kBad, 8080);
  const UniqueFd good = calling(kController, kControllerPort);
  EXPECT_TRUE(talks(good.get(), controller.get()));
  EXPECT_EQ(::accept4(bad.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  // Nobody calls this host, not even from the controller's address and port.
  const UniqueFd ours = bound(SOCK_STREAM, "192.0.2.2", 22);
  const UniqueFd caller =
      Wire::get().at_peer([] { return calling("192.0.2.2", 22, kController, 7599); });
  const UniqueFd later = calling(kController, kControllerPort);
  EXPECT_TRUE(talks(later.get(), controller.get()));
  EXPECT_EQ(::accept4(ours.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  // This host with itself.
  const UniqueFd local = bound(SOCK_STREAM, "127.0.0.1", 9000);
  EXPECT_TRUE(talks(calling("127.0.0.1", 9000).get(), local.get()));
  undo(request);
  EXPECT_TRUE(may_send(kBad, 53));
}

TEST_F(Network, AnIsolationOutlivesItsTimeWhenTheAgentIsGone) {
  constexpr std::chrono::seconds kLasts{5};  // long enough to be seen on a busy machine
  isolate().ttl = kLasts;
  block({kOther}).ttl = kLasts;
  const auto request = host_.request();
  const auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  ASSERT_FALSE(may_send(kBad, 53));
  EXPECT_TRUE(until([] { return may_send(kOther, 53) && may_send(kBad, 53); }));
  EXPECT_GE(std::chrono::steady_clock::now() - start, kLasts);
  undo(request);  // what ran out by itself is undone, too
}

TEST_F(Network, AHostThatStartsAgainInTheMidstOfItsCleaningIsSaidToBeIsolated) {
  isolate();
  add(ActionKind::kQuarantine, {model::Selector::Kind::kAll});
  auto request = host_.request();
  ASSERT_FALSE(host_.run(request, "before-rename:1").done);
  ASSERT_FALSE(may_send(kBad, 53));
  (void)output_of("nft flush ruleset");
  ASSERT_TRUE(may_send(kBad, 53));
  request.resume = true;
  const Answer answer = host_.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(may_send(kBad, 53));
  undo(request);
}

// What core shows act: Stops, Endpoints, and a note if it has heard the controller since.
model::ActRequest shown(const ActHost& host, const model::ActRequest& of, bool is_heard) {
  model::ActRequest request;
  request.root_chain = {host.tenant.root_envelope()};
  if (is_heard) request.checkpoint = of.checkpoint;
  return request;
}

TEST_F(Network, AHostThatDoesNotReachItsControllerIsCutOffForGood) {
  isolate();
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_THAT(ruleset(), HasSubstr("ipv4 timeout 10m ")) << "and not for a day";
  (void)host_.run(shown(host_, request, false));
  EXPECT_THAT(ruleset(), HasSubstr("ipv4 timeout 10m "));
  (void)host_.run(shown(host_, request, true));
  EXPECT_THAT(ruleset(),
              testing::AnyOf(HasSubstr("ipv4 timeout 23h59m"), HasSubstr("ipv4 timeout 1d ")));
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kBadV6, 53));
  undo(request);
}

TEST_F(Network, ARelayThatWasSignedLaterIsCutOff) {
  isolate();
  const auto request = host_.request();
  const UniqueFd controller = at_peer(SOCK_STREAM, kController, kControllerPort);
  const UniqueFd relay = at_peer(SOCK_STREAM, kOther, 7700);
  const UniqueFd other = at_peer(SOCK_STREAM, kBad, 7700);
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  model::Endpoints endpoints;
  endpoints.relays = {{fmt::format("tcp://{}:7700", kOther), {}, {}, timestamp(4'000'000'000)}};
  auto renewed = shown(host_, request, true);
  renewed.stops = {host_.tenant.sign(endpoints, {"alice"})};
  (void)host_.run(renewed);
  EXPECT_TRUE(talks(calling(kOther, 7700).get(), relay.get()));
  EXPECT_FALSE(may_send(kOther, 53));

  // Whoever has core names one of his own.
  endpoints.version = 2;
  endpoints.relays[0].address = fmt::format("tcp://{}:7700", kBad);
  const auto forged = crypto::sign_envelope(model::kPayloadEndpoints, codec::encode(endpoints),
                                            fixture::key_named("somebody"));
  renewed.stops = {codec::encode(forged)};
  (void)host_.run(renewed);
  const UniqueFd call = calling(kBad, 7700);
  EXPECT_TRUE(talks(calling(kController, kControllerPort).get(), controller.get()));
  EXPECT_EQ(::accept4(other.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  undo(request);
}

TEST_F(Network, AnIsolationThatRanOutBeginsAgain) {
  isolate().ttl = std::chrono::seconds(1);
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  until([] { return may_send(kBad, 53); });
  Firewall firewall = Firewall::open();
  const std::string all = ruleset();
  const std::string table = all.substr(all.find("fleetsweep-"), 27);
  const auto isolates = firewall.isolates(table);
  ASSERT_TRUE(isolates) << isolates.error().detail;
  EXPECT_FALSE(*isolates);
  (void)host_.run(shown(host_, request, true));
  EXPECT_TRUE(may_send(kBad, 53));
  Op op;
  op.kind = OpKind::kIsolate;
  op.token = std::stoull(table.substr(table.find('-') + 1), nullptr, 16);
  EXPECT_TRUE(renew_isolation(firewall, op, Seconds(60)));
  EXPECT_TRUE(may_send(kBad, 53)) << "by a clock that was set back";
  undo(request);
}

TEST_F(Network, AHostIsCutOffThatDoesNotKnowItsController) {
  ::unlink((host_.state() + "/../enrolment").c_str());
  isolate();
  host_.policy.responses[0].actions.push_back({ActionKind::kQuarantine});
  host_.policy.responses[0].actions.back().select = {
      {model::Selector::Kind::kDetections, {kByName}, {}}};
  const std::string before = host_.manifest();
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.reason(), Reason::kCapability) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("it is not known what must stay reachable"));
  EXPECT_EQ(host_.manifest(), before) << "all or nothing";
}

TEST_F(Network, AControllerWithANameIsKeptReachableForEverybody) {
  agent::Enrolment enrolment;
  enrolment.address = "tcp://controller.example:7600";
  enrolment.root_chain = {to_bytes("a root")};
  write_text(host_.state() + "/../enrolment", agent::enrolment_text(enrolment));
  isolate();
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.reason(), Reason::kCapability) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("core has a user of its own"));
}

// The rules themselves, for what the host above does not need.
TEST_F(Network, AnIsolatedHostLosesItsAddressOrTheControllersName) {
  Ruleset rules;
  rules.isolate = true;
  rules.ttl = Seconds(60);
  rules.open = {{std::nullopt, kControllerPort}};
  rules.uid = 65521;
  rules.resolvers = {*plan::parse_addresses(kOther), *plan::parse_addresses(kOtherV6)};
  Firewall firewall = Firewall::open();
  ASSERT_TRUE(firewall.check());
  ASSERT_TRUE(firewall.add("fleetsweep-test", rules));
  EXPECT_EQ(firewall.add("fleetsweep-test", rules).error().reason, Reason::kConflict);

  EXPECT_TRUE(may_send(kOther, 53));
  EXPECT_TRUE(may_send(kOtherV6, 53));
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kOther, 54));
  {
    // What a resolver answers comes in; what came before it, from elsewhere, did not.
    const UniqueFd ours = bound(SOCK_DGRAM, "192.0.2.2", 4000);
    socklen_t size = 0;
    const auto to = end_point("192.0.2.2", 4000, size);
    const auto address = reinterpret_cast<const sockaddr*>(&to);
    for (const char* from : {kBad, kOther}) {
      const UniqueFd sender = at_peer(SOCK_DGRAM, from, 53);
      ASSERT_GT(::sendto(sender.get(), from, std::strlen(from), 0, address, size), 0);
    }
    char buffer[64];
    ASSERT_TRUE(becomes(ours.get(), POLLIN));
    const auto got = ::recv(ours.get(), buffer, sizeof buffer, 0);
    EXPECT_EQ(std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0))), kOther);
  }
  {
    const UniqueFd client = bound(SOCK_DGRAM, "0.0.0.0", 68);
    socklen_t size = 0;
    const auto server = end_point(kBad, 67, size);
    EXPECT_EQ(::sendto(client.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&server), size),
              1);
  }
  // The name's address is not known here: core's user may look for it, root may not.
  const UniqueFd listener = at_peer(SOCK_STREAM, kBad, kControllerPort);
  const UniqueFd roots = calling(kBad, kControllerPort);
  ASSERT_EQ(::seteuid(65521), 0);
  const UniqueFd cores = calling(kBad, kControllerPort);
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(talks(cores.get(), listener.get()));
  EXPECT_EQ(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC), -1);
  EXPECT_TRUE(firewall.remove("fleetsweep-test"));
  EXPECT_TRUE(firewall.remove("fleetsweep-test")) << "again";
}

}  // namespace
}  // namespace fleetsweep::act
