#include "protocol/base/bytes.h"

#include <gtest/gtest.h>

namespace fleetsweep {
namespace {

// RFC 4648 section 10.
TEST(Bytes, EncodingsMatchTheVectorsOfRfc4648) {
  EXPECT_EQ(to_base64(as_bytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64(as_bytes("foob")), "Zm9vYg==");
  EXPECT_EQ(to_base32(as_bytes("foobar")), "mzxw6ytboi");
  EXPECT_EQ(to_hex(as_bytes("foobar")), "666f6f626172");
}

TEST(Bytes, EveryEncodingReturnsWhatWentIn) {
  Bytes bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(*from_hex(to_hex(bytes)), bytes);
    EXPECT_EQ(*from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(*from_base32(to_base32(bytes)), bytes);
    bytes.push_back(static_cast<std::uint8_t>(i * 37));
  }
}

TEST(Bytes, ASecondSpellingOfTheSameBytesIsRefused) {
  EXPECT_FALSE(from_base64("Zm9vYh=="));  // left-over bits set
  EXPECT_FALSE(from_base64("Zm9v YmFy"));
  EXPECT_FALSE(from_base64("Zm9vYg"));
  EXPECT_FALSE(from_base32("mzxw6ytbo"));
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
}

TEST(Bytes, EscapedTextCannotDeceiveTheReader) {
  EXPECT_EQ(escaped("plain ümlaut"), "plain ümlaut");
  EXPECT_EQ(escaped("a\nb\x1b[31m"), "a\\x0ab\\x1b[31m");
  EXPECT_EQ(escaped("evil\xe2\x80\xaegpj"), "evil\\xe2\\x80\\xaegpj");
  EXPECT_EQ(escaped("\xff\xc0\x80"), "\\xff\\xc0\\x80");
}

TEST(Bytes, FixedRefusesTheWrongLength) {
  using Id = Fixed<4, struct Tag>;
  EXPECT_EQ(Id::parse_hex("01020304")->hex(), "01020304");
  EXPECT_EQ(Id::parse_hex("010203").error().message, "3 bytes where 4 were expected");
}

}  // namespace
}  // namespace fleetsweep
