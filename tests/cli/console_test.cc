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

TEST(Console, HintsDoNotMixWithJsonErrors) {
  Console console;
  console.json = true;
  testing::internal::CaptureStderr();
  console.next("do this");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Console, BarNeverOverflows) {
  EXPECT_EQ(bar(2.0, 4), "[####]");
  EXPECT_EQ(bar(-1.0, 4), "[....]");
  EXPECT_EQ(bar(0.5, 4), "[##..]");
}

}  // namespace
}  // namespace fleetsweep::cli
