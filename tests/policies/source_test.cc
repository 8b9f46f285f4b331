#include "policies/compiler/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using testing::ElementsAre;
using testing::IsEmpty;

struct Parsed {
  std::optional<Node> root;
  std::vector<std::string> mistakes;
};

Parsed parse(std::string_view text) {
  Sink sink("policy.yaml");
  auto root = parse_source(text, sink);
  return {std::move(root), lines_of(sink.take())};
}

TEST(Source, ANodeForgetsWhereItStands) {
  const auto parsed = parse("a: 1\nb:\n  - x\n  - {c: \"yes\"}\n");
  ASSERT_TRUE(parsed.root);
  const Node* list = parsed.root->find("b");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->items.at(0).at, (Position{3, 5}));
  EXPECT_EQ(list->items.at(1).entries.at(0).at, (Position{4, 6}));
  EXPECT_EQ(list->items.at(1).entries.at(0).value.at, (Position{4, 9}));
  EXPECT_EQ(list->items.at(1).entries.at(0).value.inside(0), (Position{4, 10})) << "in the quotes";
}

TEST(Source, YamlGuessesAType) {
  const auto parsed = parse("a: no\nb: 0x10\nc: 1e3\nd: 2026-11-23\n");
  ASSERT_TRUE(parsed.root);
  EXPECT_EQ(parsed.root->find("a")->text, "no");
  EXPECT_EQ(parsed.root->find("b")->text, "0x10");
  EXPECT_EQ(parsed.root->find("c")->text, "1e3");
  EXPECT_EQ(parsed.root->find("d")->text, "2026-11-23");
}

TEST(Source, TheSecondOfTwoKeysWins) {
  const auto parsed = parse("a: 1\nb: 2\na: 3\n");
  EXPECT_THAT(parsed.mistakes,
              ElementsAre("3:1 error: 'a' stands here twice | the first is on line 1"));
  EXPECT_EQ(parsed.root->find("a")->text, "1");
}

TEST(Source, AnchorsAliasesAndTagsAreRead) {
  EXPECT_THAT(parse("a: &x 1\nb: *x\n").mistakes,
              ElementsAre("1:4 error: anchors (&name) are not part of the policy language | write "
                          "the value out; a policy must read the same everywhere",
                          "2:4 error: aliases (*name) are not part of the policy language | write "
                          "the value out; a policy must read the same everywhere"));
  EXPECT_THAT(parse("a: !!int 1\nb: ! x\n").mistakes,
              ElementsAre("1:4 error: tags (!type) are not part of the policy language | leave the "
                          "tag out; each field has one type",
                          "2:4 error: tags (!type) are not part of the policy language | leave the "
                          "tag out; each field has one type"));
}

TEST(Source, ASecondDocumentIsIgnored) {
  EXPECT_THAT(parse("a: 1\n---\nb: 2\n").mistakes,
              ElementsAre("0:0 error: more than one YAML document in the file | one file is one "
                          "policy: split it"));
  EXPECT_THAT(parse("---\na: 1\n").mistakes, IsEmpty());
}

TEST(Source, ADirectiveIsObeyed) {
  EXPECT_THAT(
      parse("# hello\n%TAG ! tag:x,2000:\n---\na: 1\n").mistakes,
      ElementsAre("2:1 error: directives (%...) are not part of the policy language | leave "
                  "the line out"));
}

TEST(Source, AKeyIsAListOrAMap) {
  EXPECT_THAT(parse("[a, b]: 1\n").mistakes,
              ElementsAre("1:1 error: a key is a word, not a list | "));
}

TEST(Source, DeepNestingEatsTheStack) {
  const auto parsed = parse(std::string(5000, '[') + std::string(5000, ']'));
  ASSERT_FALSE(parsed.mistakes.empty());
  EXPECT_THAT(parse(std::string(17, '[') + std::string(17, ']')).mistakes,
              ElementsAre("1:17 error: nested deeper than 16 levels | "));
  EXPECT_THAT(parse(std::string(16, '[') + std::string(16, ']')).mistakes, IsEmpty());
}

TEST(Source, AHugeFileIsReadToTheEnd) {
  EXPECT_EQ(parse(std::string(limits::kPolicySourceBytes + 1, 'a')).mistakes.size(), 1u);
  std::string many = "a: [";
  for (std::size_t i = 0; i < limits::kPolicySourceNodes; ++i) many += "1,";
  EXPECT_THAT(parse(many + "]").mistakes, ElementsAre("0:0 error: more than 100000 values | "));
}

TEST(Source, BinaryOrBrokenUtf8IsRead) {
  EXPECT_THAT(
      parse("a: \x01\n").mistakes,
      ElementsAre("1:4 error: byte 0x01 is not UTF-8 text | inside double quotes write it as "
                  "\\x.."));
  EXPECT_EQ(parse("a: \xff\xfe\n").mistakes.size(), 1u);
  EXPECT_THAT(parse("a: Zürich\n").mistakes, IsEmpty());
}

TEST(Source, BrokenYamlLosesItsPlace) {
  const auto parsed = parse("a: 1\nb: [1, 2\nc: 3\n");
  ASSERT_EQ(parsed.mistakes.size(), 1u);
  EXPECT_THAT(parsed.mistakes[0], testing::StartsWith("3:"));
}

TEST(Source, AnEmptyFileIsAPolicy) {
  for (const char* text : {"", "\n", "# only a comment\n"})
    EXPECT_EQ(parse(text).mistakes.size(), 1u) << text;
}

}  // namespace fleetsweep::compiler
