#include "policies/compiler/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

// A draft with the detections hash, sel_a, sel_b, sel_c.
struct World {
  Sink sink{"policy.yaml"};
  ReadFile none;
  Draft draft{.sink = sink, .read_file = none, .now = test_now(), .file = "policy.yaml"};

  World() {
    for (const char* id : {"hash", "sel_a", "sel_b", "sel_c"}) {
      model::Detection detection;
      detection.id = id;
      draft.policy.detections.push_back(detection);
    }
  }
  std::optional<model::Condition> read(const std::string& text) {
    return read_condition(Node{.kind = Node::Kind::kScalar, .at = {1, 1}, .text = text}, draft);
  }
  std::string meaning(const std::string& text) {
    const auto condition = read(text);
    return condition ? to_text(*condition, draft.policy,
                               [](std::string_view id) { return std::string(id); })
                     : lines_of(sink.take()).at(0);
  }
};

TEST(Condition, AndBindsWeakerThanOr) {
  EXPECT_EQ(World().meaning("hash or sel_a and not sel_b"), "hash or (sel_a and not sel_b)");
  EXPECT_EQ(World().meaning("(hash or sel_a) and sel_b"), "(hash or sel_a) and sel_b");
  EXPECT_EQ(World().meaning("2 of sel_*"), "at least 2 of (sel_a, sel_b, sel_c)");
  EXPECT_EQ(World().meaning("all of sel_*"), "all of (sel_a, sel_b, sel_c)");
  EXPECT_EQ(World().meaning("1 of them"), "at least 1 of (hash, sel_a, sel_b, sel_c)");
  EXPECT_EQ(World().meaning("1 of (hash, sel_a*)"), "at least 1 of (hash, sel_a)");
}

TEST(Condition, ThePlaceOfAMistakeIsLost) {
  EXPECT_EQ(World().meaning("hash and sel_d"),
            "1:10 error: no detection 'sel_d' | did you mean 'sel_a'?");
  EXPECT_EQ(World().meaning("hash sel_a"),
            "1:6 error: 'sel_a' is not expected here | join two conditions with 'and' or 'or'");
  EXPECT_EQ(World().meaning("(hash"), "1:6 error: a ')' is missing | ");
  EXPECT_EQ(World().meaning("hash and"),
            "1:9 error: the condition ends too early | a detection's name, or 1 of ...");
  EXPECT_EQ(World().meaning("4 of sel_*"),
            "1:1 error: the number before 'of' is 1 to 3 here | it counts detections that have a "
            "finding");
  EXPECT_EQ(World().meaning("0 of sel_*"),
            "1:1 error: the number before 'of' is 1 to 3 here | it counts detections that have a "
            "finding");
  EXPECT_EQ(World().meaning("1 of nix_*"),
            "1:6 error: no detection begins with 'nix_' | known are hash, sel_a, sel_b, sel_c");
  EXPECT_EQ(World().meaning("1 sel_a"), "1:3 error: 'of' is missing | such as 1 of sel_*");
}

TEST(Condition, OneUnknownNameHidesTheNext) {
  World world;
  EXPECT_FALSE(world.read("sel_d and (hesh or 2 of (sel_a, nix_*)) and not hash"));
  EXPECT_THAT(lines_of(world.sink.take()),
              testing::ElementsAre(
                  "1:1 error: no detection 'sel_d' | did you mean 'sel_a'?",
                  "1:12 error: no detection 'hesh' | did you mean 'hash'?",
                  "1:33 error: no detection begins with 'nix_' | known are hash, sel_a, sel_b, "
                  "sel_c"));
}

TEST(Condition, EndlessNestingEatsTheStack) {
  EXPECT_EQ(World().meaning(std::string(2000, '(') + "hash" + std::string(2000, ')')),
            "1:33 error: too many parentheses | ");
  std::string nots;
  for (int i = 0; i < 500; ++i) nots += "not ";
  EXPECT_THAT(World().meaning(nots + "hash"), testing::HasSubstr("too many 'not'"));
  EXPECT_EQ(World().meaning("not not not not not not not not hash"),
            "1:1 error: the condition nests deeper than 8 levels | split it into several verdicts");
}

TEST(Condition, TruthIsMisjudged) {
  World world;
  const auto condition = *world.read("hash or (2 of sel_* and not sel_c)");
  EXPECT_TRUE(holds(condition, {true, false, false, false}));
  EXPECT_TRUE(holds(condition, {false, true, true, false}));
  EXPECT_FALSE(holds(condition, {false, true, false, false}));
  EXPECT_FALSE(holds(condition, {false, true, true, true}));
  EXPECT_THAT(named_in(condition), testing::ElementsAre(0, 1, 2, 3));
}

}  // namespace fleetsweep::compiler
