#pragma once

// A condition of a YARA rule, as tokens, taken apart at its outermost operators.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::rule_text {

using Tokens = std::span<const std::string>;

// Deeper ones are not looked into.
inline constexpr std::size_t kConditionDepth = 64;

// At each `word` ("and", "or") outside of parentheses and brackets.
std::vector<Tokens> split(Tokens tokens, std::string_view word);
// Where the parenthesis that opens the tokens closes; 0: nowhere.
std::size_t closing(Tokens tokens);
// What stands in the parentheses that enclose all of it; empty: none do.
Tokens enclosed(Tokens tokens);

}  // namespace fleetsweep::rule_text
