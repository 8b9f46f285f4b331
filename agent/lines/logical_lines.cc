#include "agent/lines/logical_lines.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/lines/apt_conf.h"

namespace fleetsweep::lines {
namespace {

using model::PersistenceKind;

constexpr std::string_view kUnitEnds("\n\r\0", 3);

bool is_pams(Join join) {
  return join == Join::kPam || join == Join::kPamVariables;
}

bool ends_as_unit(Join join) {
  return unjoined(join) == Join::kList;
}

std::size_t end_of(std::string_view text, std::size_t at, Join join) {
  const std::size_t end =
      ends_as_unit(join) ? text.find_first_of(kUnitEnds, at) : text.find('\n', at);
  return std::min(end, text.size());
}

// Each of them once is one end, up to a NUL: read_line_full() of systemd.
std::size_t behind_end(std::string_view text, std::size_t end, Join join) {
  std::size_t next = std::min(end + 1, text.size());
  if (!ends_as_unit(join)) return next;
  while (next < text.size() && text[next - 1] != '\0' &&
         kUnitEnds.find(text[next]) != std::string_view::npos &&
         text.substr(end, next - end).find(text[next]) == std::string_view::npos)
    ++next;
  return next;
}

// #1001 or #-1, as sudo knows users.
bool is_user_number(std::string_view text) {
  text.remove_prefix(text.starts_with("#-") ? 2 : 1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

bool is_comment(std::string_view line, Join join) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || join == Join::kModprobe) return false;
  if (join == Join::kSudoers) return is_sudoers_comment(line.substr(first));
  const bool is_systemds = join == Join::kUnit || join == Join::kVariables;
  return line[first] == '#' || (is_systemds && line[first] == ';');
}

constexpr std::string_view kBlank = " \t\n\r";
bool is_blank(char c) {
  return kBlank.find(c) != std::string_view::npos;
}

// Between the parts of a line.
bool is_skipped(std::string_view line, Join join) {
  if (join != Join::kUnit && join != Join::kUdev && !is_pams(join)) return false;
  return is_comment(line, join) ||
         (is_pams(join) && line.find_first_not_of(kBlank) == std::string_view::npos);
}

// Where a comment begins behind something else, line after line of one that was put together: what
// is in quotes may have begun before. Where the reader knows no such thing, nowhere.
class Comments {
 public:
  explicit Comments(Join join) : join_(join) {}

  // npos: there is none, and what follows belongs to it.
  std::size_t find(std::string_view line) {
    if (is_pams(join_)) return line.find('#');
    const bool is_shell = join_ == Join::kShell, is_git = join_ == Join::kGit;
    if (!is_shell && !is_git && join_ != Join::kSudoers) return std::string_view::npos;
    constexpr std::string_view kBetweenWords = " \t\r;&|()";
    for (std::size_t at = 0; at < line.size(); ++at) {
      const char c = line[at];
      if (c == '\\' && quote_ != '\'') {
        ++at;
        in_word_ = in_word_ || at < line.size();  // a joint is no letter
      } else if (quote_ != 0) {
        quote_ = c == quote_ ? 0 : quote_;
      } else if (c == '"' || (c == '\'' && is_shell)) {
        quote_ = c;
        in_word_ = true;
      } else if ((c == '#' &&
                  (is_shell ? !in_word_ : is_git || !is_user_number(line.substr(at)))) ||
                 (c == ';' && is_git)) {
        return at;
      } else {
        in_word_ = kBetweenWords.find(c) == std::string_view::npos;
      }
    }
    return std::string_view::npos;
  }

 private:
  Join join_;
  char quote_ = 0;
  bool in_word_ = false;  // of a shell, which knows comments only at the beginning of one
};

// Of NAME="value", line after line: whether the quote that begins the value is still open.
class Quotes {
 public:
  bool is_open_behind(std::string_view line) {
    std::size_t at = 0;
    if (part_ == Part::kName) {
      at = line.find('=');
      if (at == line.npos) return false;
      ++at;
      part_ = Part::kGap;
    }
    for (; at < line.size() && part_ != Part::kPlain; ++at) {
      const char c = line[at];
      if (quote_ != 0) {
        if (c == quote_) quote_ = 0;
        if (c == '\\' && quote_ == '"') ++at;
      } else if (c == '"' || c == '\'') {
        quote_ = c;
      } else if (!is_blank(c)) {
        part_ = Part::kPlain;
      }
    }
    return quote_ != 0;
  }

