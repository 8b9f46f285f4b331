#include "policies/compiler/yara_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::compiler {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> problems(std::string_view source) {
  std::vector<std::string> lines;
  for (const auto& p : yara_text_problems(source))
    lines.push_back(std::to_string(p.line) + (p.warning ? " warning: " : " error: ") + p.message);
  return lines;
}

std::string strings(std::string_view definition) {
  return "rule r { strings:\n" + std::string(definition) + "\ncondition: any of them }";
}

TEST(YaraText, AnImportThatReadsTheFileAgainIsAllowed) {
  EXPECT_THAT(problems("import \"pe\"\nimport \"hash\"\nrule r { condition: true }"),
              ElementsAre("2 error: the YARA module 'hash' is not allowed"));
  for (const char* module : {"dotnet", "dex", "macho", "console"})
    EXPECT_EQ(problems("import \"" + std::string(module) + "\"").size(), 1u) << module;
}

TEST(YaraText, AnImportInACommentOrStringCounts) {
  EXPECT_THAT(
      problems(
          "// import \"hash\"\n/* import \"dex\" */\nrule r { condition: filename == \"hash\" }"),
      IsEmpty());
}

TEST(YaraText, AStringWithoutFourFixedBytesIsSilentlySlow) {
  for (const char* definition :
       {"$a = \"abc\"", "$a = \"A\" wide", "$a = { 41 42 ?? 43 44 [2-4] 45 }",
        "$a = { 41 42 43 ( 44 45 | 46 47 ) 48 }", "$a = /ab[cd]ef?gh/", "$a = /abcd*/",
        "$a = /(wget|curl) ht/", "$a = /wget|curl/", "$a = \"evilmark\" xor"})
    EXPECT_THAT(problems(strings(definition)),
                ElementsAre("2 warning: the YARA string $a has no 4 fixed bytes in a row"))
        << definition;
}

TEST(YaraText, AGoodStringIsComplainedAbout) {
  EXPECT_THAT(
      problems(strings("$a = \"abcd\" // short: \"ab\"\n$b = { 41 42 43 44 4? }\n$c = "
                       "/id=[0-9a-f]{8};/ $d = /(wget|curl) x\\/\\x41y+/ $e = \"ab\" wide")),
      ElementsAre("4 warning: the YARA string $c has no 4 fixed bytes in a row"));
  for (const char* condition : {"all of them", "$a and $b"})
    EXPECT_THAT(problems(std::string("rule r { strings: $a = \"abcd\" $b = \"xy\" condition: ") +
                         condition + " }"),
                IsEmpty())
        << "the other one tells";
}

TEST(YaraText, ARuleThatIsTrueOfAnyFileIsASign) {
  const auto needs = [](const std::string& condition) {
    const std::string source =
        "rule r { strings: $a = \"evil\" $b = /x{2}/ private condition: " + condition +
        " }\nrule s { condition: true }";
    const auto rules = yara_rule_texts(source);
    EXPECT_EQ(rules.size(), 2u) << condition;
    EXPECT_FALSE(rules.back().is_private) << "a string was";
    return rules.at(0).needs_content;
  };
  for (const char* condition :
       {"true", "filesize < 4MB", "uint32(0) == 0x464c457f", "uint16be(0) != 5 and filesize > 1KB",
        "$a or true", "not $a", "0 of them", "none of ($a, $b)",
        "filesize < 1MB and (($a and $b) or (true))", "filesize > 0 // $a\n"})
    EXPECT_FALSE(needs(condition)) << condition;
  for (const char* condition :
       {"$a", "any of them", "all of ($a*)", "#a > 2", "filesize < 4MB and $a",
        "uint32(0) == 0x464c457f and (any of them)", "uint32(uint32(0x3c)) == 0x4550",
        "uint8(4) == 2", "pe.is_dll()", "filename matches /x{3}/", "not $a and $b",
        "for any i in (1..#a) : (@a[i] < 9)", "($a or $b) and true", "@a < 100"})
    EXPECT_TRUE(needs(condition)) << condition;
}

TEST(YaraText, ARuleThatIsTrueOfAKindOfFileIsASign) {
  const auto needs = [](const std::string& string, const std::string& condition) {
    const auto rules = yara_rule_texts(
        "rule o { strings: $m = \"something else\" condition: $m }\nrule r { strings: $m = " +
        string + " $b = \"evil\" condition: " + condition + " }");
    return rules.at(1).needs_content;
  };
  for (const char* mark : {"{7F 45 4C 46}", "{ 7f 45 4c 46 [4-8] 01 ?? 0? }", "\"#!/bin/\"",
                           "\"MZ\\x90\\x00\\\"\\\\\\x01\""}) {
    for (const char* condition : {"$m at 0", "($m at 0x0) and filesize < 4MB", "$m at 0 or $b"})
      EXPECT_FALSE(needs(mark, condition)) << mark << condition;
    for (const char* condition : {"$m", "$m at 4", "$m at 0 and $b", "$b at filesize - 4"})
      EXPECT_TRUE(needs(mark, condition)) << mark << condition;
  }
  for (const char* long_enough :
       {"{7F 45 4C 46 [4-200] 63 72 79 70}", "\"X5O!P%@A\"", "/#!.*evil/"})
    EXPECT_TRUE(needs(long_enough, "$m at 0")) << long_enough;
  for (const char* condition : {"#b == 0", "#b < 3", "#b <= 3 and filesize < 4MB", "(#b == 0x0)"})
    EXPECT_FALSE(needs("\"x\"", condition)) << condition;
  for (const char* condition : {"#b == 2", "#b > 0", "#b >= 1", "#b < 3 and $b"})
    EXPECT_TRUE(needs("\"x\"", condition)) << condition;
}

TEST(YaraText, APrivateRuleHidesThatARuleIsTrueOfAnyFile) {
  const auto rules = yara_rule_texts(
      "private global rule elf { condition: uint32(0) == 0x464c457f }\n"
      "rule one : tag { meta: condition = \"x\" condition: elf }\n"
      "rule two { strings: $a = \"evil\" condition: elf and $a }");
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_TRUE(rules[0].is_private);
  EXPECT_FALSE(rules[1].is_private);
  EXPECT_EQ(rules[1].name, "one");
  EXPECT_EQ(rules[1].line, 2u);
  EXPECT_FALSE(rules[1].needs_content);
  EXPECT_TRUE(rules[2].needs_content);
}

TEST(YaraText, BrokenTextHangsOrCrashesTheLexer) {
  for (const char* text : {"", "$", "$a", "$a =", "$a = \"", "$a = {", "$a = { 4", "$a = /",
                           "$a = /\\", "/*", "import", "import \"", "$a = { [", "\"\\", "rule",
                           "rule r { condition:", "condition: (((", "condition: $ # @ !"})
    problems(text), yara_rule_texts(text);
}

}  // namespace fleetsweep::compiler
