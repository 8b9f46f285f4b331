#include "agent/plan/shell.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <utility>
#include <vector>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::plan {
namespace {

// What a shell is in the middle of.
enum class Within : std::uint8_t {
  kScript,
  kSingle,        // '
  kEscaped,       // $'
  kDouble,        // "
  kParameter,     // ${
  kList,          // ((, with no commands in it
  kArray,         // a=(
  kSubstitution,  // $( and <(
  kBacktick,
  kLoopHead,   // for x in a b
  kCaseHead,   // case x
  kCondition,  // behind if, elif, while and until
  kPatterns,   // a|b
  kBranch,     // of a case
  kBody,       // behind then, else and do
  kBraces,
  kSubshell,
};
constexpr std::size_t kWithins = static_cast<std::size_t>(Within::kSubshell) + 1;

constexpr std::size_t kDepthMax = 1000;  // of blocks in each other
constexpr std::string_view kBeforeComment = " \t\n(", kBlank = " \t\r\n";

struct ShellBlock {
  Within within = Within::kScript;
  bool keeps_command = false;
  std::size_t words = 0;               // of a loop's head
  std::vector<std::string_view> lost;  // lines that go, and begin within it
};

// A word that ends a block and may begin another.
struct BlockEnd {
  std::string_view word;
  Within ends, begins;
};
constexpr BlockEnd kBlockEnds[] = {
    {"then", Within::kCondition, Within::kBody}, {"elif", Within::kBody, Within::kCondition},
    {"else", Within::kBody, Within::kBody},      {"fi", Within::kBody, Within::kScript},
    {"do", Within::kCondition, Within::kBody},   {"do", Within::kLoopHead, Within::kBody},
    {"done", Within::kBody, Within::kScript},    {"}", Within::kBraces, Within::kScript},
};

// csh and fish, whose blocks may be empty.
bool is_other_shell(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.ends_with(".fish") || name.ends_with(".csh") || name.starts_with("csh.") ||
         name == ".cshrc" || name == ".tcshrc" || name == ".login" || name == ".logout";
}
bool is_of_block_elsewhere(std::string_view word) {
  constexpr std::string_view kWords[] = {
      "if",      "else",     "while", "for", "foreach", "switch", "case", "default:",
      "breaksw", "function", "begin", "end", "endif",   "endsw",  "and",  "or"};
  return std::ranges::find(kWords, word) != std::end(kWords);
}

class ShellReader {
 public:
  ShellReader(bool is_other, bool is_fish) : is_other_(is_other), is_fish_(is_fish) {}

  // Whether what comes next is no statement of its own.
  bool is_inside() const {
    const auto first = open_.begin() + static_cast<int>(Within::kSingle);
    return is_in_document_ || within() == Within::kPatterns ||
           std::any_of(first, open_.begin() + static_cast<int>(Within::kPatterns),
                       [](std::size_t open) { return open != 0; });
  }
  bool is_pending() const { return is_pending_; }
  bool is_too_deep() const { return is_too_deep_; }

  // A line and its end, which goes or stays.
  void read(std::string_view line, bool goes) {
    goes_ = goes ? line : std::string_view();
    is_torn_ = false;
    first_depth_ = lowest_ = blocks_.size();
    for (std::size_t at = 0; at < line.size();) at += read_some(line, at);
    if (!line.ends_with('\n')) end_word();
  }
  // The line that was read begins and ends no block that others are part of.
  bool was_whole() const {
    return !is_torn_ && !is_pending_ && documents_.empty() && lowest_ == first_depth_ &&
           blocks_.size() == first_depth_;
  }
  // Lines that went and left a block without a command.
  const std::vector<std::string_view>& emptied() const { return emptied_; }

 private:
  struct Document {
    std::string end;
    bool has_tabs = false;
    bool is_literal = false;  // no line of it goes on in the next
  };