 private:
  enum class Part : std::uint8_t { kName, kGap, kPlain };
  Part part_ = Part::kName;
  char quote_ = 0;
};

// To most a backslash may stand for itself, behind another one.
bool has_joint(std::string_view line, Join join) {
  if (is_pams(join) || join == Join::kSudoers)
    line = line.substr(0, line.find_last_not_of(kBlank) + 1);
  if (join == Join::kGit && line.ends_with('\r')) line.remove_suffix(1);
  const std::size_t slashes = line.size() - (line.find_last_not_of('\\') + 1);
  const bool is_any =
      join == Join::kUdev || is_pams(join) || join == Join::kAnacron || join == Join::kInterfaces;
  return is_any ? slashes > 0 : slashes % 2 == 1;
}

// What counts of a line that was put together, and where it stands.
template <typename Visit>
void each_byte(std::string_view line, Join join, Visit visit) {
  const bool drops_blanks = join == Join::kUnit || join == Join::kUdev;
  const bool has_gap =
      join == Join::kUnit || join == Join::kPam || join == Join::kSudoers || join == Join::kAnacron;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t end = end_of(line, at, join);
    const std::size_t next = behind_end(line, end, join);
    const bool goes_on = join != unjoined(join) && join != Join::kBraces && next > end;
    const std::string_view part = line.substr(at, end - at);
    const bool is_left_out = at > 0 && is_skipped(part, join);
    const bool is_joined = goes_on && (join != Join::kVariables || has_joint(part, join));
    if (is_pams(join)) end = at + std::min(Comments(join).find(part), part.size());
    if (is_joined && !is_left_out) end = at + std::min(part.rfind('\\'), part.size());
    for (std::size_t i = at; drops_blanks && at > 0 && i < end && is_blank(line[i]); ++i) ++at;
    for (std::size_t i = at; !is_left_out && i < end; ++i)
      if (join != Join::kModprobe || line[i] != '\\' || ++i < end) visit(line[i], i);
    if (goes_on && !is_left_out && has_gap) visit(' ', end);
    if (!is_joined && next > end && !is_pams(join))  // a line end that belongs to it
      for (std::size_t i = end; i < next; ++i) visit(line[i], i);
    at = next;
  }
}

// `digits` digits, and no NUL.
std::optional<std::uint32_t> number_of(std::string_view text, std::size_t digits, int base) {
  std::uint32_t number = 0;
  if (text.size() < digits) return std::nullopt;
  const auto end = std::from_chars(text.data(), text.data() + digits, number, base).ptr;
  return end == text.data() + digits && number != 0 ? std::optional(number) : std::nullopt;
}

void add_utf8(std::string& text, std::uint32_t point) {
  if (point < 0x80) {
    text += static_cast<char>(point);
    return;
  }
  const int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  const std::uint32_t mark[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(mark[more] | ((point >> (6 * more)) & 0x3f));
  for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80 | ((point >> (6 * i)) & 0x3f));
}

// What stands behind a backslash, as cunescape_one() of systemd reads it; how many bytes it has.
std::size_t add_escaped(std::string& value, std::string_view text) {
  constexpr std::string_view kLetters = "abfnrtvs", kMeant = "\a\b\f\n\r\t\v ";
  const std::size_t letter = kLetters.find(text[0]);
  const auto number = [&](std::size_t from, std::size_t digits, int base) {
    return number_of(text.substr(from), digits, base);
  };
  if (letter != std::string_view::npos) {
    value += kMeant[letter];
  } else if (const auto byte = text[0] == 'x'  ? number(1, 2, 16)
                               : text[0] < '4' ? number(0, 3, 8)
                                               : std::nullopt) {
    value += static_cast<char>(*byte);
    return 3;
  } else if (const auto point = text[0] == 'u'   ? number(1, 4, 16)
                                : text[0] == 'U' ? number(1, 8, 16)
                                                 : std::nullopt) {
    add_utf8(value, *point);
    return text[0] == 'u' ? 5 : 9;
  } else {
    value += text[0];
  }
  return 1;
}

// From the first equals sign on, with the gaps before them.
struct Piece {
  std::string_view gap;
  Word word;
};
struct Pieces {
  std::string_view head;  // up to the equals sign
  std::vector<Piece> list;
};
Pieces pieces(std::string_view line) {
  Pieces result;
  std::string text;
  std::vector<std::size_t> places;
  each_byte(line, Join::kUnit, [&](char c, std::size_t at) {
    text += c;
    places.push_back(at);
  });
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return result;
  std::size_t from = places[equals] + 1;  // behind what was read
  result.head = line.substr(0, from);
  for (std::size_t at = equals + 1; at < text.size();) {
    while (at < text.size() && is_blank(text[at])) ++at;
    const std::size_t first = at;
    Piece piece;
    char quote = 0;
    for (; at < text.size() && (quote != 0 || !is_blank(text[at])); ++at) {
      const char c = text[at];
      if (quote == 0 && (c == '"' || c == '\''))
        quote = c;
      else if (c == quote)
        quote = 0;
      else if (c == '\\' && at + 1 < text.size())
        at += add_escaped(piece.word.value, std::string_view(text).substr(at + 1));
      else
        piece.word.value += c;
    }
    if (at == first) break;
    piece.gap = line.substr(from, places[first] - from);
    from = places[at - 1] + 1;
    // A quote that is still open holds the last joint, and the comments behind it.
    const bool is_open = from < line.size() && kUnitEnds.find(line[from]) != std::string_view::npos;
    if (at == text.size() && is_open) from = line.size();
    piece.word.raw = line.substr(places[first], from - places[first]);
    result.list.push_back(std::move(piece));
  }
  if (from < line.size()) result.list.push_back({line.substr(from), {}});
  return result;
}

}  // namespace

