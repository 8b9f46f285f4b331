#include "protocol/trust/consent.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>

#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::start;
using model::Class;
using ::testing::HasSubstr;

TEST(Consent, AFileSaysWhatTheOwnerAllows) {
  const auto consent = parse_consent(
      "# limits of this host\n"
      "max_class = contain   # no cleaning\n"
      "jurisdictions = DE, FR\r\n"
      "deny = /srv/db/\n"
      "deny = /home//x\n"
      "root = /home\n"
      "items_max = 3\n"
      "expires = 2027-01-01T00:00:00Z\n");
  ASSERT_TRUE(consent) << consent.error().message;
  EXPECT_EQ(consent->max_class, Class::kContain);
  EXPECT_EQ(consent->jurisdictions, (std::vector<std::string>{"DE", "FR"}));
  EXPECT_EQ(consent->denied, (std::vector<std::string>{"/srv/db", "/home/x"}));
  EXPECT_EQ(consent->items_max, 3u);
  EXPECT_FALSE(consent->digest.is_zero());
  EXPECT_TRUE(allows(*consent, Class::kContain, "DE", start()));
  EXPECT_FALSE(allows(*consent, Class::kClean, "DE", start()));
  EXPECT_FALSE(allows(*consent, Class::kObserve, "US", start()));
  EXPECT_FALSE(allows(*consent, Class::kObserve, "DE", *from_rfc3339("2027-01-01T00:00:00Z")));
  EXPECT_TRUE(allows_path(*consent, "/home/y"));
  EXPECT_FALSE(allows_path(*consent, "/home/x/z"));
  EXPECT_TRUE(allows_path(*consent, "/home/xy"));
  EXPECT_FALSE(allows_path(*consent, "/homes"));
  EXPECT_FALSE(allows_path(*consent, "/etc/passwd"));
}

TEST(Consent, EveryMistakeIsReportedAtOnceWithItsLine) {
  const auto consent = parse_consent(
      "max_class = all\n"
      "max_class = clean\n"
      "nonsense\n"
      "deny = srv\n"
      "root = /a/../b\n"
      "items_max = -1\n"
      "jurisdictions = de\n"
      "expires = tomorrow\n"
      "allow_everything = yes\n");
  ASSERT_FALSE(consent);
  for (const char* part :
       {"line 1: max_class 'all'", "line 2: 'max_class' stands there twice", "line 3: 'nonsense'",
        "line 4: deny 'srv'", "line 5: root '/a/../b'", "line 6: items_max '-1'",
        "line 7: jurisdiction 'de'", "line 8: expires", "line 9: unknown key 'allow_everything'"})
    EXPECT_THAT(consent.error().message, HasSubstr(part));
}

TEST(Consent, WithoutAFileNothingIsNarrowed) {
  EXPECT_TRUE(allows({}, Class::kDestroy, "", start()));
  EXPECT_TRUE(allows_path({}, "/etc/x"));
  EXPECT_EQ(*parse_consent(""), ([] {
    Consent none;
    none.digest = parse_consent("")->digest;
    return none;
  }()));
}

TEST(Consent, TheLinesOfTheOperatorsPageAreNoFile) {
  std::ifstream page(std::string(FS_SOURCE_DIR) + "/docs/operating.md");
  const std::regex row(R"(^\| `([a-z_]+ = [^`]+)` \|.*)");
  std::string text, line;
  int lines = 0;
  for (std::smatch match; std::getline(page, line);)
    if (std::regex_match(line, match, row)) text += match[1].str() + "\n", ++lines;
  const auto consent = parse_consent(text);
  ASSERT_TRUE(consent) << text << consent.error().message;
  EXPECT_EQ(lines, 6) << "every key, once";
  EXPECT_EQ(consent->max_class, Class::kContain);
  EXPECT_EQ(consent->jurisdictions.size(), 2u);
  EXPECT_FALSE(allows_path(*consent, "/srv/db/x"));
  EXPECT_TRUE(allows_path(*consent, "/home/x"));
  EXPECT_FALSE(allows_path(*consent, "/opt"));
  EXPECT_EQ(consent->items_max, 20u);
  EXPECT_TRUE(consent->expires);
}

TEST(Consent, AFileTooLargeIsRefused) {
  EXPECT_FALSE(parse_consent(std::string(limits::kConsentBytes + 1, '#')));
  EXPECT_FALSE(parse_consent(std::string(limits::kConsentLines + 1, '\n')));
}

TEST(Consent, RandomBytesAreParsedOrRefusedAndNeverAllowMore) {
  Prng prng(5);
  constexpr std::string_view kPieces[] = {"max_class", "deny", "root",  "=",  " ", "\n", "/a",
                                          "#",         "..",   "clean", "\0", ",", "DE"};
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (auto n = prng.below(20); n > 0; --n) text += kPieces[prng.below(std::size(kPieces))];
    const auto consent = parse_consent(text);
    if (!consent) continue;
    for (const auto& path : consent->denied) EXPECT_FALSE(allows_path(*consent, path)) << text;
  }
}

}  // namespace
}  // namespace fleetsweep::trust
