#include "agent/lines/logical_lines.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "agent/lines/apt_conf.h"

namespace fleetsweep::lines {
namespace {

using model::PersistenceKind;

constexpr std::string_view kUnitEnds("\n\r\0", 3);

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

bool is_comment(std::string_view line, Join join) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos || join == Join::kModprobe) return false;
  if (join == Join::kSudoers) return is_sudoers_comment(line.substr(first));
  return line[first] == '#' || (join == Join::kUnit && line[first] == ';');
}

bool skips_comments(Join join) {
  return join == Join::kUnit || join == Join::kUdev;
}

// To these two readers a backslash may stand for itself, behind another one.
bool has_joint(std::string_view line, Join join) {
  const std::size_t slashes = line.size() - (line.find_last_not_of('\\') + 1);
  return join == Join::kUnit || join == Join::kModprobe ? slashes % 2 == 1 : slashes > 0;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

template <typename Visit>
void each_byte_of_parts(std::string_view line, Join join, Visit visit) {
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = end_of(line, at, join), next = behind_end(line, end, join);
    const bool is_left_out = at > 0 && is_comment(line.substr(at, end - at), join);
    const bool goes_on = next > end;
    for (std::size_t i = at; at > 0 && i < end && is_blank(line[i]); ++i) ++at;
    for (std::size_t i = at; !is_left_out && i < end; ++i)
      if (!goes_on || i + 1 < end)
        visit(line[i], i);
      else if (join == Join::kUnit)
        visit(' ', i);
    at = next;
  }
}

// What counts of a line that was put together, and where it stands.
template <typename Visit>
void each_byte(std::string_view line, Join join, Visit visit) {
  if (skips_comments(join)) return each_byte_of_parts(line, join, visit);
  const bool joins = join == Join::kBackslash || join == Join::kSudoers;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_joint = line.substr(i).starts_with("\\\n");
    if (joins && is_joint) {
      visit(' ', i++);
    } else if (join == Join::kModprobe && line[i] == '\\') {
      if (++i < line.size() && !is_joint) visit(line[i], i);
    } else {
      visit(line[i], i);
    }
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
  const std::string_view id = word.substr(word.starts_with("#-") ? 2 : 1);
  const bool is_user = !id.empty() && id[0] >= '0' && id[0] <= '9';
  return !is_user && word != "#include" && word != "#includedir";
}

Join join_of(PersistenceKind kind, std::string_view name) {
  switch (kind) {
    case PersistenceKind::kSystemdEnvironment:
      return Join::kUnit;
    case PersistenceKind::kSudoers:
      return Join::kSudoers;
    case PersistenceKind::kPackageManagerHook:
      return name.find("::") == std::string_view::npos ? Join::kNone : Join::kBraces;
    case PersistenceKind::kUdevRule:
      return Join::kUdev;
    case PersistenceKind::kModprobeHook:
      return Join::kModprobe;
    case PersistenceKind::kShellProfile:
    case PersistenceKind::kRcLocal:
    case PersistenceKind::kPamConfig:
    case PersistenceKind::kGitHook:
      return Join::kBackslash;
    case PersistenceKind::kKernelModule:
    case PersistenceKind::kBinfmt:
    case PersistenceKind::kEnvironmentFile:
      return Join::kList;
    default:
      return Join::kNone;
  }
}

Join unjoined(Join join) {
  const bool as_unit = join == Join::kUnit || join == Join::kUdev || join == Join::kList;
  return as_unit ? Join::kList : Join::kNone;
}

std::vector<Line> logical_lines(std::string_view text, Join join) {
  std::vector<Line> result;
  std::size_t begin = 0;  // of the logical line
  std::uint32_t number = 1, first = 1;
  bool inside = false;
  AptReader apt;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = end_of(text, at, join), next = behind_end(text, end, join);
    const std::string_view line = text.substr(at, end - at), newline = text.substr(end, next - end);
    bool goes_on = false;
    if (join == Join::kBraces) {
      apt.read(line, [](const AptSetting&) {});
      goes_on = apt.is_inside();
    } else if (join != unjoined(join)) {
      const bool comment = is_comment(line, join);
      goes_on = inside && comment && skips_comments(join) ? true
                : comment && !inside                      ? false
                                                          : has_joint(line, join);
    }
    inside = goes_on && next < text.size();
    number += newline.find('\n') != std::string_view::npos;
    if (!inside) {
      result.push_back({text.substr(begin, end - begin), newline, first});
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
