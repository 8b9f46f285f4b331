// Random edits of valid policies: the compiler must neither crash nor waver.

#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {
namespace {

std::string mutated(std::string text, Prng& prng, const std::string& donor) {
  constexpr std::string_view kPieces[] = {
      "- ",       ": ", "{",   "}",    "[",    "]",    "'",  "\"", "#",  "{{",
      "}}",       "|",  "&a ", "*a",   "!!x",  "0",    "-1", "\n", "  ", "~",
      "*",        "(",  ")",   " of ", "not ", "null", "\t", ",",  ">-", "99999999999999999999",
      "\xc3\xa9", "\\1"};
  for (std::uint64_t edits = 1 + prng.below(2); edits > 0; --edits) {
    const std::size_t at = prng.below(text.size() + 1);
    const std::size_t length = prng.below(12);
    switch (prng.below(5)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, kPieces[prng.below(std::size(kPieces))]);
        break;
      case 2:
        text.replace(at, length, kPieces[prng.below(std::size(kPieces))]);
        break;
      case 3: {  // a whole line moves
        const std::size_t from = donor.rfind('\n', prng.below(donor.size()));
        if (from != std::string::npos)
          text.insert(std::min(text.find('\n', at), text.size()),
                      donor.substr(from, donor.find('\n', from + 1) - from));
        break;
      }
      default:
        if (at < text.size()) text[at] = static_cast<char>(prng.below(256));
    }
  }
  return text;
}

}  // namespace

TEST(Mutation, ASpoiltPolicyCrashesTheCompilerOrIsJudgedTwice) {
  Prng prng(20261123);
  const std::string base = sample_policy() +
                           "schedule: {repeat: 24h, window: {from: \"22:00\"}}\n" +
                           "safety: {mode: plan, max_per_host: {file: 3}, package_owned: report}\n";
  std::size_t compiled_well = 0;
  for (int round = 0; round < 800; ++round) {
    const auto text = mutated(base, prng, base);
    const auto first = compile(text);
    const auto second = compile(text);
    ASSERT_EQ(first.diagnostics, second.diagnostics) << text;
    ASSERT_EQ(first.policy, second.policy) << text;
    if (first.ok()) {
      ++compiled_well;
      ASSERT_TRUE(codec::decode<model::Policy>(codec::encode(first.policy))) << text;
      ASSERT_FALSE(explain(first.policy, first.defaults).empty());
    } else {
      ASSERT_EQ(first.policy, model::Policy{}) << text;
    }
    ASSERT_FALSE(lint_text(first.diagnostics, text).empty());
  }
  EXPECT_GT(compiled_well, 5u) << "the edits no longer leave anything valid: they test nothing";
}

TEST(Mutation, ASpoiltRuleCrashesTheCompiler) {
  Prng prng(7);
  for (int round = 0; round < 100; ++round) {
    const auto rule = mutated(kSampleRule, prng, kSampleRule);
    const auto sha = crypto::sha256(as_bytes(kSampleRule)).hex();
    const auto compiled = compile_with(with(sha, crypto::sha256(as_bytes(rule)).hex()), rule);
    ASSERT_EQ(compiled.ok(),
              compile_with(with(sha, crypto::sha256(as_bytes(rule)).hex()), rule).ok());
  }
}

}  // namespace fleetsweep::compiler
