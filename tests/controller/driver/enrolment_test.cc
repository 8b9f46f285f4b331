// Hosts that come, come again, and change their transport keys.

#include "tests/controller/driver/driver_fixture.h"

namespace fleetsweep::controller {
namespace {

TEST_F(DriverTest, RekeyedHostHasTwoKeysUntilTheNewOneIsHeardAndThenOne) {
  const HostRef host = enrol(1);
  const CurveKey old = key_of(1, 1);
  const CurveKey fresh = key_of(1, 2);
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  EXPECT_EQ(wire_.count<model::Rekeyed>(), 1u);
  EXPECT_EQ(wire_.doors, (std::set{old, fresh}));
  ASSERT_EQ(store_.agent_rekeys(1)->size(), 1u);
  EXPECT_FALSE(store_.agent_rekeys(1)->at(0).used);
  load();  // a restart in the middle
  EXPECT_EQ(wire_.doors, (std::set{old, fresh}));
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  EXPECT_EQ(wire_.count<model::Rekeyed>(), 2u) << "a lost answer is given again";
  driver_->on_key_used(host, old, now_);
  work();
  EXPECT_EQ(wire_.doors.size(), 2u) << "the old one is still good";
  driver_->on_key_used(host, fresh, now_);
  work();
  EXPECT_EQ(wire_.doors, std::set{fresh});
  EXPECT_TRUE(store_.agent_rekeys(1)->at(0).used);
  load();
  EXPECT_EQ(wire_.doors, std::set{fresh});
  EXPECT_EQ(driver_->core().agent(host)->key.curve, fresh);
}

TEST_F(DriverTest, RekeyThatIsNotDurableOpensOrClosesADoor) {
  const HostRef host = enrol(1);
  const CurveKey old = key_of(1, 1);
  work();
  store_.broken = true;
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  EXPECT_EQ(wire_.count<model::Rekeyed>(), 0u);
  EXPECT_EQ(wire_.doors, std::set{old});
  store_.broken = false;
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  store_.broken = true;
  driver_->on_key_used(host, key_of(1, 2), now_);
  work();
  EXPECT_EQ(wire_.doors.size(), 2u) << "the old one goes when that is durable, not before";
  store_.broken = false;
  driver_->on_key_used(host, key_of(1, 2), now_);
  work();
  EXPECT_EQ(wire_.doors, (std::set{key_of(1, 2)}));
}

TEST_F(DriverTest, RekeyBringsBackAnOldKeyOrAnothersOrComesWithoutEnd) {
  const HostRef host = enrol(1);
  enrol(2);
  const auto offered = [&](Bytes offer) {
    const std::size_t before = wire_.count<model::Rekeyed>();
    now_ += Seconds(2);
    driver_->on_message(host, model::Rekey{std::move(offer)}, now_);
    work();
    return wire_.count<model::Rekeyed>() > before;
  };
  EXPECT_FALSE(offered(rekey(1, 3, Seconds(0)))) << "not newer";
  EXPECT_FALSE(offered(rekey(2, 3, Seconds(10)))) << "of another host";
  EXPECT_FALSE(offered(rekey(1, 3, Seconds(10), &token_))) << "not signed by the identity";
  EXPECT_FALSE(offered({1, 2, 3}));
  EXPECT_TRUE(offered(rekey(1, 3, Seconds(20))));
  driver_->on_key_used(host, key_of(1, 3), now_);
  work();
  EXPECT_FALSE(offered(rekey(1, 1, Seconds(30)))) << "the key that was stolen";
  EXPECT_FALSE(offered(rekey(1, 3, Seconds(40)))) << "the same again";
  std::size_t taken = 0;
  for (std::uint8_t n = 10; n < 40; ++n) taken += offered(rekey(1, n, Seconds(100 + n)));
  EXPECT_EQ(taken, kRekeysPerDay - 1);
  EXPECT_EQ(wire_.doors.size(), 3u) << "an offer that was never used is replaced";
  EXPECT_EQ(store_.agent_rekeys(1)->size(), 2u);
  now_ += Seconds(86400);
  EXPECT_TRUE(offered(rekey(1, 50, Seconds(200)))) << "the next day";
}

TEST_F(DriverTest, CloneThatEnrolsAgainIsRefusedAndSeen) {
  const HostRef host = enrol(1);
  const auto again = [&](std::uint8_t identity, std::uint8_t machine) {
    return driver_->enrol(agent_key(identity, 7, machine, now_), key_of(identity, 7), now_);
  };
  const auto same_identity = again(1, 9);
  ASSERT_FALSE(same_identity);
  EXPECT_THAT(same_identity.error().message, testing::HasSubstr("cloned image"));
  const auto same_machine = again(3, 1);
  ASSERT_FALSE(same_machine);
  EXPECT_THAT(same_machine.error().message, testing::HasSubstr("this host is enrolled already"));
  EXPECT_EQ(driver_->core().agent(host)->clones, 2u);
  now_ += Seconds(60);
  load();
  EXPECT_EQ(driver_->core().agent(host)->clones, 2u) << "also after a restart";
  EXPECT_EQ(driver_->core().agent(host)->clone_last, fixture::start());
  EXPECT_FALSE(again(3, 1));
  EXPECT_EQ(store_.clones(1)->at(0), (store::Clone{1, host.host, 3, to_timestamp(now_)}));
}

}  // namespace
}  // namespace fleetsweep::controller
