#include "policies/compiler/import/text.h"

#include <algorithm>
#include <array>

#include "policies/compiler/import/indicator.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// A reader of PCRE syntax that only asks what must be there. It takes anything; what is wrong is
// Hyperscan's to say.
class Demands {
 public:
  Demands(std::string_view expression, std::string_view letters)
      : text_(expression), letters_(letters) {}

  // To the end of the group, in each of its alternatives.
  bool group() {
    bool all = alternative();
    while (next() == '|') {
      ++at_;
      all = alternative() && all;
    }
    return all;
  }

 private:
  std::string_view rest() const { return text_.substr(std::min(at_, text_.size())); }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool is_wanted(char c) const { return letters_.find(c) != std::string_view::npos; }

  bool alternative() {
    bool any = false;
    while (at_ < text_.size() && next() != '|' && next() != ')') {
      const bool one = atom();
      const bool may_lack = next() == '?' || next() == '*' || rest().starts_with("{0");
      any = any || (one && !may_lack);
    }
    return any;
  }

  bool atom() {
    const char c = text_[at_++];
    if (c == '[') return one_of_class();
    if (c == '(') {
      const bool inside = group();
      ++at_;
      return inside;
    }
    return is_wanted(c == '\\' && at_ < text_.size() ? text_[at_++] : c);
  }

  // Behind its bracket.
  bool one_of_class() {
    bool all = next() != '^';
    const auto begin = at_ + (all ? 0 : 1);
    for (at_ = begin; at_ < text_.size() && (next() != ']' || at_ == begin); ++at_) {
      if (rest().starts_with("[:"))
        at_ = std::min(text_.find(":]", at_), text_.size() - 1) + 1;
      else if (next() == '\\')
        ++at_;
      all = all && is_wanted(next());
    }
    ++at_;
    return all;
  }

  std::string_view text_;
  std::string_view letters_;
  std::size_t at_ = 0;
};

}  // namespace

bool demands_one_of(std::string_view expression, std::string_view letters) {
  // What is longer is refused anyway, and might nest deeper than the stack.
  return expression.size() <= limits::kImportValueBytes && Demands(expression, letters).group();
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  std::uint32_t number = 0;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find_first_of("\r\n", from), text.size());
    ++number;
    if (const auto line = trimmed(text.substr(from, end - from)); !line.empty())
      lines.push_back({number, line});
    from = end + (text.substr(end, 2) == "\r\n" ? 2 : 1);
  }
  return lines;
}

std::string in_small_letters(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), small);
  return result;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const auto end = text.find(separator, from);
    parts.push_back(trimmed(text.substr(from, end - from)));
    if (end == std::string_view::npos) return parts;
    from = end + 1;
  }
}

std::optional<std::vector<std::string>> comma_separated(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  for (std::string& field : fields) field = std::string(trimmed(field));
  return fields;
}

std::string refanged(std::string_view text) {
  struct Defanged {
    std::string_view from, to;
  };
  constexpr std::array<Defanged, 12> kDefanged = {{{"[.]", "."},
                                                   {"(.)", "."},
                                                   {"{.}", "."},
                                                   {"[dot]", "."},
                                                   {"(dot)", "."},
                                                   {"[:]", ":"},
                                                   {"[://]", "://"},
                                                   {"[:]//", "://"},
                                                   {"[/]", "/"},
                                                   {"[@]", "@"},
                                                   {"\\.", "."},
                                                   {"[.", "."}}};
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const auto rest = text.substr(i);
    const auto found = std::find_if(kDefanged.begin(), kDefanged.end(), [&](const Defanged& d) {
      return in_small_letters(rest.substr(0, d.from.size())) == d.from;
    });
    if (found == kDefanged.end()) {
      result += text[i++];
      continue;
    }
    result += found->to;
    i += found->from.size();
  }
  const std::string small_letters = in_small_letters(result.substr(0, 8));
  for (const std::string_view scheme : {"hxxps://", "hxxp://"})
    if (small_letters.starts_with(scheme))
      return "http" + std::string(scheme.substr(4)) + result.substr(scheme.size());
  return result;
}

std::optional<Timestamp> feed_time(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 10) return std::nullopt;
  std::string shape(text.substr(0, 10));
  std::string_view rest = text.substr(10);
  const auto parsed = [](const std::string& written) -> std::optional<Timestamp> {
    const auto time = from_rfc3339(written);
    return time ? std::optional(*time) : std::nullopt;
  };
  if (rest.empty()) return parsed(shape + "T00:00:00Z");
  if (rest[0] != 'T' && rest[0] != 't' && rest[0] != ' ') return std::nullopt;
  rest.remove_prefix(1);
  if (rest.size() < 8) return std::nullopt;
  shape += "T" + std::string(rest.substr(0, 8)) + "Z";
  rest.remove_prefix(8);
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const auto digits = std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin();
    if (digits == 0) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(digits));
  }
  Seconds offset{};
  if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' &&
      is_digit(rest[1]) && is_digit(rest[2]) && is_digit(rest[4]) && is_digit(rest[5])) {
    offset = std::chrono::hours((rest[1] - '0') * 10 + rest[2] - '0') +
             std::chrono::minutes((rest[4] - '0') * 10 + rest[5] - '0');
    if (rest[0] == '-') offset = -offset;
  } else if (!rest.empty() && rest != "Z" && rest != "z" && rest != " UTC") {
    return std::nullopt;
  }
  const auto time = parsed(shape);
  // Its offset may lead out of the years that a policy can write.
  if (!time || unix_seconds(*time - offset) > limits::kTimeMax) return std::nullopt;
  return *time - offset;
}

std::string shown_note(std::string_view text) {
  std::string note = escaped(trimmed(text).substr(0, limits::kImportNoteBytes));
  if (note.size() > limits::kImportNoteBytes) note.resize(limits::kImportNoteBytes);
  while (!is_utf8(note)) note.pop_back();  // cut inside a letter
  return note;
}

}  // namespace fleetsweep::indicators