  Within within() const { return blocks_.back().within; }
  void enter(Within within) {
    is_too_deep_ |= blocks_.size() == kDepthMax;
    if (is_too_deep_) return;
    blocks_.push_back({.within = within, .lost = {}});
    ++open_[static_cast<std::size_t>(within)];
    starts_ = within >= Within::kCondition || within == Within::kSubstitution ||
              within == Within::kBacktick;
  }
  void end_block() {
    --open_[static_cast<std::size_t>(within())];
    blocks_.pop_back();
  }
  void leave() {
    const ShellBlock& block = blocks_.back();
    const bool needs_command = block.within == Within::kCondition || block.within >= Within::kBody;
    if (needs_command && !block.keeps_command)
      emptied_.insert(emptied_.end(), block.lost.begin(), block.lost.end());
    end_block();
    lowest_ = std::min(lowest_, blocks_.size());
  }
  // Out of the innermost of these, and whatever is in it; kScript: there is none.
  Within leave(std::initializer_list<Within> which) {
    if (std::ranges::none_of(which,
                             [&](Within one) { return open_[static_cast<std::size_t>(one)] != 0; }))
      return Within::kScript;
    while (std::ranges::find(which, within()) == which.end()) leave();
    const Within left = within();
    leave();
    return left;
  }

  void count() {
    is_pending_ = false;
    ShellBlock& block = blocks_.back();
    block.keeps_command |= goes_.empty();
    if (goes_.empty() || blocks_.size() != first_depth_) return;
    if (block.lost.empty() || block.lost.back().data() != goes_.data()) block.lost.push_back(goes_);
  }
  // Of a word some of which is no plain letter: it names no block.
  void go_on_with_word() {
    if (starts_) count();
    starts_ = false;
    is_pending_ = false;
    word_ = "\\";
  }
  void begin_command() {
    end_word();
    starts_ = true;
  }

  void end_word() {
    const std::string word = std::exchange(word_, {});
    if (word.empty()) return;
    is_pending_ = false;
    if (within() == Within::kLoopHead && starts_ && word != "do" && word != "in") leave();
    if (within() == Within::kLoopHead && !starts_) {
      if (++blocks_.back().words == 2 && word == "do") replace(Within::kBody);
    } else if (within() == Within::kCaseHead) {
      if (word == "in") replace(Within::kPatterns);
    } else if (within() == Within::kPatterns) {
      if (word == "esac" && starts_)
        leave();
      else
        starts_ = false;
    } else if (std::exchange(is_name_, false)) {
      starts_ = is_pending_ = true;
    } else if (std::exchange(starts_, false)) {
      if (is_other_ && is_of_block_elsewhere(word)) is_torn_ = true;
      if (is_other_ || !is_reserved(word)) count();
    }
  }
  void replace(Within with) {
    leave();
    enter(with);
  }

  // Whether it is, and what it does then.
  bool is_reserved(const std::string& word) {
    const auto begins = [&](Within within) {
      count();
      enter(within);
      return true;
    };
    if (word == "if" || word == "while" || word == "until") return begins(Within::kCondition);
    if (word == "for" || word == "select") return begins(Within::kLoopHead);
    if (word == "case") return begins(Within::kCaseHead);
    if (word == "{") return begins(Within::kBraces);
    if (word == "function") return count(), is_name_ = true;
    if (word == "time" || word == "coproc") return count(), starts_ = true;
    if (word == "!") return starts_ = is_pending_ = true;
    if (word == "esac" && within() == Within::kBranch) {
      leave();
      leave();
      return starts_ = true;
    }
    bool is_end = word == "esac";
    for (const BlockEnd& end : kBlockEnds) {
      if (word != end.word) continue;
      is_end = true;
      if (within() != end.ends) continue;
      leave();
      if (end.begins != Within::kScript) enter(end.begins);
      return starts_ = true;
    }
    is_torn_ = is_torn_ || is_end;
    return is_end;
  }

  // How much of it was read.
  std::size_t read_some(std::string_view line, std::size_t at) {
    if (is_in_document_) return read_document(line.substr(at));
    const std::string_view rest = line.substr(at);
    const char c = rest[0];
    switch (within()) {
      case Within::kSingle:
        if (is_fish_ && c == '\\') return std::min<std::size_t>(2, rest.size());
        if (c == '\'') end_block();
        return 1;
      case Within::kArray:
        if (c == '#' && (at == 0 || kBeforeComment.find(line[at - 1]) != std::string_view::npos))
          return std::min(rest.find('\n'), rest.size());
        return read_text(rest);
      case Within::kEscaped:
      case Within::kDouble:
      case Within::kParameter:
      case Within::kList:
        return read_text(rest);
      default:
        return read_commands(line, at);
    }
  }

