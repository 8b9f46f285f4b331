#include "policies/compiler/yara_text.h"

#include <algorithm>
#include <iterator>

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

// A lexer that knows just enough: comments, the three kinds of strings, words.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<RuleProblem> problems;

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
        last_word_ = word();
      } else {
        last_word_ = {};
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

  std::string_view text_;
  std::string_view last_word_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
};

}  // namespace

std::vector<RuleProblem> yara_text_problems(std::string_view source) {
  Lexer lexer(source);
  lexer.run();
  return std::move(lexer.problems);
}

}  // namespace fleetsweep::compiler
