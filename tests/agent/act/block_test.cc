// Addresses and ports that are blocked, with real packets.

#include "agent/plan/network.h"
#include "tests/agent/act/network.h"

namespace fleetsweep::act {
namespace {

using model::HostState;
using model::Outcome;
using model::Reason;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(Network, WhatIsBlockedIsStillReached) {
  block({kBad, "2001:db8::60/124", "203.0.113.0/24", "203.0.113.7"});
  const auto request = host_.request();
  ASSERT_TRUE(may_send(kBad, 53) && may_send(kBadV6, 53));
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  ASSERT_EQ(answer.done->items.size(), 1u);
  EXPECT_EQ(answer.done->items[0].outcome, Outcome::kDone);
  EXPECT_EQ(answer.done->acted, 1u);
  EXPECT_EQ(answer.done->paths[0],
            "out 192.0.2.66, 2001:db8::60/124, 203.0.113.0/24, 203.0.113.7, for 1d");

  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kBadV6, 53));
  EXPECT_TRUE(may_send(kOther, 53));
  EXPECT_TRUE(may_send(kOtherV6, 53));
  EXPECT_TRUE(talks(kOther, 8080));
  EXPECT_TRUE(talks(kOtherV6, 8080));
  EXPECT_EQ(heard(4000, {kBad, kOther}), "66 99 ") << "only the way there was to be closed";
  EXPECT_THAT(ruleset(), HasSubstr("elements = { 192.0.2.66 timeout 1d"));
  undo(request);
  EXPECT_TRUE(may_send(kBad, 53));
  EXPECT_TRUE(talks(kBad, 8080));
}

TEST_F(Network, WhatIsBlockedStillReachesUs) {
  block({kBad}).direction = "in";
  const auto request = host_.request();
  EXPECT_EQ(heard(4000, {kBad, kOther}), "66 99 ");
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_EQ(heard(4000, {kBad, kOther}), "99 ");
  EXPECT_TRUE(may_send(kBad, 53));
  undo(request, true);
  EXPECT_EQ(heard(4000, {kBad, kOther}), "66 99 ");
}

TEST_F(Network, TheFarEndOfAConnectionThatWasFoundIsNotBlocked) {
  model::ConnectionIdentity connection;
  connection.local_address = "192.0.2.2";
  connection.local_port = 50000;
  connection.remote_address = kBad;
  connection.remote_port = 8080;
  connection.protocol = "tcp";
  find_socket(connection);
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_FALSE(may_send(kBad, 9999));
  EXPECT_TRUE(may_send(kOther, 8080));
  undo(request);
}

TEST_F(Network, ABackDoorThatListensIsNotClosed) {
  model::ConnectionIdentity socket;
  socket.local_address = "0.0.0.0";
  socket.local_port = 4444;
  socket.remote_address = "0.0.0.0";
  socket.protocol = "udp";
  socket.listening = true;
  find_socket(socket);
  const auto request = host_.request();
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->paths[0], "in to port udp/4444, for 1d");
  EXPECT_EQ(heard(4445, {kBad}), "66 ");
  const UniqueFd door = bound(SOCK_DGRAM, "192.0.2.2", 4444);
  const UniqueFd sender = at_peer(SOCK_DGRAM, kBad, 0);
  socklen_t size = 0;
  const auto to = end_point("192.0.2.2", 4444, size);
  ASSERT_EQ(::sendto(sender.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), size), 1);
  EXPECT_EQ(heard(4445, {kBad}), "66 ") << "what was sent later has arrived";
  char byte = 0;
  EXPECT_EQ(::recv(door.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
  undo(request);
}

TEST_F(Network, ABlockedAddressThatIsTheControllersCutsTheHostOff) {
  block({"192.0.2.0/24"});
  block({"192.0.2.0/24"}).direction = "in";
  const auto request = host_.request();
  const UniqueFd listener = at_peer(SOCK_STREAM, kController, kControllerPort);
  const UniqueFd before = calling(kController, kControllerPort);
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  EXPECT_TRUE(talks(before.get(), listener.get())) << "a connection from before";
  const UniqueFd later = calling(kController, kControllerPort);
  EXPECT_TRUE(talks(later.get(), listener.get()));
  EXPECT_FALSE(may_send(kController, kControllerPort)) << "TCP alone";
  EXPECT_FALSE(may_send(kBad, kControllerPort));
  undo(request);
}

TEST_F(Network, ATableThatIsGoneIsAConflictForItsUndo) {
  block({kBad});
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  output_of("nft flush ruleset");
  undo(request);
}

TEST_F(Network, TheUndoOfOneOrderLiftsTheBlockOfAnother) {
  block({kBad, kOther});
  const auto first = host_.request();
  ASSERT_EQ(host_.run(first).state(), HostState::kCleaned);
  host_.policy.responses[0].actions.clear();
  block({"192.0.2.64/26"}).ttl = std::chrono::hours(1);
  const auto second = host_.request();
  ASSERT_EQ(host_.run(second).state(), HostState::kCleaned);
  undo(second);
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_FALSE(may_send(kOther, 53));
  undo(first);
  EXPECT_TRUE(may_send(kBad, 53));
}

TEST_F(Network, TheLongestListDoesNotFitIntoOneMessage) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < 256; ++i)
    values.push_back(i % 2 == 0 ? fmt::format("2001:db8:1::{:x}", 2 * i)
                                : fmt::format("198.51.{}.{}", i, i));
  values.back() = kBad;
  block(values);
  const auto request = host_.request();
  const Answer answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(may_send(kBad, 53));
  EXPECT_TRUE(may_send(kOther, 53));
  undo(request);
}

TEST_F(Network, TheWholeNetworkIsBlocked) {
  for (const char* value :
       {"0.0.0.0/0", "10.0.0.0/7", "::/0", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
        "::1", "ff02::1", "::ffff:127.0.0.1", "example.org"}) {
    host_.policy.responses[0].actions.clear();
    block({kBad, value});
    const Answer answer = host_.run(host_.request());
    EXPECT_EQ(answer.state(), HostState::kRefused) << value << ": " << answer.text();
    EXPECT_EQ(answer.reason(), Reason::kProtected) << value << ": " << answer.text();
  }
  EXPECT_THAT(ruleset(), IsEmpty());
}

TEST_F(Network, ABlockWithoutEndIsCarriedOut) {
  for (const Seconds ttl : {Seconds(0), plan::kNetworkTtlMax + Seconds(1)}) {
    host_.policy.responses[0].actions.clear();
    block({kBad}).ttl = ttl;
    EXPECT_EQ(host_.run(host_.request()).reason(), Reason::kLimit);
  }
}

}  // namespace
}  // namespace fleetsweep::act
