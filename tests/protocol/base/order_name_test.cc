#include "protocol/base/order_name.h"

#include <gtest/gtest.h>

namespace fleetsweep {
namespace {

const DocumentId kOne = *DocumentId::parse_hex(std::string(64, '1'));
const DocumentId kAlmost = *DocumentId::parse_hex(std::string(63, '1') + "2");
const DocumentId kOther = *DocumentId::parse_hex(std::string(64, 'a'));

Result<DocumentId> named(std::string_view text) {
  return order_named(text, {kOne, kAlmost, kOther}, "`list`");
}

TEST(OrderName, AFewDigitsNameWhicheverOrderComesFirst) {
  EXPECT_EQ(named("aaaaaaaa"), kOther);
  EXPECT_EQ(named(kOther.hex().substr(0, 63)), kOther);
  EXPECT_EQ(named(kAlmost.hex()), kAlmost);
  EXPECT_EQ(named(std::string(64, '0'))->hex(), std::string(64, '0')) << "whole, and not known";
  EXPECT_EQ(named("11111111").error().message, "2 orders begin with 11111111: give more digits");
  EXPECT_EQ(named("00000000").error().code, Code::kNotFound);
  EXPECT_EQ(named("00000000").error().message,
            "no order that is known here begins with 00000000: `list` lists them");
  for (const std::string text : {"", "aaaaaaa", "AAAAAAAA", "zzzzzzzz", "aaaaaaaa "})
    EXPECT_EQ(named(text).error().code, Code::kInvalid) << text;
  EXPECT_EQ(named(kOther.hex() + "a").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace fleetsweep
