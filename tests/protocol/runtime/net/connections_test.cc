#include "protocol/runtime/net/connections.h"

#include <gtest/gtest.h>

namespace fleetsweep::net {
namespace {

using Id = Connections::Id;

CurveKey key(std::uint8_t n) {
  CurveKey key;
  key.value[0] = n;
  return key;
}

TEST(Connections, FloodOfSilentOnesPushesOutTheOldestOfThemAndNobodyWhoSpoke) {
  Connections connections({.unheard_max = 3});
  EXPECT_FALSE(connections.on_accepted({1, 101}));
  EXPECT_FALSE(connections.on_heard(1, key(1), 10));
  for (int fd = 2; fd <= 4; ++fd) EXPECT_FALSE(connections.on_accepted({fd, 100u + fd}));
  EXPECT_EQ(connections.on_accepted({5, 105}), (Id{2, 102}));
  EXPECT_EQ(connections.unheard(), 3u);
  EXPECT_EQ(connections.on_accepted({6, 106}), (Id{3, 103})) << "each is named once";
  connections.on_closed(2);
  connections.on_closed(3);
  EXPECT_EQ(connections.size(), 4u);
}

TEST(Connections, NumberOfADescriptorIsUsedAgainBeforeItsEndWasTold) {
  Connections connections({.unheard_max = 2});
  connections.on_accepted({7, 1});
  connections.on_accepted({7, 2});
  EXPECT_EQ(connections.size(), 1u);
  EXPECT_EQ(connections.unheard(), 1u);
  EXPECT_EQ(connections.all().at(0), (Id{7, 2}));
  connections.on_closed(9);
  EXPECT_FALSE(connections.on_heard(9, key(1), 1)) << "nobody we know";
  EXPECT_FALSE(connections.was_heard(7, key(1)));
  connections.on_heard(7, key(1), 1);
  EXPECT_TRUE(connections.was_heard(7, key(1)));
  EXPECT_FALSE(connections.was_heard(7, key(2))) << "another host has the number by now";
}

TEST(Connections, OneKeyHoldsTwoConnectionsAndTheNewestAreKept) {
  Connections connections({.per_key_max = 2});
  for (int fd = 1; fd <= 3; ++fd) connections.on_accepted({fd, 100u + fd});
  EXPECT_FALSE(connections.on_heard(1, key(1), 1));
  EXPECT_FALSE(connections.on_heard(2, key(1), 1));
  EXPECT_EQ(connections.on_heard(3, key(1), 1), (Id{1, 101}));
  connections.on_closed(2);
  connections.on_accepted({4, 104});
  EXPECT_FALSE(connections.on_heard(4, key(1), 1)) << "there is room again";
}

TEST(Connections, AllOfOneKeyAreFoundAndNoneOfAnother) {
  Connections connections({});
  for (int fd = 1; fd <= 3; ++fd) connections.on_accepted({fd, 100u + static_cast<unsigned>(fd)});
  connections.on_heard(1, key(1), 10);
  connections.on_heard(2, key(2), 10);
  connections.on_heard(3, key(1), 10);
  EXPECT_EQ(connections.of(key(1)), (std::vector<Connections::Id>{{1, 101}, {3, 103}}));
  connections.on_closed(1);
  EXPECT_EQ(connections.of(key(1)), (std::vector<Connections::Id>{{3, 103}}));
  EXPECT_TRUE(connections.of(key(9)).empty());
}

TEST(Connections, VisitorWhoAsksWithoutEndIsNotShownOut) {
  Connections connections({.visits = true, .visit_messages_max = 3});
  connections.on_accepted({1, 101});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(connections.on_heard(1, key(1), 10));
  EXPECT_EQ(connections.on_heard(1, key(1), 10), (Id{1, 101}));
}

TEST(Connections, VisitorsCountAsLongAsTheyStay) {
  Connections connections({.unheard_max = 1, .visits = true});
  connections.on_accepted({1, 101});
  connections.on_heard(1, key(1), 10);
  EXPECT_EQ(connections.on_accepted({2, 102}), (Id{1, 101}));
}

TEST(Connections, BytesThatNeverBecomeAMessageAreSeen) {
  Connections connections({.unheard_bytes_max = 100, .unread_bytes_max = 1000});
  connections.on_accepted({1, 101});
  EXPECT_FALSE(connections.is_hoarding(1, 100));
  EXPECT_TRUE(connections.is_hoarding(1, 101)) << "a long handshake";
  for (int i = 0; i < 100; ++i) connections.on_heard(1, key(1), 50);
  EXPECT_FALSE(connections.is_hoarding(1, 6000)) << "it talks a lot, in messages";
  EXPECT_TRUE(connections.is_hoarding(1, 11'000)) << "a message of endless parts";
  EXPECT_FALSE(connections.is_hoarding(2, 1u << 30)) << "gone meanwhile";
}

}  // namespace
}  // namespace fleetsweep::net
