#include "policies/compiler/yara_text.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "policies/compiler/sink.h"
#include "policies/compiler/strength.h"
#include "protocol/rule_text/gate.h"
#include "protocol/rule_text/source.h"

namespace fleetsweep::compiler {
namespace {

constexpr std::string_view kRefusedImports[] = {"dotnet", "dex", "macho", "console", "hash"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
using Tokens = std::span<const std::string_view>;

struct StringText {
  std::string_view name;
  std::uint32_t line = 0;
  std::size_t bytes = 0;  // those that are written; of a pattern as many as can be
};

// Deeper conditions are not looked into.
constexpr std::size_t kConditionDepth = 64;

// Whether something of the content beside its beginning must be true before the condition is.
class NeedsContent {
 public:
  NeedsContent(const std::vector<RuleText>& before, std::span<const StringText> strings)
      : before_(before), strings_(strings) {}

  bool every_way(Tokens tokens, std::size_t depth = 0) const {
    if (depth > kConditionDepth) return true;
    const auto ways = split(tokens, "or");
    return std::all_of(ways.begin(), ways.end(), [&](Tokens way) {
      const auto parts = split(way, "and");
      return std::any_of(parts.begin(), parts.end(), [&](Tokens one) { return part(one, depth); });
    });
  }

 private:
  static std::vector<Tokens> split(Tokens tokens, std::string_view word) {
    std::vector<Tokens> parts;
    int depth = 0;
    std::size_t start = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == "(") ++depth;
      if (tokens[i] == ")") --depth;
      if (depth != 0 || tokens[i] != word) continue;
      parts.push_back(tokens.subspan(start, i - start));
      start = i + 1;
    }
    parts.push_back(tokens.subspan(start));
    return parts;
  }

  // The parentheses around all of it, if they are.
  static bool is_enclosed(Tokens tokens) {
    if (tokens.size() < 2 || tokens.front() != "(") return false;
    int depth = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == "(") ++depth;
      if (tokens[i] == ")" && --depth == 0) return i + 1 == tokens.size();
    }
    return false;
  }

  bool part(Tokens tokens, std::size_t depth) const {
    if (is_enclosed(tokens)) return every_way(tokens.subspan(1, tokens.size() - 2), depth + 1);
    // What is not there is missing in nearly every file.
    if (!tokens.empty() && (tokens[0] == "not" || tokens[0] == "none")) return false;
    if (tokens.size() > 1 && tokens[0] == "0" && tokens[1] == "of") return false;
    if (is_mark(tokens) || is_few(tokens)) return false;
    if (tokens.size() == 1)
      for (const RuleText& rule : before_)
        if (rule.name == tokens[0]) return rule.needs_content;
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (says_more(tokens, i)) return true;
    return false;
  }

  static bool is_zero(std::string_view token) { return token == "0" || token == "0x0"; }

  // $a at 0, of bytes that only say what format it is.
  bool is_mark(Tokens tokens) const {
    return tokens.size() == 3 && tokens[0][0] == '$' && tokens[1] == "at" && is_zero(tokens[2]) &&
           std::any_of(strings_.begin(), strings_.end(), [&](const StringText& string) {
             return string.name == tokens[0].substr(1) && string.bytes < kBytesAtZero;
           });
  }

  // #a == 0, #a < 3, #a <= 3: true without it.
  static bool is_few(Tokens tokens) {
    if (tokens.size() < 3 || tokens[0][0] != '#') return false;
    const bool is_none = tokens.size() == 4 && tokens[1] == "=" && tokens[2] == "=";
    return tokens[1] == "<" || (is_none && is_zero(tokens[3]));
  }

  // Than the size of the file and how it begins.
  static bool says_more(Tokens tokens, std::size_t at) {
    const std::string_view token = tokens[at];
    if (std::string_view("$#@\"/").find(token[0]) != std::string_view::npos) return true;
    if (token[0] == '!') return token.size() > 1;  // alone it is half of !=
    if (!is_word(token[0])) return false;
    if (token[0] >= '0' && token[0] <= '9') return false;
    if (token == "true" || token == "false" || token == "filesize") return false;
    const bool reads = (token.starts_with("uint") || token.starts_with("int")) &&
                       at + 3 < tokens.size() && tokens[at + 1] == "(";
    const bool at_start = reads && is_zero(tokens[at + 2]);
    return !at_start || tokens[at + 3] != ")";
  }

  const std::vector<RuleText>& before_;
  std::span<const StringText> strings_;
};

