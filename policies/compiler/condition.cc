#include "policies/compiler/condition.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

using model::Condition;

constexpr std::size_t kConditionBytes = 4096;
constexpr std::size_t kNesting = 32;  // of the text; the tree below is bounded by limits.h

std::size_t tree_depth(const Condition& condition) {
  std::size_t deepest = 0;
  for (const auto& child : condition.children) deepest = std::max(deepest, tree_depth(child));
  return deepest + 1;
}

// or := and ('or' and)*;  and := not ('and' not)*;  not := 'not' not | '(' or ')' | N of ... | name
class Parser {
 public:
  Parser(const Node& node, Draft& draft) : node_(node), text_(node.text), draft_(draft) { next(); }

  std::optional<Condition> parse() {
    auto result = either(1);
    if (result && !token_.empty())
      return wrong(fmt::format("'{}' is not expected here", shown(token_)),
                   "join two conditions with 'and' or 'or'");
    if (is_unknown_) return std::nullopt;
    return result;
  }

 private:
  void next() {
    at_ += token_.size();
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t'))
      ++at_;
    const auto end = text_.find_first_of(" \t\n(),", at_);
    const auto length = end == at_ ? 1 : (end == std::string_view::npos ? text_.size() : end) - at_;
    token_ = text_.substr(std::min(at_, text_.size()), length);
  }

  std::nullopt_t wrong(std::string message, std::string hint = {}) {
    draft_.sink.error(node_.inside(at_), std::move(message), std::move(hint));
    return std::nullopt;
  }

  std::optional<Condition> either(std::size_t depth) {
    return chain(depth, "or", Condition::Kind::kOr);
  }

  std::optional<Condition> chain(std::size_t depth, std::string_view word, Condition::Kind kind) {
    if (depth > kNesting) return wrong("too many parentheses");
    Condition all{.kind = kind};
    do {
      if (!all.children.empty()) next();
      auto child =
          kind == Condition::Kind::kOr ? chain(depth, "and", Condition::Kind::kAnd) : factor(depth);
      if (!child) return std::nullopt;
      all.children.push_back(std::move(*child));
    } while (token_ == word);
    if (all.children.size() > limits::kConditionChildren)
      return wrong(
          fmt::format("more than {} parts joined by '{}'", limits::kConditionChildren, word),
          "such as 1 of sel_*, or several verdicts");
    if (all.children.size() == 1) {
      Condition only = std::move(all.children[0]);
      return only;
    }
    return all;
  }

  std::optional<Condition> factor(std::size_t depth) {
    if (token_.empty())
      return wrong("the condition ends too early", "a detection's name, or 1 of ...");
    if (token_ == "not") {
      next();
      if (depth >= kNesting) return wrong("too many 'not'");
      auto child = factor(depth + 1);
      if (!child) return std::nullopt;
      Condition negated{.kind = Condition::Kind::kNot};
      negated.children.push_back(std::move(*child));
      return negated;
    }
    if (token_ == "(") {
      next();
      auto inside = either(depth + 1);
      if (!inside) return std::nullopt;
      if (token_ != ")") return wrong("a ')' is missing");
      next();
      return inside;
    }
    const bool digits = token_.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits || token_ == "all") return at_least();
    return one(1);
  }

  std::optional<Condition> one(std::uint16_t count) {
    auto names = pattern();
    if (!names) return std::nullopt;
    return Condition{.kind = Condition::Kind::kAtLeast, .count = count, .detections = *names};
  }

  // `2 of sel_*`, `all of (a, b*)`, `1 of them`
  std::optional<Condition> at_least() {
    const auto begin = at_;
    const bool all = token_ == "all";
    const auto count = parse_whole(token_);
    next();
    if (token_ != "of") return wrong(fmt::format("'of' is missing"), "such as 1 of sel_*");
    next();
    std::set<std::uint16_t> names;
    const bool list = token_ == "(";
    if (list) next();
    do {
      if (list && token_ == ",") next();
      auto some = token_ == "them" ? everything() : pattern();
      if (!some) return std::nullopt;
      names.insert(some->begin(), some->end());
    } while (list && token_ == ",");
    if (list) {
      if (token_ != ")") return wrong("a ')' is missing");
      next();
    }
    const auto most = static_cast<std::int64_t>(names.size());
    if (!all && !is_unknown_ && (!count || *count < 1 || *count > most)) {
      at_ = begin;
      token_ = {};
      return wrong(fmt::format("the number before 'of' is 1 to {} here", most),
                   "it counts detections that have a finding");
    }
    Condition condition{.kind = Condition::Kind::kAtLeast};
    condition.count = static_cast<std::uint16_t>(all ? most : count.value_or(0));
    condition.detections.assign(names.begin(), names.end());
    return condition;
  }

  std::optional<std::vector<std::uint16_t>> everything() {
    next();
    std::vector<std::uint16_t> indices(draft_.policy.detections.size());
    std::iota(indices.begin(), indices.end(), std::uint16_t{0});
    return indices;
  }

  std::optional<std::vector<std::uint16_t>> pattern() {
    auto indices = expand_pattern(token_, draft_);
    if (indices.empty()) {
      if (token_.empty() || token_ == ")" || token_ == "," || token_ == "(")
        return wrong("the name of a detection is missing");
      is_unknown_ = true;
      if (token_.ends_with('*'))
        wrong(fmt::format("no detection begins with '{}'",
                          shown(token_.substr(0, token_.size() - 1))),
              "known are " + listed(draft_.detection_names()));
      else
        wrong(fmt::format("no detection '{}'", shown(token_)),
              name_hint(token_, draft_.detection_names()));
    }
    next();
    return indices;
  }

  const Node& node_;
  std::string_view text_;
  Draft& draft_;
  std::size_t at_ = 0;
  std::string_view token_;
  bool is_unknown_ = false;  // a name, already told: the others may be wrong, too
};

