#include "policies/compiler/yara_text.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "policies/compiler/sink.h"

namespace fleetsweep::compiler {
namespace {

constexpr std::size_t kAtomBytes = 4;
constexpr std::string_view kRefusedImports[] = {"dotnet", "dex", "macho", "console", "hash"};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Bytes of the longest run without a choice in it.
class Run {
 public:
  void fixed() { ++now_; }
  void open() {
    longest_ = longest();
    now_ = 0;
  }
  // The byte before may be missing.
  void undo() {
    if (now_ > 0) --now_;
    open();
  }
  std::size_t longest() const { return std::max(longest_, now_); }

 private:
  std::size_t now_ = 0;
  std::size_t longest_ = 0;
};

using Tokens = std::span<const std::string_view>;

// Deeper conditions are not looked into.
constexpr std::size_t kConditionDepth = 64;

// Whether something of the content beside its beginning must be true before the condition is.
class NeedsContent {
 public:
  explicit NeedsContent(const std::vector<RuleText>& before) : before_(before) {}

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
    if (tokens.size() == 1)
      for (const RuleText& rule : before_)
        if (rule.name == tokens[0]) return rule.needs_content;
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (says_more(tokens, i)) return true;
    return false;
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
    const bool at_start = reads && (tokens[at + 2] == "0" || tokens[at + 2] == "0x0");
    return !at_start || tokens[at + 3] != ")";
  }

  const std::vector<RuleText>& before_;
};

// A lexer that knows just enough: comments, the three kinds of strings, words.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<RuleProblem> problems;
  std::vector<RuleText> rules;

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
        if (last_word_ == "rule") rule_ = now;
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
    const auto line = line_;
    std::size_t atom = 0;
    if (text_[at_] == '"') {
      atom = text_atom(quoted());
    } else if (text_[at_] == '{') {
      atom = hex_atom();
    } else if (text_[at_] == '/') {
      atom = regex_atom();
    } else {
      return;
    }
    if (atom >= kAtomBytes) return;
    problems.push_back(
        {line, true,
         fmt::format("the YARA string ${} has only {} fixed bytes in a row", name, atom),
         "with four or more the scanner can skip most files unread"});
  }

  static std::size_t text_atom(std::string_view value) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < value.size(); ++i, ++bytes)
      if (value[i] == '\\') i += i + 1 < value.size() && value[i + 1] == 'x' ? 3 : 1;
    return bytes;
  }

  std::size_t hex_atom() {
    Run run;
    bool half = false, hole = false;
    int alternatives = 0;
    for (++at_; at_ < text_.size() && text_[at_] != '}'; step()) {
      const char c = text_[at_];
      if (c == '(') ++alternatives, run.open();
      if (c == ')') --alternatives, run.open();
      if (c == '[') {
        run.open();
        while (at_ + 1 < text_.size() && text_[at_] != ']') step();
        continue;
      }
      if (!is_hex(c) && c != '?') continue;
      hole = hole || c == '?';
      half = !half;
      if (half) continue;
      if (hole || alternatives > 0)
        run.open();
      else
        run.fixed();
      hole = false;
    }
    if (at_ < text_.size()) ++at_;
    return run.longest();
  }

  std::size_t regex_atom() {
    Run run;
    bool in_class = false;
    int groups = 0;
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        ++at_;
        const char escape = text_[at_];
        if (in_class) continue;
        const bool one_byte = escape == 'x' || !is_word(escape) || escape == 'n' || escape == 't' ||
                              escape == 'r' || escape == 'f' || escape == 'a';
        if (escape == 'x') at_ = std::min(at_ + 2, text_.size() - 1);
        if (one_byte && groups == 0)
          run.fixed();
        else
          run.open();
        continue;
      }
      if (in_class) {
        in_class = c != ']';
        continue;
      }
      if (c == '/') break;
      switch (c) {
        case '[':
          in_class = true;
          run.open();
          break;
        case '(':
          ++groups;
          run.open();
          break;
        case ')':
          --groups;
          run.open();
          break;
        case '*':
        case '?':
          run.undo();
          break;
        case '{':
          run.undo();
          while (at_ + 1 < text_.size() && text_[at_] != '}' && text_[at_] != '\n') ++at_;
          break;
        case '+':
        case '.':
        case '|':
        case '^':
        case '$':
          run.open();
          break;
        default:
          if (groups == 0) run.fixed();
      }
    }
    if (at_ < text_.size() && text_[at_] == '/') ++at_;
    return run.longest();
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
        regex_atom();
      } else {
        ++at_;
        if (is_word(c) || c == '$' || c == '#' || c == '@' || c == '!') word();
      }
      tokens.push_back(text_.substr(begin, at_ - begin));
    }
    rules.push_back({rule_, line, is_private_, NeedsContent(rules).every_way(tokens)});
  }

  std::string_view text_;
  std::string_view last_word_;
  std::string_view before_last_;
  std::string_view rule_;
  bool is_private_ = false;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace

std::vector<RuleProblem> yara_text_problems(std::string_view source) {
  Lexer lexer(source);
  lexer.run();
  return std::move(lexer.problems);
}

std::vector<RuleText> yara_rule_texts(std::string_view source) {
  Lexer lexer(source);
  lexer.run();
  return std::move(lexer.rules);
}

}  // namespace fleetsweep::compiler
