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

std::string key_of(char digit) {
  return std::string(64, digit);
}

// With everything that a specification can say.
std::string full() {
  return R"({"keys": [{"holder": "alice", "public": ")" + key_of('1') +
         R"("}, {"holder": "alice", "public": ")" + key_of('2') +
         R"("}, {"holder": "bob", "public": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMz b", "org": 1},
           {"holder": "carol", "public": ")" +
         key_of('4') + R"("}], "conductor": ")" + key_of('5') +
         R"(", "logs": ["v", {"vkey": "w", "start_size": 2, "start_root": ")" + key_of('6') +
         R"(", "frontier": [")" + key_of('6') + R"("]}], "witnesses": ["x", "y"],
           "witness_quorum": 1, "expires": "90d", "evidence_key": ")" +
         key_of('7') +
         R"(", "path_salt": "00112233445566778899aabbccddeeff",
           "sealed": {"clean": [{"threshold": 2, "keys": [")" +
         key_of('2') + R"(", "carol"]}]},
           "roles": {"clean": [{"threshold": 1, "keys": ["alice"]}, {"org": 1, "threshold": 1, "keys": ["bob"]}],
                     "destroy": []},
           "policy": {"cool_off": {"clean": "90m"}, "standing_life_max": "30d", "items_max": 7,
                      "wave1_permille_max": 50, "dry_run_age_max": "86401s"}})";
}

TEST(RootSpecification, OfARootDoesNotMakeTheSameRootAgain) {
  const Timestamp now = timestamp(1'795'428'000);
  const auto root = parse_root_specification(full(), ".", now);
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(root->policy.standing_life_max, Seconds(30 * 86400));
  const std::string text = root_specification(*root);
  const auto again = parse_root_specification(text, ".", now);
  ASSERT_TRUE(again) << again.error().message << text;
  EXPECT_EQ(*again, *root) << text;
  EXPECT_EQ(root_specification(*again), text);
  EXPECT_THAT(text, HasSubstr("\"conductor\""));
}

TEST(RootSpecification, AKeyInASafeDoesNotCountForItsHolderEveryDay) {
  const auto root = parse_root_specification(full(), ".", Timestamp{});
  ASSERT_TRUE(root) << root.error().message;
  for (const model::RoleRule& rule : root->roles) {
    EXPECT_NE(rule.role, model::Role::kDestroy);
    if (rule.role == model::Role::kClean) {
      EXPECT_EQ(rule.clauses.front().keys, (std::vector<std::uint16_t>{0}));
      EXPECT_EQ(rule.sealed.front().keys, (std::vector<std::uint16_t>{1, 3}));
    }
    if (rule.role == model::Role::kStop) {
      EXPECT_EQ(rule.clauses.front().keys, (std::vector<std::uint16_t>{0, 2}));
    }
  }
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
