#include "policies/compiler/import/stix_pattern.h"

#include <algorithm>
#include <array>

#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

using model::Field;
using model::Match;

struct Known {
  std::string_view path;
  Subject subject;
};
// In the spelling of the specification; [*] and [n] are written [].
constexpr Known kKnown[] = {
    {"file:name", {Field::kFileName}},
    {"file:parent_directory_ref.path", {.field = Field::kFilePath, .is_folder = true}},
    {"file:size", {Field::kFileSize}},
    {"file:hashes.MD5", {Field::kFileMd5}},
    {"file:hashes.SHA-1", {Field::kFileSha1}},
    {"file:hashes.SHA-256", {Field::kFileSha256}},
    {"ipv4-addr:value", {Field::kNetworkDstRef}},
    {"ipv6-addr:value", {Field::kNetworkDstRef}},
    {"network-traffic:dst_ref.value", {Field::kNetworkDstRef}},
    {"network-traffic:dst_port", {Field::kNetworkDstPort}},
    {"network-traffic:src_port", {Field::kNetworkSrcPort}},
    {"network-traffic:protocols[]", {Field::kNetworkProtocol}},
    {"domain-name:value", {Field::kPersistenceCommand, Kind::kDomain}},
    {"url:value", {Field::kPersistenceCommand, Kind::kUrl}},
    {"process:command_line", {Field::kProcessCommandLine}},
    {"process:cwd", {Field::kProcessCwd}},
    {"process:name", {Field::kProcessName}},  // of STIX 2.0
    {"process:image_ref.name", {Field::kProcessExeName}},
    {"process:image_ref.hashes.SHA-256", {Field::kProcessExeSha256}},
    {"windows-registry-key:key", {Field::kRegistryKey}},
    {"windows-registry-key:values[].name", {Field::kRegistryValueName}},
    {"windows-registry-key:values[].data", {Field::kRegistryValueData}},
    {"windows-registry-key:values[].data_type", {Field::kRegistryValueDataType}},
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Formula> parse() {
    Formula formula = observations();
    blanks();
    if (error_.empty() && at_ < text_.size()) broken("an operator, or the end");
    if (!error_.empty()) return fail(Code::kInvalid, "{}", error_);
    return formula;
  }

 private:
  // --- words ----------------------------------------------------------------------------------

  void blanks() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  bool sign(std::string_view wanted) {
    blanks();
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  std::string_view peek_word() {
    blanks();
    std::size_t end = at_;
    while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end]))) ++end;
    return text_.substr(at_, end - at_);
  }
  bool word(std::string_view wanted) {
    if (peek_word() != wanted) return false;
    at_ += wanted.size();
    return true;
  }
  void broken(std::string_view expected) {
    if (!error_.empty()) return;
    error_ = at_ < text_.size()
                 ? fmt::format("byte {}: '{}' where {} was expected", at_,
                               shown_note(text_.substr(at_, 20)), expected)
                 : fmt::format("byte {}: it ends where {} was expected", at_, expected);
  }
  bool too_deep() {
    if (depth_ < limits::kImportDepth) return false;
    if (error_.empty())
      error_ = fmt::format("byte {}: more than {} brackets", at_, limits::kImportDepth);
    return true;
  }
  std::string place(std::size_t at) const { return fmt::format(" (byte {})", at); }

  // --- observations ---------------------------------------------------------------------------

  // FOLLOWEDBY binds weakest, then OR, then AND: STIXPattern.g4.
  Formula observations() {
    if (too_deep()) return {};
    ++depth_;
    Formula all = together("FOLLOWEDBY", [&] { return any_observation(); });
    --depth_;
    return all;
  }

  Formula any_observation() {
    Formula any{Formula::Part::kOr, {}, {}};
    do any.parts.push_back(together("AND", [&] { return observation(); }));
    while (error_.empty() && word("OR"));
    return any.parts.size() == 1 ? Formula(std::move(any.parts[0])) : any;
  }

  // Observations together are about several objects and their times, which no detection compares.
  Formula together(std::string_view operation, auto part) {
    Formula first = part();
    std::string problem;
    while (error_.empty()) {
      blanks();
      const std::string here = place(at_);
      if (!word(operation)) break;
      if (problem.empty())
        problem = fmt::format("several observations joined by {}{}", operation, here);
      part();
    }
    return problem.empty() ? first : Formula::problem(problem);
  }

  Formula observation() {
    Formula formula;
    if (sign("[")) {
      formula = comparisons();
      if (error_.empty() && !sign("]")) broken("']'");
    } else if (sign("(")) {
      formula = observations();
      if (error_.empty() && !sign(")")) broken("')'");
    } else {
      broken("'['");
    }
    while (error_.empty()) {
      const auto begin = (blanks(), at_);
      if (word("WITHIN") || word("REPEATS")) {
        literal();
        if (!word("SECONDS")) word("TIMES");
      } else if (word("START")) {
        literal();
        if (!word("STOP")) broken("STOP");
        literal();
      } else {
        break;
      }
      formula = Formula::problem(fmt::format("a qualifier of time or number{}", place(begin)));
    }
    return formula;
  }

  // --- comparisons ----------------------------------------------------------------------------

  Formula comparisons() {
    Formula any{Formula::Part::kOr, {}, {}};
    if (too_deep()) return any;
    ++depth_;
    do {
      Formula all{Formula::Part::kAnd, {}, {}};
      do all.parts.push_back(comparison());
      while (error_.empty() && word("AND"));
      any.parts.push_back(all.parts.size() == 1 ? Formula(std::move(all.parts[0]))
                                                : std::move(all));
    } while (error_.empty() && word("OR"));
    --depth_;
    return any.parts.size() == 1 ? Formula(std::move(any.parts[0])) : any;
  }

  Formula comparison() {
    if (sign("(")) {
      Formula inside = comparisons();
      if (error_.empty() && !sign(")")) broken("')'");
      return inside;
    }
    blanks();
    const std::size_t begin = at_;
    if (word("EXISTS")) {
      object_path();
      return Formula::problem("EXISTS" + place(begin));
    }
    if (sign("NOT")) return refused_not(begin);
    const std::string path = object_path();
    if (!error_.empty()) return {};
    const bool negated = word("NOT");
    return tested(path, negated, begin);
  }

  Formula refused_not(std::size_t begin) {
    broken("an object path; NOT stands behind it");
    at_ = begin;
    return {};
  }

  Formula tested(const std::string& path, bool negated, std::size_t begin) {
    blanks();
    const std::size_t at = at_;
    for (const std::string_view operation : {"=", "!=", "<=", ">=", "<", ">"})
      if (sign(operation)) {
        if (operation == "!=") negated = !negated;
        const auto value = literal();
        return value ? leaf(path, negated, begin, ordered(path, operation, *value)) : Formula{};
      }
    if (word("IN")) return in_set(path, negated, begin);
    for (const std::string_view operation : {"LIKE", "MATCHES", "ISSUBSET"})
      if (word(operation)) {
        const auto value = literal();
        return value ? leaf(path, negated, begin, textual(path, operation, *value)) : Formula{};
      }
    if (word("ISSUPERSET")) {
      literal();
      return Formula::problem("ISSUPERSET" + place(at));
    }
    broken("=, !=, <, >, <=, >=, IN, LIKE, MATCHES, ISSUBSET or ISSUPERSET");
    return {};
  }

  Formula in_set(const std::string& path, bool negated, std::size_t begin) {
    // None of them is and over not one.
    Formula set{negated ? Formula::Part::kAnd : Formula::Part::kOr, {}, {}};
    if (!sign("(")) {
      broken("'('");
      return set;
    }
    do {
      const auto value = literal();
      if (!value) return set;
      set.parts.push_back(leaf(path, negated, begin, ordered(path, "=", *value)));
    } while (sign(","));
    if (!sign(")")) broken("')'");
    return set;
  }

  Formula leaf(const std::string& path, bool negated, std::size_t begin, Leaf made) {
    if (is_binary_) made = unsupported("it is compared with bytes in hex or base64");
    made.negated = negated;
    if (!made.problem.empty()) made.problem = path + ": " + made.problem + place(begin);
    return Formula::of(std::move(made));
  }

  static const Known* known(const std::string& path) {
    const auto found = std::find_if(std::begin(kKnown), std::end(kKnown),
                                    [&](const Known& one) { return one.path == path; });
    return found == std::end(kKnown) ? nullptr : found;
  }

  static Leaf ordered(const std::string& path, std::string_view operation,
                      const std::string& value) {
    const Known* subject = known(path);
    if (!subject) return unsupported("no field of the policy language");
    if (operation == "=" || operation == "!=")
      return compared(subject->subject, Match::kEquals, value);
    const bool greater = operation[0] == '>';
    if (operation.size() == 1)
      return compared(subject->subject, greater ? Match::kGreater : Match::kLess, value);
    const auto number = compiler::parse_whole(value);
    if (!number || *number <= 0 || *number > (std::int64_t{1} << 60))
      return unsupported("it is not compared with a whole number above 0");
    return compared(subject->subject, greater ? Match::kGreater : Match::kLess,
                    std::to_string(greater ? *number - 1 : *number + 1));
  }

  static Leaf textual(const std::string& path, std::string_view operation,
                      const std::string& value) {
    const Known* subject = known(path);
    if (!subject) return unsupported("no field of the policy language");
    if (operation == "LIKE") return compared_like(subject->subject, value);
    if (operation == "ISSUBSET") return compared(subject->subject, Match::kCidr, value);
    return compared(subject->subject, Match::kRegex, value);
  }

  // --- object paths and literals --------------------------------------------------------------

  std::string name_of_step() {
    if (at_ < text_.size() && text_[at_] == '\'') return quoted();
    std::size_t end = at_;
    while (end < text_.size() &&
           (is_letter(text_[end]) || is_digit(text_[end]) || text_[end] == '-'))
      ++end;
    if (end == at_) broken("a property");
    std::string step(text_.substr(at_, end - at_));
    at_ = end;
    return step;
  }

  // file:hashes.'SHA-256', in one spelling: names of hashes as the specification has them.
  std::string object_path() {
    blanks();
    std::string path = name_of_step();
    if (!error_.empty()) return path;
    if (at_ >= text_.size() || text_[at_] != ':') {
      broken("':' and a property");
      return path;
    }
    path += ':';
    ++at_;
    for (bool is_hash = false; error_.empty();) {
      std::string step = name_of_step();
      path += is_hash ? hash_name(step) : step;
      is_hash = step == "hashes";
      if (at_ < text_.size() && text_[at_] == '[') {
        const auto end = text_.find(']', at_);
        if (end == std::string_view::npos) {
          broken("']'");
          break;
        }
        path += "[]";
        at_ = end + 1;
      }
      if (at_ >= text_.size() || text_[at_] != '.') break;
      path += '.';
      ++at_;
    }
    return path;
  }

  static std::string hash_name(const std::string& written) {
    std::string plain;
    for (const char c : in_small_letters(written))
      if (c != '-' && c != '_') plain += c;
    if (plain == "md5") return "MD5";
    if (plain == "sha1") return "SHA-1";
    if (plain == "sha256") return "SHA-256";
    return written;
  }

  // At the quote; backslash quotes a quote or itself, and nothing else: STIXPattern.g4. Without it
  // 'evil\.exe' would be evil.exe, and in a regular expression the dot any letter.
  std::string quoted() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\'') {
        ++at_;
        return value;
      }
      if (c == '\\') {
        const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (next != '\'' && next != '\\') {
          broken(R"(\' or \\)");
          return value;
        }
        ++at_;
      }
      value += text_[at_];
    }
    broken("a closing '");
    return value;
  }

  // Text of any constant: what it holds is the field's to judge.
  std::optional<std::string> literal() {
    blanks();
    if (!error_.empty()) return std::nullopt;
    const bool is_marked = at_ + 1 < text_.size() && text_[at_ + 1] == '\'' &&
                           std::string_view("tbh").find(text_[at_]) != std::string_view::npos;
    is_binary_ = is_marked && text_[at_] != 't';
    if (is_marked) ++at_;
    if (at_ < text_.size() && text_[at_] == '\'') {
      std::string value = quoted();
      return error_.empty() ? std::optional(std::move(value)) : std::nullopt;
    }
    std::size_t end = at_;
    while (end < text_.size() && (is_letter(text_[end]) || is_digit(text_[end]) ||
                                  text_[end] == '.' || text_[end] == '-' || text_[end] == '+'))
      ++end;
    if (end == at_) {
      broken("a constant");
      return std::nullopt;
    }
    std::string value(text_.substr(at_, end - at_));
    at_ = end;
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool is_binary_ = false;  // the last constant: h'...' or b'...'
  std::string error_;
};

}  // namespace

Result<Formula> parse_stix_pattern(std::string_view pattern) {
  return Parser(pattern).parse();
}

}  // namespace fleetsweep::indicators
