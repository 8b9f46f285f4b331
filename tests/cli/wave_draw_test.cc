#include "cli/wave_draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/schedule.h"

namespace fleetsweep::cli {
namespace {

std::vector<KnownHost> fleet(std::size_t count) {
  std::vector<KnownHost> hosts(count);
  for (std::size_t i = 0; i < count; ++i) {
    hosts[i].id.value[0] = static_cast<std::uint8_t>(i);
    hosts[i].id.value[1] = static_cast<std::uint8_t>(i >> 8);
  }
  return hosts;
}

// 1, 2, 3, ...: a draw that repeats.
std::function<Nonce()> counter() {
  return [count = std::uint32_t{0}]() mutable {
    Nonce nonce;
    ++count;
    for (std::size_t i = 0; i < 4; ++i)
      nonce.value[i] = static_cast<std::uint8_t>(count >> (8 * i));
    return nonce;
  };
}

model::Order order_of(std::vector<model::Wave> waves) {
  model::Order order;
  order.waves = std::move(waves);
  return order;
}

std::size_t wave_in(const model::Order& order, const AgentId& agent) {
  const DocumentId id =
      crypto::document_id({std::string(model::kPayloadOrder), codec::encode(order), {}});
  return trust::wave_of(order.waves, id, agent);
}

TEST(WaveDraw, EveryWaveOfASmallFleetHasAHost) {
  model::Order order = order_of({{.permille = 10}, {.permille = 100}, {}});
  const auto sizes = draw_waves(order, fleet(5), counter());
  ASSERT_TRUE(sizes) << sizes.error().message;
  EXPECT_THAT(*sizes, testing::Each(testing::Ge(1u)));
  EXPECT_EQ(std::accumulate(sizes->begin(), sizes->end(), std::size_t{0}), 5u);
}

TEST(WaveDraw, TheSizesAreThoseThatHostsComputeFromTheOrder) {
  model::Order order = order_of({{.permille = 300}, {}});
  const auto hosts = fleet(20);
  const auto sizes = draw_waves(order, hosts, counter());
  ASSERT_TRUE(sizes);
  std::vector<std::size_t> counted(2);
  for (const KnownHost& host : hosts) ++counted[wave_in(order, host.id)];
  EXPECT_EQ(*sizes, counted);
}

TEST(WaveDraw, TheFirstWaveHoldsTheCanariesAndNobodyElse) {
  model::Order order = order_of({{.permille = 200}, {}});
  auto hosts = fleet(8);
  hosts[2].canary = hosts[5].canary = true;
  const auto sizes = draw_waves(order, hosts, counter());
  ASSERT_TRUE(sizes) << sizes.error().message;
  EXPECT_THAT(*sizes, testing::ElementsAre(2, 6));
  for (const KnownHost& host : hosts) EXPECT_EQ(wave_in(order, host.id) == 0, host.canary);
}

TEST(WaveDraw, AWaveThatCannotBeHadIsAnErrorAndNoEndlessDraw) {
  model::Order order = order_of({{.permille = 1}, {}});
  auto hosts = fleet(60);
  for (std::size_t i = 0; i < 30; ++i) hosts[i].canary = true;
  const auto sizes = draw_waves(order, hosts, counter());
  ASSERT_FALSE(sizes);
  EXPECT_THAT(sizes.error().message, testing::HasSubstr("no draw of the nonce"));
}

TEST(WaveDraw, FewerHostsThanWavesAndNoHostAtAllAreDrawnOnce) {
  model::Order order = order_of({{.permille = 200}, {.permille = 500}, {}});
  EXPECT_TRUE(draw_waves(order, fleet(1), counter()));
  const auto none = draw_waves(order, {}, counter());
  ASSERT_TRUE(none);
  EXPECT_THAT(*none, testing::ElementsAre(0, 0, 0));
  EXPECT_FALSE(order.nonce.is_zero());
}

}  // namespace
}  // namespace fleetsweep::cli
