#pragma once

// What a policy may use as `re`: the subset that runs in bounded time (Hyperscan's: no lookaround,
// no backreference) and stays small.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fleetsweep::compiler {

struct RegexProblem {
  std::size_t offset = 0;  // byte of the pattern; npos: unknown
  std::string message;
  std::string hint;
};

// Nothing if the pattern is fine. `templated` parts stand for literal text.
std::optional<RegexProblem> check_regex(std::string_view pattern, bool cased);

// Whether it says nothing: it is found in names that have nothing in common, as `.` and [a-z] are.
bool fits_any_text(std::string_view pattern, bool cased);

// How many states the pattern's automaton needs, roughly: one per character or class, counted
// repeats written out. Saturates.
std::uint64_t regex_states(std::string_view pattern);

}  // namespace fleetsweep::compiler
