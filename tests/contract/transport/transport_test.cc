// One contract, two transports: what the simulation promises to the cores, the real sockets keep.

#include "tests/contract/transport/transport.h"

#include <gtest/gtest.h>

namespace fleetsweep::contract {
namespace {

using Numbers = std::multiset<std::uint64_t>;

class TransportContract : public ::testing::TestWithParam<std::string> {
 protected:
  // Opened, and the controller heard of it.
  void arrive(std::size_t host, std::uint64_t number) {
    transport_->open(host);
    ASSERT_TRUE(transport_->until([&] { return transport_->say(host, number); }));
    ASSERT_TRUE(
        transport_->until([&] { return transport_->controller_heard(host).contains(number); }));
  }
  bool host_hears(std::size_t host, const Numbers& numbers) {
    return transport_->until([&] { return transport_->host_heard(host) == numbers; });
  }

  std::unique_ptr<Transport> transport_ =
      GetParam() == "simulated" ? simulated_transport() : zeromq_transport();
};

INSTANTIATE_TEST_SUITE_P(Transport, TransportContract, testing::Values("simulated", "zeromq"),
                         [](const auto& info) { return info.param; });

TEST_P(TransportContract, HostThatNeverCameIsGone) {
  EXPECT_EQ(transport_->tell(0, 1), Transport::Told::kGone);
  EXPECT_FALSE(transport_->say(0, 1));
}

TEST_P(TransportContract, QuietConnectionCarriesEverythingOnceInBothDirections) {
  arrive(0, 100);
  Numbers told, said = {100};
  for (std::uint64_t number = 1; number <= 50; ++number) {
    ASSERT_EQ(transport_->tell(0, number), Transport::Told::kOk);
    told.insert(number);
    ASSERT_TRUE(transport_->say(0, 100 + number));
    said.insert(100 + number);
  }
  EXPECT_TRUE(host_hears(0, told));
  EXPECT_TRUE(transport_->until([&] { return transport_->controller_heard(0) == said; }));
}

TEST_P(TransportContract, EachHostHearsItsOwnAndIsKnownByWhoItIs) {
  for (std::size_t host = 0; host < Transport::kHosts; ++host) arrive(host, 100 + host);
  for (std::size_t host = 0; host < Transport::kHosts; ++host)
    ASSERT_EQ(transport_->tell(host, host), Transport::Told::kOk);
  for (std::size_t host = 0; host < Transport::kHosts; ++host) {
    EXPECT_TRUE(host_hears(host, {host}));
    EXPECT_EQ(transport_->controller_heard(host), Numbers({100 + host}));
  }
}

TEST_P(TransportContract, HostThatLeftIsGoneBeforeLongAndDoesNotDisturbOthers) {
  arrive(0, 100);
  arrive(1, 101);
  transport_->close(0);
  EXPECT_TRUE(transport_->until([&] { return transport_->tell(0, 1) == Transport::Told::kGone; }));
  EXPECT_EQ(transport_->tell(1, 2), Transport::Told::kOk);
  EXPECT_TRUE(host_hears(1, {2}));
}

// The controller keeps what was refused and tells it later; nothing that was taken is lost.
TEST_P(TransportContract, HostThatDoesNotReadFillsUpAndLosesNothing) {
  arrive(0, 100);
  arrive(1, 101);
  transport_->set_reading(0, false);
  Numbers taken;
  std::uint64_t number = 1000;
  ASSERT_TRUE(transport_->until([&] {
    while (true) {
      const auto told = transport_->tell(0, ++number);
      if (told != Transport::Told::kOk) return told == Transport::Told::kFull;
      taken.insert(number);
      if (taken.size() % 16 == 0) return false;  // lets it travel
    }
  })) << taken.size();
  ASSERT_EQ(transport_->tell(1, 2), Transport::Told::kOk) << "another host is not full";
  EXPECT_TRUE(host_hears(1, {2}));
  EXPECT_TRUE(transport_->host_heard(0).empty());
  transport_->set_reading(0, true);
  EXPECT_TRUE(host_hears(0, taken));
  EXPECT_EQ(transport_->tell(0, 7), Transport::Told::kOk);
  taken.insert(7);
  EXPECT_TRUE(host_hears(0, taken));
}

TEST_P(TransportContract, NothingOfAnOldConnectionArrivesOnTheNewOne) {
  arrive(0, 100);
  transport_->close(0);
  ASSERT_TRUE(transport_->until([&] { return transport_->tell(0, 1) == Transport::Told::kGone; }));
  arrive(0, 200);
  ASSERT_EQ(transport_->tell(0, 2), Transport::Told::kOk);
  EXPECT_TRUE(host_hears(0, {2}));
}

}  // namespace
}  // namespace fleetsweep::contract
