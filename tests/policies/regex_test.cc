#include "policies/compiler/regex.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"

namespace fleetsweep::compiler {

std::string complaint(std::string_view pattern) {
  const auto problem = check_regex(pattern, true);
  return problem ? problem->message : std::string();
}

TEST(Regex, StatesOfCountedRepeatsAreNotCounted) {
  EXPECT_EQ(regex_states("abc"), 3u);
  EXPECT_EQ(regex_states("[a-z]{3,15}"), 15u);
  EXPECT_EQ(regex_states("(ab|cd){10}"), 40u);
  EXPECT_EQ(regex_states("(\\d{1,3}){3}x"), 10u);
  EXPECT_EQ(regex_states("a{,3}"), 5u) << "PCRE takes these braces literally";
  EXPECT_GT(regex_states("((((a{99}){99}){99}){99}){99}"), limits::kRegexStates);
}

TEST(Regex, UnbalancedTextHangsTheCounter) {
  for (const char* pattern :
       {"", ")", "(((", "[", "[^]", "\\", "a{", "{{{{", "a{1,", "(?", "x)y)z"})
    EXPECT_LE(regex_states(pattern), 16u) << pattern;
  EXPECT_GT(regex_states(std::string(500, '(') + "a{3}"), limits::kRegexStates);
}

TEST(Regex, LookaroundAndBackreferencesSlipIn) {
  EXPECT_EQ(complaint("(?!exe)"), "negative lookahead ((?!) has no bounded time");
  EXPECT_EQ(complaint("a(?=b)"), "lookahead ((?=) has no bounded time");
  EXPECT_EQ(complaint("(?<!a)b"), "negative lookbehind ((?<!) has no bounded time");
  EXPECT_EQ(complaint("(a)\\1"), "a backreference (\\1) has no bounded time");
  EXPECT_EQ(complaint("\\\\1"), "") << "an escaped backslash before a digit is fine";
}

TEST(Regex, APatternOfTooManyStatesIsCompiled) {
  EXPECT_EQ(complaint("a{501}"), "the regular expression needs about 501 states; at most 500");
  EXPECT_EQ(complaint("a{500}"), "");
}

TEST(Regex, APatternThatMatchesEverythingIsTaken) {
  EXPECT_EQ(complaint("a*"), "the regular expression also matches empty text");
}

TEST(Regex, HyperscansOwnComplaintIsLost) {
  EXPECT_NE(complaint("a(b").find("not a regular expression that runs in bounded time"),
            std::string::npos);
}

TEST(Regex, TemplatesAreReadAsRegex) {
  EXPECT_EQ(complaint("(^| ){{content.file.path}}( |$)"), "");
}

}  // namespace fleetsweep::compiler
