#include "protocol/rule_text/source.h"

#include <cctype>

namespace fleetsweep::rule_text {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Fixed bytes of a string.
struct Run {
  std::string longest;
  std::string start;  // it begins with them; empty: unknown
};

// Of the runs it is fed, the longest, and the one that all begins with.
class Runs {
 public:
  void add(char c) { run_ += c; }
  void drop_last() {
    if (!run_.empty()) run_.pop_back();
  }
  void cut() {
    if (run_.size() > longest_.size()) longest_ = run_;
    if (!start_) start_ = run_;
    run_.clear();
  }
  Run end() {
    cut();
    return {longest_, *start_};
  }

 private:
  std::string run_, longest_;
  std::optional<std::string> start_;
};

std::string widened(const std::string& text) {
  std::string result;
  for (const char c : text) {
    result += c;
    result += '\0';
  }
  return result;
}

// Where the class that begins at the bracket ends; the size: nowhere.
std::size_t end_of_class(std::string_view regex, std::size_t at) {
  std::size_t end = at + 1;
  if (end < regex.size() && regex[end] == '^') ++end;
  if (end < regex.size() && regex[end] == ']') ++end;
  while (end < regex.size() && regex[end] != ']') end += regex[end] == '\\' ? 2 : 1;
  return std::min(end, regex.size());
}

// Where the group that begins at the parenthesis ends; the size: nowhere.
std::size_t end_of_group(std::string_view regex, std::size_t at) {
  std::size_t depth = 0;
  for (; at < regex.size(); ++at) {
    if (regex[at] == '\\')
      ++at;
    else if (regex[at] == '[')
      at = end_of_class(regex, at);
    else if (regex[at] == '(')
      ++depth;
    else if (regex[at] == ')' && --depth == 0)
      return at;
  }
  return regex.size();
}

// The pattern between the slashes. Groups are not looked into, nor is one of alternatives.
Run run_of_regex(std::string_view regex) {
  Runs runs;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    switch (c) {
      case '[':
        runs.cut();
        i = end_of_class(regex, i);
        break;
      case '(':
        runs.cut();
        i = end_of_group(regex, i);
        break;
      case '|':
      case ')':
        return {};
      case '*':
      case '?':
        runs.drop_last();
        runs.cut();
        break;
      case '{':
        runs.drop_last();
        runs.cut();
        while (i < regex.size() && regex[i] != '}') ++i;
        break;
      case '+':
      case '.':
      case '^':
      case '$':
        runs.cut();
        break;
      case '\\': {
        if (++i >= regex.size()) return {};
        const char next = regex[i];
        if (next == 'x') {
          if (i + 2 >= regex.size() || hex_digit(regex[i + 1]) < 0 || hex_digit(regex[i + 2]) < 0)
            return {};
          runs.add(static_cast<char>(hex_digit(regex[i + 1]) * 16 + hex_digit(regex[i + 2])));
          i += 2;
        } else if (is_word(next)) {
          runs.cut();  // a class, an anchor or a control character
        } else {
          runs.add(next);
        }
        break;
      }
      default:
        runs.add(c);
    }
  }
  return runs.end();
}

class Reader {
 public:
  Reader(std::string_view text, std::size_t run_min) : text_(text), run_min_(run_min) {}

  std::optional<std::vector<YaraRule>> read() {
    std::vector<YaraRule> rules;
    while (true) {
      const auto word = token();
      if (!word) return std::nullopt;
      if (word->empty()) return rules;
      if (*word == "private" || *word == "global") continue;
      if (*word == "import") {
        if (!skip_quoted()) return std::nullopt;
        continue;
      }
      if (*word != "rule") return std::nullopt;
      auto rule = read_rule();
      if (!rule) return std::nullopt;
      rules.push_back(std::move(*rule));
    }
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool skip_space() {
    while (at_ < text_.size()) {
      if (std::isspace(static_cast<unsigned char>(text_[at_]))) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return false;
        at_ = end + 2;
      } else {
        break;
      }
    }
    return true;
  }

  // A word, a $, # , @ or ! name, or one character; empty at the end.
  std::optional<std::string> token() {
    if (!skip_space()) return std::nullopt;
    if (at_ >= text_.size()) return std::string();
    const std::size_t start = at_++;
    const char c = text_[start];
    if (is_word(c) || c == '$' || c == '#' || c == '@' || c == '!')
      while (is_word(peek()) || (peek() == '*' && c == '$')) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  std::optional<std::string> quoted() {
    if (!skip_space() || peek() != '"') return std::nullopt;
    std::string result;
    for (++at_; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '"') {
        ++at_;
        return result;
      }
      if (c == '\n') return std::nullopt;
      if (c == '\\') {
        if (++at_ >= text_.size()) return std::nullopt;
        c = text_[at_];
        if (c == 'x') {
          const int high = hex_digit(at_ + 1 < text_.size() ? text_[at_ + 1] : '\0');
          const int low = hex_digit(at_ + 2 < text_.size() ? text_[at_ + 2] : '\0');
          if (high < 0 || low < 0) return std::nullopt;
          c = static_cast<char>(high * 16 + low);
          at_ += 2;
        } else if (c == 't') {
          c = '\t';
        } else if (c == 'n') {
          c = '\n';
        } else if (c == 'r') {
          c = '\r';
        } else if (c != '"' && c != '\\') {
          return std::nullopt;
        }
      }
      result += c;
    }
    return std::nullopt;
  }
  bool skip_quoted() { return quoted().has_value(); }

