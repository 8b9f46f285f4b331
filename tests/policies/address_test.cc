#include "policies/compiler/address.h"

#include <gtest/gtest.h>

namespace fleetsweep::compiler {

TEST(Address, TwoSpellingsOfOneAddressCompareAsDifferentText) {
  EXPECT_EQ(canonical_address("2001:0DB8:0:0::7"), "2001:db8::7");
  EXPECT_EQ(canonical_address("198.51.100.7"), "198.51.100.7");
}

TEST(Address, SomethingElsePassesForAnAddress) {
  for (const char* text : {"", "198.51.100", "198.51.100.256", "198.51.100.7/32", "example.org"})
    EXPECT_FALSE(canonical_address(text)) << text;
}

TEST(Address, ARangeWithHostBitsIsTakenForAnother) {
  EXPECT_EQ(canonical_cidr("198.51.100.0/24"), "198.51.100.0/24");
  EXPECT_EQ(canonical_cidr("2001:db8::/32"), "2001:db8::/32");
  EXPECT_EQ(canonical_cidr("0.0.0.0/0"), "0.0.0.0/0");
  for (const char* text : {"198.51.100.7/24", "198.51.100.0/33", "198.51.100.0/", "198.51.100.0",
                           "198.51.100.0/-1", "/24"})
    EXPECT_FALSE(canonical_cidr(text)) << text;
}

}  // namespace fleetsweep::compiler
