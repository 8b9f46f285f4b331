// A transport key changes under an edge that may lose any message, and with a host that may die
// after any commit: one of its keys always opens the door.

#include "agent/core/rekey.h"

#include <gtest/gtest.h>

#include <set>

#include "protocol/base/prng.h"
#include "protocol/trust/token.h"
#include "tests/agent/core/harness.h"

namespace fleetsweep::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TransportKey key(std::uint8_t n) {
  TransportKey key;
  key.pub.value[0] = n;
  key.secret[0] = n;
  return key;
}

template <class T>
const T* find(const Effects& effects) {
  for (const Action& action : effects.actions)
    if (const auto* one = std::get_if<T>(&action)) return one;
  return nullptr;
}

const model::Rekey* offer(const Effects& effects) {
  const auto* send = find<Send>(effects);
  return send ? std::get_if<model::Rekey>(&send->message) : nullptr;
}

class RekeyTest : public ::testing::Test {
 protected:
  RekeyTest() {
    like.identity = identity.public_key();
    like.tenant.value[0] = 1;
    like.hostname = "host-1";
    stored.current = key(1);
    stored.current.issued = start;
    begin();
  }
  void begin() { rekeying.emplace(stored, std::chrono::days(30), like); }
  Effects turn(Timestamp wall, bool welcomed = true) {
    Effects effects;
    rekeying->on_turn(welcomed, wall, uptime, effects);
    keep(effects);
    return effects;
  }
  Effects made(TransportKey fresh, Timestamp wall) {
    Effects effects;
    rekeying->on_key(std::move(fresh), identity, wall, effects);
    keep(effects);
    return effects;
  }
  void keep(const Effects& effects) {
    for (const Record& record : effects.records)
      if (const auto* put = std::get_if<PutTransport>(&record)) stored = put->transport;
  }

  const Timestamp start = fixture::start();
  crypto::SecretKey identity = fixture::key_named("host");
  model::AgentKey like;
  Transport stored;
  Uptime uptime = hours(1);
  std::optional<Rekeying> rekeying;
};

TEST_F(RekeyTest, KeyServesForEver) {
  EXPECT_FALSE(find<MakeTransportKey>(turn(start + 29 * fixture::kDay)));
  EXPECT_TRUE(find<MakeTransportKey>(turn(start + 30 * fixture::kDay)));
  EXPECT_FALSE(find<MakeTransportKey>(turn(start + 31 * fixture::kDay))) << "one is being made";
  made(key(2), start + 30 * fixture::kDay);
  EXPECT_FALSE(find<MakeTransportKey>(turn(start + 31 * fixture::kDay))) << "one is offered";
}

TEST_F(RekeyTest, OfferIsOfThisHostAndNewerWhateverTheClockSays) {
  rekeying->on_asked();
  ASSERT_TRUE(find<MakeTransportKey>(turn(start - 100 * fixture::kDay)));
  made(key(2), start - 100 * fixture::kDay);
  const Effects effects = turn(start);
  ASSERT_TRUE(offer(effects));
  model::AgentKey known = like;
  known.curve = key(1).pub;
  known.issued = start;
  const auto checked = trust::check_rekey(known, offer(effects)->agent_key);
  ASSERT_TRUE(checked) << checked.error().detail;
  EXPECT_EQ(checked->curve, key(2).pub);
  EXPECT_EQ(checked->hostname, "host-1");
}

TEST_F(RekeyTest, OfferIsMadeAgainWithBackOffUntilItIsAnsweredAndOnlyWhenWelcomed) {
  made(key(2), start);
  EXPECT_FALSE(offer(turn(start, false)));
  EXPECT_TRUE(offer(turn(start)));
  EXPECT_FALSE(offer(turn(start)));
  int offers = 0;
  for (int i = 0; i < 24 * 60; ++i) {
    uptime += minutes(1);
    offers += offer(turn(start)) != nullptr;
  }
  EXPECT_GT(offers, 20);
  EXPECT_LT(offers, 40);
}

