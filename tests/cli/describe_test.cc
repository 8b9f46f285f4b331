#include "cli/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
