#include "agent/scan/rule_set.h"

#include <gtest/gtest.h>

namespace fleetsweep::scan {
namespace {

// Two rules with a literal each, and one that may be true of any content.
RuleSet three_rules() {
  model::Policy policy;
  policy.rules = {{.id = "one", .source = "rule A { strings: $a = \"evilmark\" condition: $a }"},
                  {.id = "two", .source = "rule B { strings: $b = \"othermark\" condition: $b }"},
                  {.id = "any", .source = "rule C { condition: filesize < 10 }"}};
  auto rules = RuleSet::compile(policy);
  EXPECT_TRUE(rules) << rules.error().message;
  return std::move(*rules);
}

std::vector<bool> shown_of(std::string_view content, const std::vector<std::uint16_t>& asked) {
  const YaraLibrary library;
  const RuleSet rules = three_rules();
  auto search = rules.begin_search(asked);
  rules.search(search, as_bytes(content));
  return search.may_match;
}

TEST(RuleSet, YaraSeesNoContentWithoutALiteralOfTheRule) {
  EXPECT_EQ(shown_of("nothing of them", {0, 1}), (std::vector{false, false, false}));
  EXPECT_EQ(shown_of("an othermark in it", {0, 1}), (std::vector{false, true, false}));
  EXPECT_EQ(shown_of("othermark, evilmark", {0, 1}), (std::vector{true, true, false}));
}

TEST(RuleSet, ARuleWithoutAGateSeesAll) {
  EXPECT_EQ(shown_of("nothing of them", {0, 1, 2}), (std::vector{false, false, true}));
}

TEST(RuleSet, ARuleThatIsNotAskedStaysClosed) {
  EXPECT_EQ(shown_of("othermark, evilmark", {0}), (std::vector{true, false, false}));
}

}  // namespace
}  // namespace fleetsweep::scan