TEST_F(RekeyTest, OldKeyIsForgottenBeforeTheNewOneWasWelcomed) {
  made(key(2), start);
  Effects effects;
  EXPECT_FALSE(rekeying->on_rekeyed(key(3).pub, effects)) << "an answer to something else";
  EXPECT_TRUE(rekeying->on_rekeyed(key(2).pub, effects));
  ASSERT_TRUE(find<UseTransport>(effects));
  EXPECT_EQ(find<UseTransport>(effects)->key.pub, key(2).pub);
  EXPECT_EQ(stored.current.pub, key(1).pub);
  // The edge lost what it promised: back to the old one.
  Effects refused;
  rekeying->on_refused(refused);
  EXPECT_EQ(find<UseTransport>(refused)->key.pub, key(1).pub);
  Effects again;
  rekeying->on_welcome(again);
  EXPECT_TRUE(again.records.empty());
  EXPECT_TRUE(offer(turn(start))) << "and the offer is made again";
  Effects welcomed;
  EXPECT_TRUE(rekeying->on_rekeyed(key(2).pub, welcomed));
  rekeying->on_welcome(welcomed);
  keep(welcomed);
  EXPECT_EQ(stored.current.pub, key(2).pub);
  EXPECT_FALSE(stored.next);
  EXPECT_TRUE(stored.offer.empty());
}

// The edge of the story: it keeps both until the new one was heard. Both sides may die between any
// two steps and every message may be lost.
TEST_F(RekeyTest, CrashOnEitherSideAtAnyStepLocksTheHostOut) {
  Prng prng(11);
  for (int story = 0; story < 2000; ++story) {
    stored = {key(1), std::nullopt, {}};
    stored.current.issued = start;
    begin();
    std::set<std::uint8_t> admitted = {1};
    std::optional<std::uint8_t> next;  // durable at the edge
    std::uint8_t fresh = 2;
    int steps = 0;
    for (; steps < 200; ++steps) {
      uptime += hours(1);
      if (!rekeying->is_pending()) rekeying->on_asked();
      const auto dies = [&] { return prng.chance(0.2); };
      const std::uint8_t mine = rekeying->in_use().pub.value[0];
      Effects effects;
      if (!admitted.contains(mine)) {
        rekeying->on_refused(effects);
        ASSERT_TRUE(stored.next) << "locked out in story " << story;
        if (dies()) begin();
        continue;
      }
      if (next == mine) {  // heard: the old one goes
        admitted = {mine};
        next.reset();
      }
      if (dies()) {
        begin();
        continue;
      }
      if (!dies()) {  // or the welcome is lost
        rekeying->on_welcome(effects);
        keep(effects);
      }
      if (stored.current.pub.value[0] != 1) break;  // done
      Effects said = turn(start);
      if (find<MakeTransportKey>(said)) {
        made(key(fresh++), start);
        if (dies()) {
          begin();
          continue;
        }
        said = turn(start);
      }
      if (!offer(said) || dies()) continue;
      const auto curve = rekeying->is_pending() ? stored.next->pub : CurveKey{};
      if (next) admitted.erase(*next);
      next = curve.value[0];
      admitted.insert(*next);
      if (dies()) continue;  // the answer is lost
      Effects answered;
      rekeying->on_rekeyed(curve, answered);
      if (dies()) begin();
    }
    ASSERT_LT(steps, 200) << "story " << story << " does not end";
    ASSERT_EQ(admitted, std::set<std::uint8_t>{stored.current.pub.value[0]});
  }
}

TEST(RekeyInTheCore, HostComesBackWithItsNewKeyAndTheStoreRemembersIt) {
  Harness host;
  host.connect();
  host.deliver();
  host.run(host.core->on_rekey_asked(host.now()));
  host.run(host.core->on_transport_key(key(2), host.now()));
  const auto offers = of_kind<model::Rekey>(host.sent);
  ASSERT_EQ(offers.size(), 1u);
  const unsigned reconnects = host.reconnects;
  host.run(host.core->on_message(model::Rekeyed{key(2).pub}, host.now()));
  EXPECT_EQ(host.reconnects, reconnects + 1);
  EXPECT_EQ(host.core->transport().pub, key(2).pub);
  host.crash();
  EXPECT_NE(host.core->transport().pub, key(2).pub) << "not welcomed yet: both are kept";
  host.connect();
  EXPECT_EQ(of_kind<model::Rekey>(host.sent).size(), 1u) << "the same offer again";
  host.run(host.core->on_message(model::Rekeyed{key(2).pub}, host.now()));
  host.connect();
  host.crash();
  EXPECT_EQ(host.core->transport().pub, key(2).pub);
  EXPECT_FALSE(host.core->status().rekey_pending);
}

}  // namespace
}  // namespace fleetsweep::agent
