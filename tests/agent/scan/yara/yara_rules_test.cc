#include "agent/scan/yara/yara_rules.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

class YaraRulesTest : public testing::Test {
 protected:
  static std::vector<std::string> scan(const std::string& source, std::string_view text,
                                       const YaraExternals& externals = {}) {
    std::vector<std::string> names;
    for (const auto& match : matches(source, text, externals)) names.push_back(match.name);
    return names;
  }
  static std::vector<model::RuleMatch> matches(const std::string& source, std::string_view text,
                                               const YaraExternals& externals = {}) {
    auto rules = YaraRules::compile(source);
    EXPECT_TRUE(rules.has_value()) << rules.error().message;
    const auto matches = rules->scan(as_bytes(text), externals, Seconds(10));
    EXPECT_TRUE(matches.has_value());
    return *matches;
  }
  YaraLibrary library_;
};

TEST_F(YaraRulesTest, MatchesAreNamed) {
  EXPECT_EQ(scan("rule A { strings: $a = \"evil\" condition: $a } rule B { condition: false }",
                 "so evil"),
            std::vector<std::string>{"A"});
}

TEST_F(YaraRulesTest, WhereAStringIsFoundFirstIsToldWithItsRule) {
  const auto found = matches(
      "rule A { strings: $b = \"evil\" $a = \"so\" $c = \"else\" $p = \"s\" private condition: any "
      "of them }",
      "so evil, so evil");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].strings, (std::vector<model::RuleMatch::String>{{"$b", 3}, {"$a", 0}}));
}

TEST_F(YaraRulesTest, AStringInALaterPartIsWhereItLiesInTheFile) {
  const auto rules = YaraRules::compile("rule A { strings: $a = \"evil\" condition: $a }");
  ASSERT_TRUE(rules.has_value());
  const YaraBlock parts[] = {{0, as_bytes("nothing")}, {1 << 20, as_bytes("x evil")}};
  const auto found = rules->scan(parts, 2 << 20, {}, Seconds(10));
  ASSERT_TRUE(found.has_value() && found->size() == 1);
  EXPECT_EQ(found->front().strings, (std::vector<model::RuleMatch::String>{{"$a", (1 << 20) + 2}}));
}

TEST_F(YaraRulesTest, OfARuleWithManyStringsTheFirstPlacesAreTold) {
  std::string strings, content;
  for (char c = 'a'; c <= 'z'; ++c) {
    strings += fmt::format("$x_{} = \"evil{}\" ", c, c);
    content += std::string("evil") + c;
  }
  const auto found = matches("rule A { strings: " + strings + " condition: any of them }", content);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].strings.size(), limits::kRuleStrings);
  EXPECT_EQ(found[0].strings.back(), (model::RuleMatch::String{"$x_p", 75}));
}

TEST_F(YaraRulesTest, APrivateRuleIsNoMatchOfItsOwn) {
  EXPECT_EQ(scan("private rule P { condition: true } rule A { condition: P }", "x"),
            std::vector<std::string>{"A"});
}

TEST_F(YaraRulesTest, TheExternalsOfRulePacksAreThere) {
  const std::string source =
      "rule A { condition: filename == \"x.so\" and filepath == \"/lib\" and extension == \".so\" "
      "and filetype == \"elf\" and owner == \"\" and md5 == \"\" }";
  EXPECT_EQ(scan(source, "x", {"x.so", "/lib", ".so", "elf", "", ""}).size(), 1u);
  EXPECT_EQ(scan(source, "x", {"y.so", "/lib", ".so", "elf", "", ""}).size(), 0u);
}

TEST_F(YaraRulesTest, IncludesAreRefused) {
  EXPECT_FALSE(YaraRules::compile("include \"/etc/passwd\"\nrule A { condition: true }"));
}

TEST_F(YaraRulesTest, AMistakeNamesItsLine) {
  const auto rules = YaraRules::compile("rule A {\n condition: $nothing }");
  ASSERT_FALSE(rules.has_value());
  EXPECT_NE(rules.error().message.find("line 2"), std::string::npos) << rules.error().message;
}

TEST_F(YaraRulesTest, ARuleThatNeverEndsIsStoppedAndIsNoMatch) {
  auto rules = YaraRules::compile(
      "rule A { condition: for all i in (0..2147483647) : (uint8(0) >= 0 and i >= 0) }");
  ASSERT_TRUE(rules.has_value()) << rules.error().message;
  const auto matches = rules->scan(as_bytes("xxxx"), {}, Seconds(1));
  ASSERT_FALSE(matches.has_value());
  EXPECT_EQ(matches.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace fleetsweep::scan
