#include "cli/root_specification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::cli {
namespace {

using testing::HasSubstr;

TEST(RootSpecification, EveryMistakeIsReportedAtOnce) {
  const auto root = parse_root_specification(
      R"({"keys": [{"holder": "alice", "public": "zz"}], "colour": 1, "expires": 5,
          "roles": {"clean": [{"threshold": 2, "keys": ["mallory"]}], "king": []}})",
      ".", Timestamp{});
  ASSERT_FALSE(root);
  const std::string text = root.error().message;
  for (const char* mistake : {"keys[0].public", "colour: unknown", "expires", "mallory",
                              "roles.king: unknown", "logs: missing"})
    EXPECT_THAT(text, HasSubstr(mistake));
}

TEST(RootSpecification, WhatIsLeftOutHasTheDefaultsOfASmallShop) {
  const std::string key(64, 'a');
  const auto root = parse_root_specification(
      R"({"keys": [{"holder": "alice", "public": ")" + key + R"("}], "logs": ["v"]})", ".",
      Timestamp{});
  ASSERT_TRUE(root) << root.error().message;
  for (const model::RoleRule& rule : root->roles) {
    if (rule.role == model::Role::kClean) {
      EXPECT_EQ(rule.clauses.front().threshold, 2);
    }
    if (rule.role == model::Role::kStop) {
      EXPECT_EQ(rule.clauses.front().threshold, 1);
    }
  }
  EXPECT_EQ(root->policy.cool_off[3], Seconds(3600));
}

TEST(RootSpecification, AnExplicitRoleMissesAPersonsSecondKey) {
  const std::string first(64, 'a'), second(64, 'b');
  const auto root = parse_root_specification(
      R"({"keys": [{"holder": "alice", "public": ")" + first +
          R"("}, {"holder": "alice", "public": ")" + second +
          R"("}], "logs": ["v"], "roles": {"stop": [{"threshold": 1, "keys": ["alice"]}]}})",
      ".", Timestamp{});
  ASSERT_TRUE(root) << root.error().message;
  for (const model::RoleRule& rule : root->roles)
    EXPECT_EQ(rule.clauses.front().keys, (std::vector<std::uint16_t>{0, 1})) << name(rule.role);
}

TEST(RootSpecification, OfAMemberThatStandsTwiceTheLastWins) {
  const auto root =
      parse_root_specification(R"({"keys": [], "keys": [], "logs": ["v"]})", ".", Timestamp{});
  ASSERT_FALSE(root);
  EXPECT_THAT(root.error().message, HasSubstr("\"keys\" stands twice"));
}

TEST(RootSpecification, TextThatIsNotJsonIsAnErrorAndNoCrash) {
  EXPECT_FALSE(parse_root_specification("{", ".", Timestamp{}));
  EXPECT_FALSE(parse_root_specification("[]", ".", Timestamp{}));
}

}  // namespace
}  // namespace fleetsweep::cli
