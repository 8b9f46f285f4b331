#include "protocol/rule_text/gate.h"

#include <gtest/gtest.h>

#include "agent/scan/literal/literal_set.h"
#include "agent/scan/yara/yara_rules.h"
#include "protocol/base/prng.h"

namespace fleetsweep::scan {
namespace {

using namespace rule_text;

std::string rule(const std::string& strings, const std::string& condition) {
  return "rule R { strings: " + strings + " condition: " + condition + " }";
}

TEST(Gate, ATextIsItsOwnLiteral) {
  const Gate gate = gate_of(rule("$a = \"evil\\x00mark\\\"s\"", "$a"));
  ASSERT_FALSE(gate.open);
  EXPECT_EQ(gate.literals, (std::vector<Literal>{{std::string("evil\0mark\"s", 11), true}}));
}

TEST(Gate, WideAndCaseAreKept) {
  const Gate gate = gate_of(rule("$a = \"evil01\" wide ascii nocase fullword", "any of them"));
  ASSERT_FALSE(gate.open);
  ASSERT_EQ(gate.literals.size(), 2u);
  EXPECT_FALSE(gate.literals[0].cased);
  EXPECT_EQ(gate.literals[1].bytes, std::string("e\0v\0i\0l\0"
                                                "0\0"
                                                "1\0",
                                                12));
}

TEST(Gate, TheLongestFixedRunOfAHexStringCounts) {
  const Gate gate =
      gate_of(rule("$a = { 41 42 ?? 43 44 45 46 47 48 [2-4] ( 49 | 4A ) 4? 50 }", "$a at 0"));
  ASSERT_FALSE(gate.open);
  EXPECT_EQ(gate.literals, (std::vector<Literal>{{"CDEFGH", true}}));
}

TEST(Gate, OptionalCharactersOfAPatternAreNotFixed) {
  const Gate gate = gate_of(rule("$a = /abcdefgx?http:\\/\\/[a-z]+\\.example/i", "$a"));
  ASSERT_FALSE(gate.open);
  EXPECT_EQ(gate.literals, (std::vector<Literal>{{".example", false}}));
}

TEST(Gate, AnAndNeedsOnlyItsBestHalf) {
  EXPECT_FALSE(
      gate_of(rule("$a = \"evilmark\"", "uint16(0) == 0x5a4d and filesize < 5MB and $a")).open);
  EXPECT_FALSE(gate_of(rule("$a = \"evilmark\" $b = \"othermark\"", "($a or $b) and not $b")).open);
}

TEST(Gate, WhatCanBeTrueWithoutAStringIsOpen) {
  for (const char* condition : {"filesize < 10",
                                "$a or filesize < 10",
                                "not $a",
                                "#a > 0",
                                "none of them",
                                "$a or $short",
                                "for any of them : ( $ at 0 )",
                                "0 of them",
                                "1 of ($short, $a)",
                                "pe.is_dll() or $a",
                                "!a[1] > 2",
                                "@a > 0",
                                "all of ($nothing*)",
                                "$a at 0 or true",
                                "not ($a and $short)",
                                "50% of them",
                                "$a in (0..10) or x",
                                "Other",
                                "any of (Other*)",
                                "defined $a"})
    EXPECT_TRUE(gate_of(rule("$a = \"evilmark\" $short = \"abc\"", condition)).open) << condition;
}

TEST(Gate, AShortStringOpensARuleThatNeedsAllOfThem) {
  const std::string two = "$a = \"evilmark\" $short = \"abc\"";
  for (const char* condition :
       {"all of them", "all of ($short, $a)", "all of them and filesize < 9"})
    EXPECT_EQ(gate_of(rule(two, condition)).literals, (std::vector<Literal>{{"evilmark", true}}))
        << condition;
  EXPECT_TRUE(gate_of(rule(two, "all of ($short*)")).open);
}

TEST(Gate, EncodedStringsHaveNoLiteral) {
  for (const char* modifier : {"xor", "xor(1-255)", "base64", "base64wide"})
    EXPECT_TRUE(gate_of(rule(std::string("$a = \"evilmark\" ") + modifier, "$a")).open) << modifier;
}

TEST(Gate, OneOpenRuleOpensTheWholeSet) {
  EXPECT_TRUE(
      gate_of(rule("$a = \"evilmark\"", "$a") + " rule S { condition: filesize == 3 }").open);
}

TEST(Gate, CommentsAndMetaAreNotTakenForStrings) {
  const Gate gate = gate_of(
      "import \"pe\"\n/* $x = \"nothing\" } */ private rule A : tag1 tag2 { // \"}\n meta: author "
      "= "
      "\"a } \\\" b\" n = -5 ok = true strings: $ = \"anonymous\" condition: any of them }");
  ASSERT_FALSE(gate.open);
  EXPECT_EQ(gate.literals, (std::vector<Literal>{{"anonymous", true}}));
}

TEST(Gate, SourceThatIsNotUnderstoodIsOpen) {
  for (const char* source : {"", "rule", "rule A {", "rule A { condition: filename matches /a}b/ }",
                             "rule A { strings: $a = \"x condition: $a }", "/* rule"})
    EXPECT_TRUE(gate_of(source).open) << source;
}

// Whatever YARA finds, the gate let through: random rules over a small alphabet, random files.
TEST(Gate, NeverStopsAFileThatYaraWouldMatch) {
  const YaraLibrary library;
  Prng random(20261123);
  const auto text = [&](std::size_t length) {
    std::string result;
    for (std::size_t i = 0; i < length; ++i) result += static_cast<char>('a' + random.below(2));
    return result;
  };
  const auto string = [&]() -> std::string {
    const std::string plain = text(3 + random.below(6));
    switch (random.below(9)) {
      case 7:
        return "/" + text(2) + "(" + text(3) + "|" + text(1 + random.below(3)) + "b?)?" + text(5) +
               "/";
      case 8:
        return "/" + text(5) + "|(" + text(3) + "[a|]){1,2}" + text(6) + "/";
      case 0:
        return "\"" + plain + "\" nocase";
      case 1:
        return "\"" + plain + "\" wide ascii";
      case 2:
        return "\"" + plain + "\" xor(1-3)";
      case 3:
        return "/" + plain + "b?" + text(4) + "a{1,2}" + text(6) + "/";
      case 4:
        return "/" + text(2) + "[ab]+" + text(6) + "/i";
      case 5:
        return "{ " + to_hex(as_bytes(plain)) + " ?? " + to_hex(as_bytes(text(6))) + " [0-2] 61 }";
      default:
        return "\"" + plain + "\"";
    }
  };
  const char* conditions[] = {"$a and $b",
                              "$a or $b",
                              "$a and not $b",
                              "2 of them",
                              "any of ($a*) and $c",
                              "($a or $b) and ($c or filesize < 40)",
                              "all of them or ($a and #b > 1)",
                              "all of ($a, $b)",
                              "$a in (0..20) or $b at 3",
                              "not ($a or $b) or $c"};
  int gated = 0, matched = 0;
  for (int round = 0; round < 300; ++round) {
    const std::string source =
        rule("$a = " + string() + " $b = " + string() + " $c = " + string(),
             "(" + std::string(conditions[random.below(std::size(conditions))]) +
                 // YARA wants each string named.
                 ") and ($a or $b or $c or true)");
    auto rules = YaraRules::compile(source);
    ASSERT_TRUE(rules.has_value()) << source << rules.error().message;
    const Gate gate = gate_of(source);
    std::optional<LiteralSet> literals;
    if (!gate.open) {
      auto set = LiteralSet::compile(gate.literals);
      ASSERT_TRUE(set.has_value());
      literals = std::move(*set);
      ++gated;
    }
    for (int i = 0; i < 20; ++i) {
      const std::string content = text(random.below(200));
      const auto matches = rules->scan(as_bytes(content), {}, Seconds(10));
      ASSERT_TRUE(matches.has_value());
      if (matches->empty()) continue;
      ++matched;
      EXPECT_TRUE(!literals || literals->occurs_in(as_bytes(content))) << source << "\n" << content;
    }
  }
  // Otherwise this test would say nothing.
  EXPECT_GT(gated, 20);
  EXPECT_GT(matched, 500);
}

}  // namespace
}  // namespace fleetsweep::scan