void collect(const Condition& condition, bool negated_too, std::set<std::uint16_t>& names) {
  if (condition.kind == Condition::Kind::kNot && !negated_too) return;
  names.insert(condition.detections.begin(), condition.detections.end());
  for (const auto& child : condition.children) collect(child, negated_too, names);
}

}  // namespace

std::optional<Condition> read_condition(const Node& node, Draft& draft) {
  if (!read_text(node, "'condition'", draft.sink)) return std::nullopt;
  if (node.text.size() > kConditionBytes) {
    draft.sink.error(node.at,
                     fmt::format("the condition is longer than {} bytes", kConditionBytes));
    return std::nullopt;
  }
  auto condition = Parser(node, draft).parse();
  if (condition && tree_depth(*condition) > limits::kConditionDepth) {
    draft.sink.error(
        node.at, fmt::format("the condition nests deeper than {} levels", limits::kConditionDepth),
        "split it into several verdicts");
    return std::nullopt;
  }
  return condition;
}

bool holds(const Condition& condition, const std::vector<bool>& found) {
  const auto& children = condition.children;
  const auto child_holds = [&](const Condition& child) { return holds(child, found); };
  switch (condition.kind) {
    case Condition::Kind::kAnd:
      return std::all_of(children.begin(), children.end(), child_holds);
    case Condition::Kind::kOr:
      return std::any_of(children.begin(), children.end(), child_holds);
    case Condition::Kind::kNot:
      return !holds(children.at(0), found);
    case Condition::Kind::kAtLeast:
      break;
  }
  const auto hits = std::count_if(condition.detections.begin(), condition.detections.end(),
                                  [&](std::uint16_t d) { return found.at(d); });
  return hits >= condition.count;
}

std::string to_text(const Condition& condition, const model::Policy& policy,
                    std::string (*shown_as)(std::string_view)) {
  if (condition.kind == Condition::Kind::kAtLeast) {
    std::string names;
    for (const auto d : condition.detections)
      names += (names.empty() ? "" : ", ") + shown_as(policy.detections.at(d).id);
    if (condition.detections.size() == 1) return names;
    const bool all = condition.count == condition.detections.size();
    return (all ? std::string("all") : fmt::format("at least {}", condition.count)) + " of (" +
           names + ")";
  }
  if (condition.kind == Condition::Kind::kNot)
    return "not " + to_text(condition.children.at(0), policy, shown_as);
  const bool is_and = condition.kind == Condition::Kind::kAnd;
  std::string text;
  for (const auto& child : condition.children) {
    const bool nested = child.kind == Condition::Kind::kOr || child.kind == Condition::Kind::kAnd;
    if (!text.empty()) text += is_and ? " and " : " or ";
    text +=
        nested ? "(" + to_text(child, policy, shown_as) + ")" : to_text(child, policy, shown_as);
  }
  return text;
}

std::vector<std::uint16_t> named_in(const Condition& condition) {
  std::set<std::uint16_t> names;
  collect(condition, true, names);
  return {names.begin(), names.end()};
}

std::vector<std::uint16_t> evidence_of(const Condition& condition) {
  std::set<std::uint16_t> names;
  collect(condition, false, names);
  return {names.begin(), names.end()};
}

}  // namespace fleetsweep::compiler