bool is_sudoers_comment(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  if (!line.starts_with('#')) return false;
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r\n"));
  return !is_user_number(line) && word != "#include" && word != "#includedir";
}

Join join_of_variables(std::string_view path) {
  if (path.ends_with("/.ssh/environment")) return Join::kList;
  const bool is_pams_own = path == "/etc/environment" || path == "/etc/security/pam_env.conf" ||
                           path.ends_with("/.pam_environment");
  return is_pams_own ? Join::kPamVariables : Join::kVariables;
}

bool is_option_of_interfaces(std::string_view name) {
  constexpr std::string_view kOptions[] = {"up",       "pre-up",    "post-up", "down",
                                           "pre-down", "post-down", "script"};
  return std::ranges::find(kOptions, name) != std::end(kOptions);
}

Join join_of(const model::PersistenceIdentity& entry) {
  switch (entry.kind) {
    case PersistenceKind::kCron:
      return entry.file.path.ends_with("/anacrontab") ? Join::kAnacron : Join::kNone;
    case PersistenceKind::kSystemdEnvironment:
      return Join::kUnit;
    case PersistenceKind::kSudoers:
      return Join::kSudoers;
    case PersistenceKind::kPackageManagerHook:
      return entry.name.find("::") == std::string::npos ? Join::kNone : Join::kBraces;
    case PersistenceKind::kUdevRule:
      return Join::kUdev;
    case PersistenceKind::kModprobeHook:
      return Join::kModprobe;
    case PersistenceKind::kShellProfile:
      return Join::kShell;
    case PersistenceKind::kRcLocal:
      return is_option_of_interfaces(entry.name) ? Join::kInterfaces : Join::kShell;
    case PersistenceKind::kPamConfig:
      return Join::kPam;
    case PersistenceKind::kGitHook:
      return Join::kGit;
    case PersistenceKind::kEnvironmentFile:
      return join_of_variables(entry.file.path);
    case PersistenceKind::kKernelModule:
    case PersistenceKind::kBinfmt:
      return Join::kList;
    default:
      return Join::kNone;
  }
}

Join unjoined(Join join) {
  const bool as_unit =
      join == Join::kUnit || join == Join::kUdev || join == Join::kList || join == Join::kVariables;
  return as_unit ? Join::kList : Join::kNone;
}

std::vector<Line> logical_lines(std::string_view text, Join join) {
  std::vector<Line> result;
  std::size_t begin = 0;  // of the logical line
  std::uint32_t number = 1, first = 1;
  bool inside = false;
  AptReader apt;
  Comments comments(join);
  Quotes quotes;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = end_of(text, at, join), next = behind_end(text, end, join);
    const std::string_view line = text.substr(at, end - at), newline = text.substr(end, next - end);
    bool goes_on = false;
    if (join == Join::kBraces) {
      apt.read(line, [](const AptSetting&) {});
      goes_on = apt.is_inside();
    } else if (join != unjoined(join)) {
      goes_on = inside && is_skipped(line, join)    ? true
                : !inside && is_comment(line, join) ? false
                : join == Join::kVariables && quotes.is_open_behind(line)
                    ? true
                    : comments.find(line) == line.npos && has_joint(line, join);
    }
    inside = goes_on && next < text.size();
    number += newline.find('\n') != std::string_view::npos;
    if (!inside) {
      result.push_back({text.substr(begin, end - begin), newline, first});
      comments = Comments(join);
      quotes = Quotes();
      begin = next;
      first = number;
    }
    at = next;
  }
  return result;
}

std::string joined(std::string_view line, Join join) {
  std::string result;
  result.reserve(line.size());
  each_byte(line, join, [&](char c, std::size_t) { result += c; });
  return result;
}

std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (text[at] == '\\' && at + 1 < text.size())
      at += add_escaped(result, text.substr(at + 1));
    else
      result += text[at];
  return result;
}

std::vector<Word> environment_words(std::string_view line) {
  std::vector<Word> words;
  for (Piece& piece : pieces(line).list)
    if (!piece.word.raw.empty()) words.push_back(std::move(piece.word));
  return words;
}

std::string without_word(std::string_view line, std::string_view value) {
  const Pieces all = pieces(line);
  std::string result(all.head);
  bool has_other = false;
  std::optional<std::string_view> first;  // the gap before the word that was first and goes
  for (const Piece& piece : all.list) {
    if (!piece.word.raw.empty() && piece.word.value == value) {
      // Not with a joint: what follows could become a comment.
      const bool is_plain = piece.gap.find_first_of(kUnitEnds) == std::string_view::npos;
      if (!has_other && !first && is_plain) first = piece.gap;
      continue;  // with what stood before it
    }
    result += !has_other && first ? *first : piece.gap;
    result += piece.word.raw;
    has_other = has_other || !piece.word.raw.empty();
  }
  return has_other ? result : std::string();
}

}  // namespace fleetsweep::lines
