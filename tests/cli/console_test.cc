#include "cli/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

TEST(Console, ExitCodeSaysWhetherTheCallerOrTheWorldWasWrong) {
  Console console;
  EXPECT_EQ(console.report({Code::kInvalid, "x"}), kUsage);
  EXPECT_EQ(console.report({Code::kUntrusted, "x"}), kRefused);
  EXPECT_EQ(console.report({Code::kUnavailable, "x"}), kRefused);
  EXPECT_EQ(console.report({Code::kInternal, "x"}), kBug);
}

TEST(Console, ErrorWithJsonIsOneObjectWithItsOwnNextStep) {
  Console console;
  console.json = true;
  testing::internal::CaptureStderr();
  console.report({Code::kNotFound, "no campaign \xff\nnext:  look again"});
  const auto error = nlohmann::json::parse(testing::internal::GetCapturedStderr());
  EXPECT_EQ(error["error"]["code"], "not_found");
  EXPECT_EQ(error["error"]["next"], "look again");
}

TEST(Console, SomeErrorsEndWithoutANextStep) {
  Console console;
  console.json = true;
  console.verb = "fleetsweep order sign";
  for (const Code code : {Code::kInvalid, Code::kUntrusted, Code::kNotFound, Code::kConflict,
                          Code::kUnavailable, Code::kOverloaded, Code::kInternal}) {
    testing::internal::CaptureStderr();
    console.report({code, "x"});
    const auto error = nlohmann::json::parse(testing::internal::GetCapturedStderr());
    EXPECT_NE(error["error"]["next"], "") << name(code);
    if (code == Code::kInvalid) {
      EXPECT_EQ(error["error"]["next"], "fleetsweep order sign --help");
    }
  }
}

TEST(Console, TheFirstAdviceIsLost) {
  const Error error = advise(advise({Code::kInvalid, "x"}, "do this"), "do that");
  EXPECT_EQ(error.message, "x\nnext:  do this");
}

TEST(Console, HintsDoNotMixWithJsonErrors) {
  Console console;
  console.json = true;
  testing::internal::CaptureStderr();
  console.next("do this");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// A line that wraps, or a block that scrolls, makes the next redraw start in the wrong place.
TEST(Console, RedrawnBlockNeverWrapsOrScrolls) {
  EXPECT_EQ(fit("abcdef\nxy\nz", 4, 2), "abcd\nxy");
  EXPECT_EQ(fit("ab\x1b[32mcdef\x1b[0m", 3, 9), "ab\x1b[32mc\x1b[0m");
  EXPECT_EQ(fit("\xc3\xa4\xc3\xb6\xc3\xbc", 2, 9), "\xc3\xa4\xc3\xb6");
}

TEST(Console, BarNeverOverflows) {
  EXPECT_EQ(bar(2.0, 4), "[####]");
  EXPECT_EQ(bar(-1.0, 4), "[....]");
  EXPECT_EQ(bar(0.5, 4), "[##..]");
}

}  // namespace
}  // namespace fleetsweep::cli
