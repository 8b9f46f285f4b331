// What goes in comes out, for every type and every field of it.

#include <gtest/gtest.h>

#include "tests/protocol/codec/random_model.h"

namespace fleetsweep {
namespace {

template <class T>
class RoundTrip : public testing::Test {};
using Types = testing::Types<FS_CODEC_TYPES>;
TYPED_TEST_SUITE(RoundTrip, Types);

TYPED_TEST(RoundTrip, RandomValuesComeBackEqual) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const auto value = test::Filler(seed).make<TypeParam>();
    const Bytes bytes = codec::encode(value);
    const auto back = codec::decode<TypeParam>(bytes);
    ASSERT_TRUE(back) << "seed " << seed << ": " << back.error().message;
    ASSERT_EQ(*back, value) << "seed " << seed;
  }
}

TYPED_TEST(RoundTrip, DefaultValuesComeBackEqual) {
  const TypeParam value{};
  const auto back = codec::decode<TypeParam>(codec::encode(value));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, value);
}

}  // namespace
}  // namespace fleetsweep
