#include "policies/compiler/encodings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/bytes.h"

namespace fleetsweep::compiler {

using testing::ElementsAre;

TEST(Encodings, AnOptionWithAnotherDashIsMissed) {
  EXPECT_THAT(windash("cmd -enc x"), ElementsAre("cmd -enc x", "cmd /enc x", "cmd \u2013enc x",
                                                 "cmd \u2014enc x", "cmd \u2015enc x"));
}

TEST(Encodings, ADashInsideAWordIsAnOption) {
  EXPECT_THAT(windash("kdev-tmp"), ElementsAre("kdev-tmp"));
}

TEST(Encodings, WideTextIsNotUtf16) {
  EXPECT_EQ(to_hex(as_bytes(wide("aé"))), "6100e900");
  EXPECT_EQ(to_hex(as_bytes(wide("\U0001F600"))), "3dd800de");
}

// Whatever stands around the text, one of the three values is in the base64 of the whole.
TEST(Encodings, Base64OfTheTextIsMissedAtSomeAlignment) {
  const std::string text = "curl http://";
  const auto values = base64_offsets(text);
  ASSERT_EQ(values.size(), 3u);
  for (const char* before : {"", "x", "xy", "xyz", "#!/bin/sh\n"})
    for (const char* after : {"", "1", "12", "123"}) {
      const auto encoded = to_base64(as_bytes(before + text + after));
      const auto found = std::count_if(values.begin(), values.end(), [&](const auto& value) {
        return encoded.find(value) != std::string::npos;
      });
      EXPECT_GE(found, 1) << encoded;
    }
}

}  // namespace fleetsweep::compiler
