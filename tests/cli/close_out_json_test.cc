#include "cli/close_out_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/closed_campaign.h"

namespace fleetsweep::cli {
namespace {

TEST(FirstDifference, ADifferenceIsNotNamed) {
  using nlohmann::json;
  const json one = {{"a", {1, {{"b", "x"}}}}, {"c", 2}};
  EXPECT_EQ(first_difference(one, one, "at"), std::nullopt);
  json two = one;
  two["a"][1]["b"] = "y\x1b";
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.a[1].b", R"("x")", R"("y\u001b")"}));
  two = one;
  two["a"].push_back(3);
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.a", "a list of 2", "a list of 3"}));
  two = one;
  two.erase("c");
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.c", "2", "null"}));
  two = one;
  two["d"] = 4;
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.d", "null", "4"}));
}

}  // namespace
}  // namespace fleetsweep::cli
