#include "agent/scan/yara/yara_rules.h"

#include <gtest/gtest.h>

namespace fleetsweep::scan {
namespace {

class YaraRulesTest : public testing::Test {
 protected:
  static std::vector<std::string> scan(const std::string& source, std::string_view text,
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
