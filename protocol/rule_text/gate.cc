#include "protocol/rule_text/gate.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "protocol/rule_text/condition.h"
#include "protocol/rule_text/source.h"

namespace fleetsweep::rule_text {
namespace {

// Strings of the rule of which one occurs whenever the expression is true; nothing: it may be true
// without any.
using Needed = std::optional<std::set<std::size_t>>;

class GateReader {
 public:
  explicit GateReader(const YaraRule& rule) : rule_(rule) {}

  Needed any(Tokens tokens, std::size_t depth = 0) const {
    if (depth > kConditionDepth) return std::nullopt;
    std::set<std::size_t> all;
    for (const Tokens part : split(tokens, "or")) {
      const Needed needed = every(part, depth);
      if (!needed) return std::nullopt;
      all.insert(needed->begin(), needed->end());
    }
    return all;
  }

 private:
  Needed every(Tokens tokens, std::size_t depth) const {
    Needed best;
    for (const Tokens part : split(tokens, "and")) {
      const Needed needed = one(part, depth);
      if (needed && (!best || needed->size() < best->size())) best = needed;
    }
    return best;
  }

  Needed one(Tokens tokens, std::size_t depth) const {
    if (tokens.empty() || has_operator(tokens)) return std::nullopt;
    if (const Tokens inner = enclosed(tokens); !inner.empty()) return any(inner, depth + 1);
    if (tokens.front().front() == '$' && tokens.front().size() > 1)
      return tokens.size() == 1 || tokens[1] == "at" || tokens[1] == "in"
                 ? any_of(strings({&tokens.front(), 1}))
                 : std::nullopt;
    if (tokens.size() < 3 || tokens[1] != "of" || !at_least_one(tokens[0])) return std::nullopt;
    Needed named;
    if (tokens[2] == "them") {
      named = all_strings();
    } else if (tokens[2] == "(") {
      const std::size_t end = closing(tokens.subspan(2));
      if (end > 0) named = strings(tokens.subspan(3, end - 1));
    }
    return tokens[0] == "all" ? one_of(named) : any_of(named);
  }

  static bool at_least_one(const std::string& word) {
    if (word == "any" || word == "all") return true;
    unsigned number = 0;
    const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
    return parsed.ec == std::errc() && parsed.ptr == word.data() + word.size() && number >= 1;
  }

  // Comparison makes a truth of something else.
  static bool has_operator(Tokens tokens) {
    int depth = 0;
    for (const std::string& token : tokens) {
      if (token == "(" || token == "[") ++depth;
      if (token == ")" || token == "]") --depth;
      if (depth == 0 && (token == "=" || token == "!" || token == "<" || token == ">" ||
                         token == "%" || token == "not" || token == "defined"))
        return true;
    }
    return false;
  }

  // Each of them may be the one that occurs: of all something has to be known.
  Needed any_of(Needed named) const {
    if (named)
      for (const std::size_t i : *named)
        if (rule_.strings[i].literals.empty()) return std::nullopt;
    return named;
  }
  // All occur: one is enough, and the longest is the rarest.
  Needed one_of(const Needed& named) const {
    Needed best;
    if (!named) return best;
    std::size_t longest = 0;
    for (const std::size_t i : *named) {
      const auto& literals = rule_.strings[i].literals;
      if (literals.empty() || literals.front().bytes.size() <= longest) continue;
      longest = literals.front().bytes.size();
      best = {i};
    }
    return best;
  }

  Needed all_strings() const {
    std::set<std::size_t> result;
    for (std::size_t i = 0; i < rule_.strings.size(); ++i) result.insert(i);
    return result;
  }

  // "$a", "$b*" separated by commas.
  Needed strings(Tokens names) const {
    std::set<std::size_t> result;
    for (const std::string& wanted : names) {
      if (wanted == ",") continue;
      if (wanted.front() != '$') return std::nullopt;
      const bool prefix = wanted.back() == '*';
      const std::string_view stem(wanted.data(), wanted.size() - (prefix ? 1 : 0));
      bool found = false;
      for (std::size_t i = 0; i < rule_.strings.size(); ++i) {
        const YaraString& string = rule_.strings[i];
        if (prefix ? !string.id.starts_with(stem) : string.id != wanted) continue;
        found = true;
        result.insert(i);
      }
      if (!found) return std::nullopt;
    }
    if (result.empty()) return std::nullopt;
    return result;
  }

  const YaraRule& rule_;
};

}  // namespace

Gate gate_of(std::string_view source) {
  const auto rules = read_yara(source, kGateBytes);
  if (!rules) return {};
  Gate gate{.open = false};
  for (const YaraRule& rule : *rules) {
    const Needed needed = GateReader(rule).any(rule.condition);
    if (!needed) return {};
    for (const std::size_t index : *needed)
      for (Literal literal : rule.strings[index].literals) {
        literal.bytes.resize(std::min(literal.bytes.size(), kGateBytesMax));
        if (std::find(gate.literals.begin(), gate.literals.end(), literal) == gate.literals.end())
          gate.literals.push_back(std::move(literal));
      }
  }
  if (gate.literals.empty()) return {};
  return gate;
}

}  // namespace fleetsweep::rule_text