  std::size_t read_document(std::string_view rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    const Document& document = documents_.front();
    if (document.has_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
    const std::size_t last = line.find_last_not_of('\\');
    const bool goes_on = !document.is_literal && (line.size() - 1 - last) % 2 != 0;
    if (!std::exchange(is_joined_, goes_on) && line == document.end) documents_.pop_front();
    is_in_document_ = !documents_.empty();
    return std::min(end + 1, rest.size());
  }

  std::size_t read_text(std::string_view rest) {
    const Within within = this->within();
    const char c = rest[0];
    if (c == '\\') return std::min<std::size_t>(2, rest.size());
    const char end = within == Within::kEscaped     ? '\''
                     : within == Within::kDouble    ? '"'
                     : within == Within::kParameter ? '}'
                                                    : ')';
    if (c == end) {
      end_block();
      return 1;
    }
    if (within == Within::kEscaped) return 1;
    const bool is_list = within == Within::kList || within == Within::kArray;
    if (is_list && c == '(') return enter(Within::kList), 1;
    const bool is_in_quotes =
        within == Within::kDouble || blocks_.end()[-2].within == Within::kDouble;
    if (c == '\'' && is_in_quotes) return 1;
    return std::max<std::size_t>(read_opening(rest), 1);
  }

  // What begins something that is no list of commands itself; 0: nothing does.
  std::size_t read_opening(std::string_view rest) {
    const auto opens = [&](std::string_view mark, Within within) {
      if (!rest.starts_with(mark)) return false;
      if (this->within() >= Within::kSubstitution || this->within() == Within::kScript)
        go_on_with_word();
      if (within == Within::kBacktick || within == Within::kSubstitution) word_.clear();
      enter(within);
      return true;
    };
    if (opens("$((", Within::kList)) return enter(Within::kList), 3;
    if (opens("$(", Within::kSubstitution) || opens("${", Within::kParameter)) return 2;
    if (within() != Within::kDouble && opens("$'", Within::kEscaped)) return 2;
    if (rest[0] == '`' && leave({Within::kBacktick}) != Within::kScript)
      return go_on_with_word(), 1;
    if (opens("`", Within::kBacktick) || opens("'", Within::kSingle) ||
        opens("\"", Within::kDouble))
      return 1;
    return 0;
  }

  std::size_t read_commands(std::string_view line, std::size_t at) {
    const std::string_view rest = line.substr(at);
    const char c = rest[0], before = at > 0 ? line[at - 1] : '\0';
    switch (c) {
      case '\n':
        begin_command();
        is_in_document_ = !documents_.empty();
        return 1;
      case ' ':
      case '\t':
      case '\r':
        end_word();
        return 1;
      case '\\':
        if (!rest.starts_with("\\\n")) go_on_with_word();
        return std::min<std::size_t>(2, rest.size());
      case '#':
        if (word_.empty()) return std::min(rest.find('\n'), rest.size());
        break;
      case ';':
        begin_command();
        if (!rest.starts_with(";;") && !rest.starts_with(";&")) return 1;
        if (within() == Within::kBranch)
          leave();
        else
          is_torn_ = true;
        return rest.starts_with(";;&") ? 3 : 2;
      case '&':
        if (before == '<' || before == '>' || rest.starts_with("&>")) return 1;
        begin_command();
        if (is_disown(rest)) return 2;
        is_pending_ = rest.starts_with("&&");
        return is_pending_ ? 2 : 1;
      case '|':
        if (before == '>') return 1;
        end_word();
        if (within() == Within::kPatterns) return 1;
        starts_ = is_pending_ = true;
        return rest.starts_with("||") || rest.starts_with("|&") ? 2 : 1;
      case '<':
      case '>':
        return read_redirection(rest);
      case '(':
        return read_parenthesis(line, at);
      case ')':
        end_word();
        if (within() == Within::kPatterns)
          enter(Within::kBranch);
        else
          close_parenthesis();
        return 1;
      default:
        if (const std::size_t size = read_opening(rest)) return size;
        if (c == '$') return go_on_with_word(), 1;
    }
    word_ += c;
    return 1;
  }

  // Of zsh: &! and &|
  static bool is_disown(std::string_view rest) {
    return rest.size() > 1 && (rest[1] == '!' || rest[1] == '|') &&
           (rest.size() == 2 || kBlank.find(rest[2]) != std::string_view::npos);
  }

  std::size_t read_redirection(std::string_view rest) {
    end_word();
    go_on_with_word();
    word_.clear();
    if (rest.size() > 1 && rest[1] == '(') return enter(Within::kSubstitution), 2;
    if (rest.starts_with("<<<")) return 3;
    if (!rest.starts_with("<<")) return 1;
    std::size_t at = 2;
    Document document;
    document.has_tabs = rest.substr(at).starts_with('-');
    if (document.has_tabs) ++at;
    at = std::min(rest.find_first_not_of(" \t", at), rest.size());
    const std::size_t end = std::min(rest.find_first_of(" \t\r\n;&|<>()", at), rest.size());
    document.end = rest.substr(at, end - at);
    document.is_literal =
        std::erase_if(document.end, [](char c) { return c == '\\' || c == '"' || c == '\''; }) != 0;
    documents_.push_back(std::move(document));
    return end;
  }

  std::size_t read_parenthesis(std::string_view line, std::size_t at) {
    end_word();
    if (within() == Within::kPatterns) return 1;
    const std::string_view rest = line.substr(at);
    const std::size_t next = std::min(rest.find_first_not_of(" \t", 1), rest.size());
    const bool is_value = at > 0 && line[at - 1] == '=';
    if (!is_other_ && !is_value && rest.substr(next).starts_with(')')) {
      starts_ = is_pending_ = true;  // its body follows
      return next + 1;
    }
    if (is_value) return enter(Within::kArray), 1;
    if (is_other_ || !starts_) return enter(Within::kList), 1;
    count();
    if (!rest.starts_with("((")) return enter(Within::kSubshell), 1;
    enter(Within::kList);
    enter(Within::kList);
    return 2;
  }

  void close_parenthesis() {
    const Within left = leave({Within::kSubshell, Within::kSubstitution});
    is_torn_ = is_torn_ || left == Within::kScript;
    starts_ = left == Within::kSubshell;
    if (left == Within::kSubstitution) word_ = "\\";  // which goes on
  }

  bool is_other_, is_fish_;
  bool is_too_deep_ = false;
  std::vector<ShellBlock> blocks_ = {ShellBlock{}};
  std::array<std::size_t, kWithins> open_ = {1};  // how many of each
  std::string word_;                              // so far
  bool starts_ = true;                            // a word here is the first of a command
  bool is_name_ = false;                          // of a function
  bool is_pending_ = false;                       // an operator needs what follows
  std::deque<Document> documents_;
  bool is_in_document_ = false;
  bool is_joined_ = false;  // a line of one goes on in the next

  std::string_view goes_;  // the line at hand, if it goes
  bool is_torn_ = false;
  std::vector<std::string_view> emptied_;
  std::size_t first_depth_ = 1, lowest_ = 1;
};

}  // namespace

std::map<std::string, std::string> shell_lines_that_stay(std::string_view path,
                                                         std::string_view text,
                                                         const std::set<std::string>& lines) {
  ShellReader reader(is_other_shell(path), path.ends_with(".fish"));
  std::map<std::string, std::string> stay;
  std::map<const char*, std::string> asked;  // where each begins
  for (const lines::Line& raw : lines::logical_lines(text, lines::Join::kShell)) {
    const auto line = lines.find(std::string(raw.text));
    const bool is_asked = line != lines.end();
    if (is_asked && reader.is_inside())
      stay.emplace(*line,
                   fmt::format("line {} is part of a statement that begins above it", raw.number));
    if (is_asked && reader.is_pending())
      stay.emplace(*line, fmt::format("the line above line {} goes on with it", raw.number));
    const auto begin = static_cast<std::size_t>(raw.text.data() - text.data());
    const std::string_view whole = text.substr(begin, raw.text.size() + raw.newline.size());
    if (is_asked) asked.emplace(whole.data(), *line);
    reader.read(whole, is_asked);
    if (is_asked && !reader.was_whole())
      stay.emplace(*line,
                   fmt::format("line {} begins or ends what other lines are part of", raw.number));
    if (!reader.is_too_deep()) continue;
    for (const std::string& one : lines)
      stay.emplace(one, fmt::format("line {} lies in more than {} blocks", raw.number, kDepthMax));
    return stay;
  }
  for (const std::string_view line : reader.emptied())
    stay.emplace(asked.at(line.data()), "the block around it would be left empty");
  return stay;
}

}  // namespace fleetsweep::plan
