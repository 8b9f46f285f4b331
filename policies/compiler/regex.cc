#include "policies/compiler/regex.h"

#include <algorithm>
#include <limits>

#include "policies/compiler/regex_check/regex_check.h"
#include "policies/compiler/template_text.h"
#include "protocol/base/limits.h"
#include "protocol/base/result.h"

namespace fleetsweep::compiler {
namespace {

constexpr std::uint64_t kMany = 1'000'000;  // saturation: far above any limit
constexpr int kNesting = 64;

// A reader of PCRE syntax that only counts. It takes anything; what is wrong is Hyperscan's to say.
class Counter {
 public:
  explicit Counter(std::string_view pattern) : text_(pattern) {}

  std::uint64_t alternatives(int depth) {
    std::uint64_t total = 0;
    while (at_ < text_.size() && text_[at_] != ')') {
      std::uint64_t one = atom(depth);
      one = repeated(one);
      total = std::min(total + one, kMany);
    }
    return total;
  }
  bool done() const { return at_ >= text_.size(); }
  void skip() { ++at_; }

 private:
  std::uint64_t atom(int depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(': {
        if (depth >= kNesting) return kMany;
        const std::uint64_t inside = alternatives(depth + 1);
        if (at_ < text_.size()) ++at_;
        return inside;
      }
      case '[':
        if (at_ < text_.size() && text_[at_] == '^') ++at_;
        if (at_ < text_.size() && text_[at_] == ']') ++at_;
        while (at_ < text_.size() && text_[at_] != ']') at_ += text_[at_] == '\\' ? 2 : 1;
        ++at_;
        return 1;
      case '\\':
        ++at_;
        return 1;
      case '|':
      case '^':
      case '$':
      case '*':
      case '+':
      case '?':
        return 0;
      default:
        return 1;
    }
  }

  bool number(std::uint64_t& value) {
    const auto begin = at_;
    for (value = 0; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      value =
          std::min<std::uint64_t>(value * 10 + static_cast<std::uint64_t>(text_[at_] - '0'), kMany);
    return at_ > begin;
  }

  std::uint64_t repeated(std::uint64_t states) {
    if (at_ >= text_.size() || text_[at_] != '{') return states;
    const auto begin = at_++;
    std::uint64_t least = 0, most = 0;
    if (number(least)) {
      most = least;
      if (at_ < text_.size() && text_[at_] == ',') {
        ++at_;
        if (!number(most)) most = least + 1;
      }
      if (at_ < text_.size() && text_[at_] == '}') {
        ++at_;
        return std::min(states * std::max<std::uint64_t>(most, 1), kMany);
      }
    }
    at_ = begin;  // a literal brace: the next atom
    return states;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Construct {
  std::string_view begin;
  std::string_view what;
  std::string_view hint;
};
constexpr std::string_view kNotHint = "write what must not match under 'not:'";
constexpr Construct kRefused[] = {
    {"(?=", "lookahead", "put the second pattern into a field of its own"},
    {"(?!", "negative lookahead", kNotHint},
    {"(?<=", "lookbehind", "match the text before as part of the pattern"},
    {"(?<!", "negative lookbehind", kNotHint},
    {"(?>", "an atomic group", "use a plain group"},
    {"(?R", "recursion", "write the repetition out"},
};

}  // namespace

std::uint64_t regex_states(std::string_view pattern) {
  Counter counter(pattern);
  std::uint64_t states = 0;
  while (!counter.done()) {
    states = std::min(states + counter.alternatives(0), kMany);
    if (!counter.done()) counter.skip();  // a `)` too many
  }
  return states;
}

bool fits_any_text(std::string_view pattern, bool cased) {
  // Two names without a common letter, number or neighbour, as file, as path and as command line.
  std::vector<std::string> texts;
  for (const char* lead : {"", "/"})
    for (const char* tail : {"", " -"})
      for (const char* word : {"aB.3-c_1", "zX.9-q_7"})
        texts.push_back(lead + std::string(word) + tail);
  const auto found = hyperscan_found(pattern, cased, texts);
  for (std::size_t i = 0; i + 1 < found.size(); i += 2)
    if (found[i] && found[i + 1]) return true;
  return false;
}

std::optional<RegexProblem> check_regex(std::string_view written, bool cased) {
  constexpr auto kUnknown = std::string_view::npos;
  if (written.size() > limits::kRegexBytes)
    return RegexProblem{kUnknown,
                        fmt::format("the regular expression has {} bytes; at most {}",
                                    written.size(), limits::kRegexBytes),
                        ""};
  const std::string pattern = fill_templates(written, "x");
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
      if (next >= '1' && next <= '9')
        return RegexProblem{i, fmt::format("a backreference (\\{}) has no bounded time", next),
                            "write the text out"};
      ++i;
      continue;
    }
    for (const auto& refused : kRefused)
      if (std::string_view(pattern).substr(i).starts_with(refused.begin))
        return RegexProblem{i,
                            fmt::format("{} ({}) has no bounded time", refused.what, refused.begin),
                            std::string(refused.hint)};
  }
  const auto states = regex_states(pattern);
  if (states > limits::kRegexStates)
    return RegexProblem{
        kUnknown,
        fmt::format("the regular expression needs about {} states; at most {}",
                    states >= kMany ? std::string("a million") : std::to_string(states),
                    limits::kRegexStates),
        "make counted repeats like {0,80} shorter, or split the alternatives"};
  if (const auto complaint = hyperscan_complaint(pattern, cased)) {
    if (complaint->find("empty buffer") != std::string::npos)
      return RegexProblem{kUnknown, "the regular expression also matches empty text",
                          "it would match everything: demand at least one character"};
    return RegexProblem{
        kUnknown, fmt::format("not a regular expression that runs in bounded time: {}", *complaint),
        "the subset of PCRE that Hyperscan takes"};
  }
  return std::nullopt;
}

}  // namespace fleetsweep::compiler
