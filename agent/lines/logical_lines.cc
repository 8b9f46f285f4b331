#include "agent/lines/logical_lines.h"

#include <algorithm>
#include <optional>

#include "agent/lines/apt_conf.h"

namespace fleetsweep::lines {
namespace {

using model::PersistenceKind;

bool is_comment(std::string_view line, Join join) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string_view::npos) return false;
  if (join == Join::kSudoers) return is_sudoers_comment(line.substr(first));
  return line[first] == '#' || (join == Join::kUnit && line[first] == ';');
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// A backslash before a newline is as good as a space.
bool is_joint(std::string_view text, std::size_t at) {
  return text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '\n';
}

// From the first equals sign on, with the gaps before them.
struct Piece {
  std::string_view gap;
  Word word;
};
std::vector<Piece> pieces(std::string_view rest) {
  std::vector<Piece> result;
  while (!rest.empty()) {
    std::size_t at = 0;
    while (at < rest.size() && (is_blank(rest[at]) || is_joint(rest, at))) ++at;
    Piece piece{rest.substr(0, at), {}};
    rest.remove_prefix(at);
    char quote = 0;
    for (at = 0; at < rest.size(); ++at) {
      const char c = rest[at];
      if (quote == 0 && (is_blank(c) || is_joint(rest, at))) break;
      if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      } else if (c == '\\' && at + 1 < rest.size() && rest[at + 1] != '\n') {
        piece.word.value += rest[++at];
      } else {
        piece.word.value += c;
      }
    }
    piece.word.raw = rest.substr(0, at);
    rest.remove_prefix(at);
    result.push_back(std::move(piece));
  }
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
    case PersistenceKind::kShellProfile:
    case PersistenceKind::kRcLocal:
    case PersistenceKind::kPamConfig:
    case PersistenceKind::kUdevRule:
    case PersistenceKind::kModprobeHook:
    case PersistenceKind::kGitHook:
      return Join::kBackslash;
    default:
      return Join::kNone;
  }
}

std::vector<Line> logical_lines(std::string_view text, Join join) {
  std::vector<Line> result;
  std::size_t begin = 0;  // of the logical line
  std::uint32_t number = 1, first = 1;
  bool inside = false;
  AptReader apt;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    bool goes_on = false;
    if (join == Join::kBraces) {
      apt.read(line, [](const AptSetting&) {});
      goes_on = apt.is_inside();
    } else if (join != Join::kNone) {
      const bool comment = is_comment(line, join);
      goes_on = inside && comment && join == Join::kUnit ? true
                : comment && !inside                     ? false
                                                         : line.ends_with('\\');
    }
    const bool last = end >= text.size();
    const std::size_t next = last ? text.size() : end + 1;
    inside = goes_on && next < text.size();
    if (!inside) {
      result.push_back({text.substr(begin, end - begin), text.substr(end, last ? 0 : 1), first});
      begin = next;
      first = number + 1;
    }
    ++number;
    at = next;
  }
  return result;
}

std::string joined(std::string_view line) {
  std::string result;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool joint = is_joint(line, i);
    result += joint ? ' ' : line[i];
    i += joint;
  }
  return result;
}

std::vector<Word> environment_words(std::string_view line) {
  std::vector<Word> words;
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return words;
  for (Piece& piece : pieces(line.substr(equals + 1)))
    if (!piece.word.raw.empty()) words.push_back(std::move(piece.word));
  return words;
}

std::string without_word(std::string_view line, std::string_view value) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  std::string result(line);
  result.resize(equals + 1);
  bool has_other = false;
  std::optional<std::string_view> first;  // the gap before the word that was first and goes
  for (const Piece& piece : pieces(line.substr(equals + 1))) {
    if (!piece.word.raw.empty() && piece.word.value == value) {
      if (!has_other && !first) first = piece.gap;
      continue;  // with what stood before it
    }
    result += !has_other && first ? *first : piece.gap;
    result += piece.word.raw;
    has_other = has_other || !piece.word.raw.empty();
  }
  return has_other ? result : std::string();
}

}  // namespace fleetsweep::lines
