#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "agent/scan/literal/literal_set.h"
#include "agent/scan/literal/regex_set.h"

namespace fleetsweep::scan {
namespace {

bool any(const std::string& pattern, std::string_view text, bool cased = false) {
  auto set = RegexSet::compile({pattern}, cased);
  EXPECT_TRUE(set.has_value()) << set.error().message;
  return set->any(text);
}

TEST(RegexSet, FindsAnywhereUnlessAnchored) {
  EXPECT_TRUE(any("wget.*sh$", "x; wget http://a/b.sh"));
  EXPECT_FALSE(any("^wget", "x; wget"));
}

TEST(RegexSet, CaseCountsOnlyWhenAsked) {
  EXPECT_TRUE(any("kinsing", "KinSing"));
  EXPECT_FALSE(any("kinsing", "KinSing", true));
}

TEST(RegexSet, AQuotedTextMatchesItselfAndNothingElse) {
  const std::string text = "a.b*c(1)[x]\\ \xff\n{2}";
  EXPECT_TRUE(any("^" + RegexSet::quoted(text) + "$", text, true));
  EXPECT_FALSE(any("^" + RegexSet::quoted("a.b") + "$", "axb"));
  for (int c = 1; c < 256; ++c) {
    const std::string own(1, static_cast<char>(c)), next(1, static_cast<char>(c + 1));
    for (const std::string& pattern :
         {"^" + RegexSet::quoted(own) + "$", "^[" + RegexSet::quoted(own) + "]$"}) {
      EXPECT_TRUE(any(pattern, own, true)) << c;
      EXPECT_FALSE(any(pattern, next, true)) << c;
    }
  }
}

TEST(RegexSet, LookaroundAndBackreferencesAreRefusedWithTheirPattern) {
  for (const char* pattern : {"(?!x)y", "(a)\\1", "["}) {
    const auto set = RegexSet::compile({"fine", pattern}, true);
    ASSERT_FALSE(set.has_value()) << pattern;
    EXPECT_NE(set.error().message.find(escaped(pattern)), std::string::npos) << set.error().message;
  }
}

TEST(RegexSet, ATextMadeToHurtTakesLinearTime) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(any("(a+)+b$", std::string(200000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(RegexSet, AllMeansEveryPattern) {
  auto set = RegexSet::compile({"curl", "sh"}, false);
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->all("curl | sh; sh"));
  EXPECT_FALSE(set->all("sh sh sh"));
}

TEST(LiteralSet, SaysWhichLiteralsOccurUntilItIsEnough) {
  const auto set =
      LiteralSet::compile({{"absent", true}, {"Second", false}, {"third", true}, {"second", true}});
  ASSERT_TRUE(set.has_value());
  const auto found = [&](std::string_view text, std::size_t enough) {
    std::set<std::size_t> which;
    set->find(as_bytes(text), [&](std::size_t literal) {
      which.insert(literal);
      return which.size() == enough;
    });
    return which;
  };
  EXPECT_EQ(found("a THIRD second, second third", 9), (std::set<std::size_t>{1, 2, 3}));
  EXPECT_EQ(found("third third second", 1), std::set<std::size_t>{2});
}

TEST(LiteralSet, BytesWithZerosAreFound) {
  auto set = LiteralSet::compile({{std::string("a\0b\0c\0", 6), true}, {"EvilEvil", false}});
  ASSERT_TRUE(set.has_value());
  EXPECT_TRUE(set->occurs_in(as_bytes(std::string_view("xxa\0b\0c\0yy", 10))));
  EXPECT_TRUE(set->occurs_in(as_bytes("__eVILevil__")));
  EXPECT_FALSE(set->occurs_in(as_bytes("__evil_evil__")));
  EXPECT_FALSE(set->occurs_in({}));
}

}  // namespace
}  // namespace fleetsweep::scan
