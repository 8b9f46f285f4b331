#include "protocol/rule_text/shape.h"

#include <gtest/gtest.h>

#include "agent/scan/yara/yara_rules.h"
#include "protocol/base/prng.h"

namespace fleetsweep::scan {
namespace {

using namespace rule_text;

constexpr std::uint64_t kAnySize = std::numeric_limits<std::uint64_t>::max();

Shape shape(const std::string& condition, const std::string& strings = "$a = \"evilmark\"") {
  return shape_of("rule R { strings: " + strings + " condition: " + condition + " }");
}
std::vector<std::string> starts(const std::string& condition,
                                const std::string& strings = "$a = \"evilmark\"") {
  return shape(condition, strings).starts;
}

TEST(Shape, APrograms) {
  const Shape elf = shape("uint32(0) == 0x464c457f and filesize < 2MB and $a");
  EXPECT_EQ(elf.starts, std::vector<std::string>{"\x7f"
                                                 "ELF"});
  EXPECT_EQ(elf.size_min, 0u);
  EXPECT_EQ(elf.size_max, 2u * 1024 * 1024 - 1);
  EXPECT_TRUE(
      elf.takes_head(as_bytes("\x7f"
                              "ELF and more")));
  EXPECT_FALSE(
      elf.takes_head(as_bytes("\x7f"
                              "EL")));
}

TEST(Shape, NumbersAreReadAsYaraReadsThem) {
  EXPECT_EQ(starts("uint16(0) == 0x5a4d"), std::vector<std::string>{"MZ"});
  EXPECT_EQ(starts("uint16be(0) == 0x4d5a"), std::vector<std::string>{"MZ"});
  EXPECT_EQ(starts("0x4d == uint8(0)"), std::vector<std::string>{"M"});
  EXPECT_EQ(starts("uint32be(0x0) == 1347093252"), std::vector<std::string>{"PK\x03\x04"});
  EXPECT_EQ(shape("filesize <= 128").size_max, 128u);
  EXPECT_EQ(shape("3KB < filesize").size_min, 3073u);
  EXPECT_EQ(shape("filesize >= 10 and filesize == 20").size_min, 20u);
}

TEST(Shape, AStringAtTheStartIsAStart) {
  EXPECT_EQ(starts("$a at 0"), std::vector<std::string>{"evilmark"});
  EXPECT_EQ(starts("$a at 0", "$a = { 4D 5A ?? 90 }"), std::vector<std::string>{"MZ"});
  EXPECT_EQ(starts("$a at 0", "$a = /#!x*[a-z]/"), std::vector<std::string>{"#!"});
  EXPECT_EQ(starts("$a at 0", "$a = \"0123456789abcdefghi\"").front().size(), kShapeStartBytes);
  for (const char* string : {"\"evil\" nocase", "\"evil\" wide", "\"evil\" ascii wide",
                             "\"evil\" xor", "{ ?? 41 }", "/[ab]c/", "/(a|b)c/", "/a|b/", "/^a/"})
    EXPECT_EQ(starts("$a at 0", std::string("$a = ") + string), std::vector<std::string>{})
        << string;
}

TEST(Shape, OfSeveralRulesOneIsEnough) {
  const Shape both = shape("(uint32(0) == 0x464c457f or uint16(0) == 0x2123) and filesize < 4MB");
  EXPECT_EQ(both.starts, (std::vector<std::string>{"\x7f"
                                                   "ELF",
                                                   "#!"}));
  EXPECT_EQ(both.head_bytes(), 4u);
  const Shape rules = shape_of(
      "rule A { condition: uint16(0) == 0x5a4d and filesize < 10 } "
      "rule B { condition: filesize < 20 and filesize > 5 }");
  EXPECT_TRUE(rules.starts.empty());
  EXPECT_EQ(rules.size_max, 19u);
}

TEST(Shape, WhatIsNotUnderstoodAsksForNothing) {
  for (const char* condition :
       {"$a", "$a or filesize < 10", "not filesize < 10", "not (filesize < 10)",
        "filesize < 10 + 5", "filesize + 1 < 10", "(filesize < 10) == false", "filesize != 10",
        "uint32(4) == 0x464c457f", "uint32(0) != 0x464c457f", "uint32(0) & 0xff == 0x7f",
        "uint32(0) == 0x464c457f or $a", "int16(0) == 0x5a4d",
        "for any of them : ( $ at 0 and filesize < 10 )", "$a at 1", "#a > 0", "-5 < filesize",
        "Other"}) {
    const Shape any = shape(condition);
    EXPECT_TRUE(any.starts.empty()) << condition;
    EXPECT_EQ(any.size_min, 0u) << condition;
    EXPECT_EQ(any.size_max, kAnySize) << condition;
  }
  EXPECT_EQ(shape_of("rule").size_max, kAnySize);
  EXPECT_EQ(shape_of("").size_max, kAnySize);
}

TEST(Shape, ARuleThatIsNeverTrueTakesNoFile) {
  EXPECT_FALSE(shape("filesize < 0").takes_size(0));
  EXPECT_FALSE(shape("filesize < 5 and filesize > 7").takes_size(6));
  EXPECT_FALSE(shape("uint8(0) == 0x100").takes_size(1));
}

// Whatever YARA finds, the shape let through: random conditions, random small files.
TEST(Shape, NeverStopsAFileThatYaraWouldMatch) {
  const YaraLibrary library;
  Prng random(20261126);
  const auto letter = [&] { return static_cast<char>('a' + random.below(2)); };
  const auto atom = [&]() -> std::string {
    const std::uint64_t small = random.below(12);
    switch (random.below(9)) {
      case 0:
        return "filesize < " + std::to_string(small);
      case 1:
        return std::to_string(small) + " <= filesize";
      case 2:
        return "filesize == " + std::to_string(small);
      case 3:
        return "uint8(0) == 0x6" + std::to_string(1 + random.below(2));
      case 4:
        return "uint16(0) == 0x6" + std::to_string(1 + random.below(2)) + "61";
      case 5:
        return "0x6162 == uint16be(0)";
      case 6:
        return "$a at 0";
      case 7:
        return "$b at 0";
      default:
        return "$a";
    }
  };
  const std::function<std::string(int)> condition = [&](int depth) -> std::string {
    if (depth == 0) return atom();
    const std::string left = condition(depth - 1), right = condition(depth - 1);
    switch (random.below(5)) {
      case 0:
        return "(" + left + " or " + right + ")";
      case 1:
        return "not (" + left + ")";
      case 2:
        return left + " or " + right;
      default:
        return left + " and " + right;
    }
  };
  int narrow = 0, matched = 0;
  for (int round = 0; round < 400; ++round) {
    const std::string source = std::string("rule R { strings: $a = \"") + letter() + letter() +
                               "\" $b = { 6" + std::to_string(1 + random.below(2)) +
                               " ?? } condition: (" + condition(2) + ") and (true or $a or $b) }";
    auto rules = YaraRules::compile(source);
    ASSERT_TRUE(rules.has_value()) << source << rules.error().message;
    const Shape shape = shape_of(source);
    if (!shape.starts.empty() || shape.size_max != kAnySize || shape.size_min != 0) ++narrow;
    for (int i = 0; i < 30; ++i) {
      std::string content(random.below(14), 'a');
      for (char& c : content) c = letter();
      const auto matches = rules->scan(as_bytes(content), {}, Seconds(10));
      ASSERT_TRUE(matches.has_value());
      if (matches->empty()) continue;
      ++matched;
      const BytesView head = as_bytes(content);
      EXPECT_TRUE(shape.takes_size(content.size()) &&
                  shape.takes_head(head.first(std::min(head.size(), shape.head_bytes()))))
          << source << "\n"
          << content;
    }
  }
  // Otherwise this test would say nothing.
  EXPECT_GT(narrow, 100);
  EXPECT_GT(matched, 500);
}

}  // namespace
}  // namespace fleetsweep::scan