// A lexer that knows just enough: comments, the three kinds of strings, words.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<RuleProblem> problems;
  std::vector<RuleText> rules;
  std::vector<StringText> strings;

  void run() {
    while (skip_blank()) {
      const char c = text_[at_];
      if (c == '"') {
        const auto value = quoted();
        if (last_word_ == "import") check_import(value);
        last_word_ = {};
      } else if (c == '$') {
        ++at_;
        const auto name = word();
        if (skip_blank() && text_[at_] == '=' && !next_is('=', 1)) {
          ++at_;
          if (skip_blank()) definition(name);
        }
      } else if (is_word(c)) {
        const auto now = word();
        // "private global rule x"; a string may be private too.
        if (now == "rule") is_private_ = last_word_ == "private" || before_last_ == "private";
        before_last_ = last_word_;
        if (last_word_ == "rule") rule_ = now, rule_strings_ = strings.size();
        last_word_ = now;
        if (now == "condition" && skip_blank() && text_[at_] == ':') condition();
      } else {
        last_word_ = before_last_ = {};
        ++at_;
      }
    }
  }

 private:
  bool next_is(char c, std::size_t ahead) const {
    return at_ + ahead < text_.size() && text_[at_ + ahead] == c;
  }
  void step() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }

  // False at the end.
  bool skip_blank() {
    while (at_ < text_.size()) {
      if (text_[at_] == '/' && next_is('/', 1)) {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (text_[at_] == '/' && next_is('*', 1)) {
        at_ += 2;
        while (at_ < text_.size() && !(text_[at_] == '*' && next_is('/', 1))) step();
        at_ = std::min(at_ + 2, text_.size());
      } else if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' ||
                 text_[at_] == '\n') {
        step();
      } else {
        return true;
      }
    }
    return false;
  }

  std::string_view word() {
    const auto begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string_view quoted() {
    const auto begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n')
      at_ += text_[at_] == '\\' && at_ + 1 < text_.size() ? 2 : 1;
    const auto value = text_.substr(begin, std::min(at_, text_.size()) - begin);
    if (at_ < text_.size() && text_[at_] == '"') ++at_;
    return value;
  }

  void check_import(std::string_view module) {
    if (std::find(std::begin(kRefusedImports), std::end(kRefusedImports), module) ==
        std::end(kRefusedImports))
      return;
    problems.push_back({line_, false, fmt::format("the YARA module '{}' is not allowed", module),
                        module == "hash"
                            ? "it reads the file again: use file.hashes.SHA-256 in a detection"
                            : "it parses hostile input beyond what our sandbox should see"});
  }

  void definition(std::string_view name) {
    strings.push_back({name, line_, std::string_view::npos});
    if (text_[at_] == '"') {
      strings.back().bytes = text_bytes(quoted());
    } else if (text_[at_] == '{') {
      const auto begin = at_ + 1;
      while (at_ < text_.size() && text_[at_] != '}') step();
      strings.back().bytes = hex_bytes(text_.substr(begin, at_ - begin));
    } else if (text_[at_] == '/') {
      pattern();
    }
  }

  static std::size_t text_bytes(std::string_view text) {
    std::size_t bytes = 0;
    for (std::size_t at = 0; at < text.size(); ++bytes)
      at += text[at] != '\\' ? 1 : text.substr(at + 1).starts_with('x') ? 4 : 2;
    return bytes;
  }

  // Without jumps and the bytes that may be any.
  static std::size_t hex_bytes(std::string_view text) {
    std::size_t bytes = 0;
    bool is_jump = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '[' || text[at] == ']') is_jump = text[at] == '[';
      if (is_jump || !is_word(text[at])) continue;
      bytes += at + 1 < text.size() && is_word(text[at + 1]);
      ++at;
    }
    return bytes;
  }

  // Its first slash ends it, in a class as well.
  void pattern() {
    for (++at_; at_ < text_.size() && text_[at_] != '/' && text_[at_] != '\n'; ++at_)
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
    if (at_ < text_.size() && text_[at_] == '/') ++at_;
  }

  // Up to the brace that ends the rule: a condition holds none outside of texts and patterns.
  void condition() {
    const auto line = line_;
    std::vector<std::string_view> tokens;
    ++at_;
    while (skip_blank() && text_[at_] != '}') {
      const auto begin = at_;
      const char c = text_[at_];
      if (c == '"') {
        quoted();
      } else if (c == '/') {
        pattern();
      } else {
        ++at_;
        if (is_word(c) || c == '$' || c == '#' || c == '@' || c == '!') word();
      }
      tokens.push_back(text_.substr(begin, at_ - begin));
    }
    rules.push_back(
        {rule_, line, is_private_,
         NeedsContent(rules, std::span(strings).subspan(rule_strings_)).every_way(tokens)});
  }

  std::string_view text_;
  std::string_view last_word_;
  std::string_view before_last_;
  std::string_view rule_;
  std::size_t rule_strings_ = 0;
  bool is_private_ = false;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace

std::vector<RuleProblem> yara_text_problems(std::string_view source) {
  Lexer lexer(source);
  lexer.run();
  std::vector<RuleProblem> problems = std::move(lexer.problems);
  if (!rule_text::gate_of(source).open) return problems;
  const auto rules = rule_text::read_yara(source, rule_text::kGateBytes);
  std::size_t at = 0;
  for (const rule_text::YaraRule& rule : rules.value_or(std::vector<rule_text::YaraRule>()))
    for (const rule_text::YaraString& string : rule.strings) {
      if (at >= lexer.strings.size()) return problems;
      const StringText& place = lexer.strings[at++];
      if (!string.literals.empty()) continue;
      problems.push_back({place.line, true,
                          fmt::format("the YARA string ${} has no {} fixed bytes in a row",
                                      place.name, rule_text::kGateBytes),
                          "with them, outside of ( and |, the scanner skips most files unread"});
    }
  return problems;
}

std::vector<RuleText> yara_rule_texts(std::string_view source) {
  Lexer lexer(source);
  lexer.run();
  return std::move(lexer.rules);
}

}  // namespace fleetsweep::compiler
