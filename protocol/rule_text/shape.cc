#include "protocol/rule_text/shape.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/rule_text/condition.h"
#include "protocol/rule_text/source.h"

namespace fleetsweep::rule_text {
namespace {

// Of nothing a file can be.
constexpr Shape kNone{.size_min = 1, .size_max = 0};

bool is_none(const Shape& shape) {
  return shape.size_min > shape.size_max;
}

Shape either(Shape a, const Shape& b) {
  if (is_none(a)) return b;
  if (is_none(b)) return a;
  a.size_min = std::min(a.size_min, b.size_min);
  a.size_max = std::max(a.size_max, b.size_max);
  if (b.starts.empty()) a.starts.clear();
  if (!a.starts.empty())
    for (const std::string& start : b.starts)
      if (std::find(a.starts.begin(), a.starts.end(), start) == a.starts.end())
        a.starts.push_back(start);
  return a;
}

// Of two lists of starts one is enough.
Shape both(Shape a, const Shape& b) {
  a.size_min = std::max(a.size_min, b.size_min);
  a.size_max = std::min(a.size_max, b.size_max);
  if (a.starts.empty() || (!b.starts.empty() && b.starts.size() < a.starts.size()))
    a.starts = b.starts;
  return a;
}

std::optional<std::uint64_t> number(std::string_view word) {
  std::uint64_t unit = 1;
  if (word.ends_with("KB")) unit = 1024;
  if (word.ends_with("MB")) unit = 1024 * 1024;
  if (unit != 1) word.remove_suffix(2);
  int base = 10;
  if (unit == 1 && word.starts_with("0x")) {
    base = 16;
    word.remove_prefix(2);
  }
  std::uint32_t value = 0;  // with its unit it stays far below what YARA counts with
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || parsed.ec != std::errc() || parsed.ptr != word.data() + word.size())
    return std::nullopt;
  return value * unit;
}

// The operator, and what stands at its left and right; nothing where it is no plain comparison.
struct Comparison {
  Tokens left;
  std::string sign;
  Tokens right;
};
std::optional<Comparison> comparison(Tokens tokens) {
  const auto is_sign = [](const std::string& token) {
    return token == "<" || token == ">" || token == "=" || token == "!";
  };
  const auto first = std::find_if(tokens.begin(), tokens.end(), is_sign);
  auto last = first;
  while (last != tokens.end() && is_sign(*last)) ++last;
  if (std::find_if(last, tokens.end(), is_sign) != tokens.end()) return std::nullopt;
  Comparison result{{tokens.begin(), first}, {}, {last, tokens.end()}};
  for (auto at = first; at != last; ++at) result.sign += *at;
  return result;
}

std::string mirrored(std::string sign) {
  if (sign.front() == '<')
    sign.front() = '>';
  else if (sign.front() == '>')
    sign.front() = '<';
  return sign;
}

Shape of_size(const std::string& sign, std::uint64_t size) {
  if (sign == "<") return size == 0 ? kNone : Shape{.size_max = size - 1};
  if (sign == "<=") return {.size_max = size};
  if (sign == ">") return {.size_min = size + 1};
  if (sign == ">=") return {.size_min = size};
  if (sign == "==") return {.size_min = size, .size_max = size};
  return {};
}

// "uint32be ( 0 )"; what it reads there, as the bytes of the file.
Shape of_start(Tokens function, std::uint64_t value) {
  if (function.size() != 4 || function[1] != "(" || function[3] != ")" || number(function[2]) != 0u)
    return {};
  std::string_view name = function[0];
  const bool is_big = name.ends_with("be");
  if (is_big) name.remove_suffix(2);
  const std::size_t bytes = name == "uint8" ? 1 : name == "uint16" ? 2 : name == "uint32" ? 4 : 0;
  if (bytes == 0) return {};
  if (value >> (8 * bytes) != 0) return kNone;
  std::string start;
  for (std::size_t i = 0; i < bytes; ++i)
    start += static_cast<char>(value >> (8 * (is_big ? bytes - 1 - i : i)));
  return {.starts = {start}};
}

class ShapeReader {
 public:
  explicit ShapeReader(const YaraRule& rule) : rule_(rule) {}

  Shape any(Tokens tokens, std::size_t depth = 0) const {
    if (depth > kConditionDepth) return {};
    Shape result = kNone;
    for (const Tokens part : split(tokens, "or")) result = either(result, every(part, depth));
    return result;
  }

 private:
  Shape every(Tokens tokens, std::size_t depth) const {
    Shape result;
    for (const Tokens part : split(tokens, "and")) result = both(result, one(part, depth));
    return result;
  }

  Shape one(Tokens tokens, std::size_t depth) const {
    if (const Tokens inner = enclosed(tokens); !inner.empty()) return any(inner, depth + 1);
    if (tokens.size() == 3 && tokens[1] == "at" && number(tokens[2]) == 0u)
      return at_start(tokens[0]);
    const auto compared = comparison(tokens);
    if (!compared || compared->sign.empty()) return {};
    if (compared->right.size() == 1)
      if (const auto value = number(compared->right.front()))
        return of(compared->left, compared->sign, *value);
    if (compared->left.size() == 1)
      if (const auto value = number(compared->left.front()))
        return of(compared->right, mirrored(compared->sign), *value);
    return {};
  }

  static Shape of(Tokens what, const std::string& sign, std::uint64_t value) {
    if (what.size() == 1 && what.front() == "filesize") return of_size(sign, value);
    return sign == "==" ? of_start(what, value) : Shape{};
  }

  Shape at_start(const std::string& id) const {
    for (const YaraString& string : rule_.strings)
      if (string.id == id && !string.start.empty())
        return {.starts = {string.start.substr(0, kShapeStartBytes)}};
    return {};
  }

  const YaraRule& rule_;
};

}  // namespace

bool Shape::takes_head(BytesView head) const {
  return starts.empty() ||
         std::any_of(starts.begin(), starts.end(),
                     [text = as_text(head)](const auto& start) { return text.starts_with(start); });
}

std::size_t Shape::head_bytes() const {
  std::size_t result = 0;
  for (const std::string& start : starts) result = std::max(result, start.size());
  return result;
}

Shape shape_of(std::string_view source) {
  const auto rules = read_yara(source, 1);
  if (!rules || rules->empty()) return {};
  Shape result = kNone;
  for (const YaraRule& rule : *rules)
    result = either(result, ShapeReader(rule).any(rule.condition));
  return result;
}

}  // namespace fleetsweep::rule_text