  std::optional<std::string> regex() {
    if (peek() != '/') return std::nullopt;
    const std::size_t start = ++at_;
    bool in_class = false;
    for (; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      const char c = text_[at_];
      if (c == '\\')
        ++at_;
      else if (c == '/' && !in_class)
        return std::string(text_.substr(start, at_++ - start));
      // YARA ends a regex at the first slash, even inside a class; giving up is the safe reading.
      else if (c == '[')
        in_class = true;
      else if (c == ']')
        in_class = false;
      if (c == '/' && in_class) return std::nullopt;
    }
    return std::nullopt;
  }

  std::optional<Run> hex_run() {
    if (peek() != '{') return std::nullopt;
    Runs runs;
    for (++at_; at_ < text_.size();) {
      if (!skip_space()) return std::nullopt;
      const char c = peek();
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (c == '}') {
        ++at_;
        return runs.end();
      }
      if (hex_digit(c) >= 0 && hex_digit(next) >= 0) {
        runs.add(static_cast<char>(hex_digit(c) * 16 + hex_digit(next)));
        at_ += 2;
      } else if ((c == '?' || hex_digit(c) >= 0) && (next == '?' || hex_digit(next) >= 0)) {
        runs.cut();
        at_ += 2;
      } else if (c == '[') {
        runs.cut();
        const std::size_t end = text_.find(']', at_);
        if (end == std::string_view::npos) return std::nullopt;
        at_ = end + 1;
      } else if (c == '(') {
        runs.cut();
        int depth = 0;
        do {
          if (peek() == '(') ++depth;
          if (peek() == ')') --depth;
          if (at_++ >= text_.size()) return std::nullopt;
        } while (depth > 0);
      } else {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  std::optional<YaraString> read_string(std::string id) {
    YaraString result{.id = std::move(id)};
    if (token() != "=" || !skip_space()) return std::nullopt;
    const char kind = peek();
    std::optional<Run> run;
    if (kind == '{') {
      run = hex_run();
    } else if (const auto text = kind == '"' ? quoted() : regex()) {
      run = kind == '"' ? Run{*text, *text} : run_of_regex(*text);
    }
    if (!run) return std::nullopt;
    bool cased = true, wide = false, ascii = false, encoded = false;
    if (kind == '/') {
      for (; is_word(peek()); ++at_) {
        if (peek() != 'i' && peek() != 's') return std::nullopt;
        cased &= peek() != 'i';
      }
    }
    while (true) {
      const std::size_t before = at_;
      const auto word = token();
      if (!word) return std::nullopt;
      if (*word == "nocase") {
        cased = false;
      } else if (*word == "wide") {
        wide = true;
      } else if (*word == "ascii") {
        ascii = true;
      } else if (*word == "xor" || *word == "base64" || *word == "base64wide") {
        encoded = true;
        if (!skip_space()) return std::nullopt;
        if (peek() == '(') {
          const std::size_t end = text_.find(')', at_);
          // An alphabet may hold a parenthesis: then this is not the end.
          if (end == std::string_view::npos ||
              text_.substr(at_, end - at_).find('"') != std::string_view::npos)
            return std::nullopt;
          at_ = end + 1;
        }
      } else if (*word != "fullword" && *word != "private") {
        at_ = before;
        break;
      }
    }
    if (encoded) return result;
    const std::string& longest = run->longest;
    if (longest.size() >= run_min_ && (ascii || !wide)) result.literals.push_back({longest, cased});
    if (wide && longest.size() * 2 >= run_min_)
      result.literals.push_back({widened(longest), cased});
    if (cased && !wide) result.start = run->start;
    // Both spellings are needed to cover the string, or none is of use.
    if (wide && ascii && result.literals.size() != 2) result.literals.clear();
    return result;
  }

  bool skip_meta() {
    while (true) {
      const std::size_t before = at_;
      const auto word = token();
      if (!word || word->empty()) return false;
      if (*word == "strings" || *word == "condition") {
        at_ = before;
        return true;
      }
      if (token() != "=" || !skip_space()) return false;
      if (peek() == '"') {
        if (!skip_quoted()) return false;
        continue;
      }
      auto value = token();
      if (value == "-") value = token();
      if (!value || value->empty()) return false;
    }
  }

  std::optional<YaraRule> read_rule() {
    YaraRule rule;
    auto word = token();  // its name
    while ((word = token()) && *word != "{")
      if (word->empty()) return std::nullopt;
    word = token();
    if (word == "meta") {
      if (token() != ":" || !skip_meta()) return std::nullopt;
      word = token();
    }
    if (word == "strings") {
      if (token() != ":") return std::nullopt;
      while ((word = token()) && !word->empty() && word->front() == '$') {
        auto string = read_string(*word);
        if (!string) return std::nullopt;
        rule.strings.push_back(std::move(*string));
      }
    }
    if (word != "condition" || token() != ":") return std::nullopt;
    while (true) {
      if (!skip_space()) return std::nullopt;
      // A text or a pattern inside a condition may hold anything; what it means is not needed.
      if (peek() == '"') {
        if (!skip_quoted()) return std::nullopt;
        rule.condition.push_back("\"\"");
        continue;
      }
      if (peek() == '/') return std::nullopt;
      word = token();
      if (!word || word->empty()) return std::nullopt;
      if (*word == "}") return rule;
      rule.condition.push_back(*word);
    }
  }

  std::string_view text_;
  std::size_t run_min_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<YaraRule>> read_yara(std::string_view source, std::size_t run_min) {
  return Reader(source, run_min).read();
}

}  // namespace fleetsweep::rule_text
