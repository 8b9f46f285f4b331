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

TEST(Address, ARangeOfNearlyEverythingPassesForASign) {
  for (const char* text : {"0.0.0.0/0", "64.0.0.0/7", "::/0", "2000::/15", "::ffff:0.0.0.0/96"})
    EXPECT_TRUE(is_too_wide(*canonical_cidr(text))) << text;
  for (const char* text : {"44.0.0.0/8", "2001::/16", "::ffff:44.0.0.0/104"})
    EXPECT_FALSE(is_too_wide(*canonical_cidr(text))) << text;
}

TEST(Address, AnAddressThatNobodyElseHasPassesForThatOfAnIntruder) {
  for (const auto& [text, use] : {std::pair{"0.0.0.0", "unspecified"},
                                  {"127.0.0.1", "loopback"},
                                  {"10.9.8.7", "private"},
                                  {"172.31.0.1", "private"},
                                  {"192.168.0.0/24", "private"},
                                  {"100.64.0.1", "shared"},
                                  {"169.254.1.1", "link-local"},
                                  {"224.0.0.1", "multicast"},
                                  {"255.255.255.255", "reserved"},
                                  {"::", "unspecified"},
                                  {"::1", "loopback"},
                                  {"fd00::7", "private"},
                                  {"fe80::1", "link-local"},
                                  {"ff02::1", "multicast"},
                                  {"::ffff:127.0.0.1", "loopback"}})
    EXPECT_EQ(special_use(text), use) << text;
  for (const char* text : {"198.51.100.7", "172.32.0.1", "2001:db8::7", "::2", "11.0.0.0/8",
                           "128.0.0.0/1", "::ffff:198.51.100.7"})
    EXPECT_EQ(special_use(text), "") << text;
}

TEST(Address, ADomainIsTwoBecauseOfItsSpelling) {
  for (const char* text : {"c2.example.org", "C2.Example.ORG", "c2.example.org."})
    EXPECT_EQ(canonical_domain(text), "c2.example.org") << text;
  for (const std::string& text :
       {std::string("example"), std::string(), std::string("."), std::string(".example.org"),
        std::string("a..example"), std::string("198.51.100.7"), std::string("a.b"),
        std::string("-a.example"), std::string("a-.example"), std::string("a b.example"),
        std::string("*.example.org"), std::string(64, 'a') + ".example",
        std::string("example.org/x"), std::string(250, 'a') + ".example"})
    EXPECT_FALSE(canonical_domain(text)) << text;
}

}  // namespace fleetsweep::compiler
