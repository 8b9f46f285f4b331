#include "agent/act/lines.h"

#include <algorithm>
#include <vector>

namespace fleetsweep::act {

namespace {

// Each with its newline; the last may have none.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

std::string_view content(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

// The only position of a line with this content, if there is exactly one.
std::optional<std::size_t> only(const std::vector<std::string_view>& lines, std::string_view text) {
  std::optional<std::size_t> at;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (content(lines[i]) != text) continue;
    if (at) return std::nullopt;
    at = i;
  }
  return at;
}

}  // namespace

std::optional<std::string> without_line(std::string_view text, std::string_view entry,
                                        std::string_view rest) {
  std::string result;
  bool found = false;
  for (const auto line : lines_of(text)) {
    if (content(line) != entry) {
      result += line;
      continue;
    }
    found = true;
    if (rest.empty()) continue;
    result += rest;
    result += line.substr(entry.size());  // its newline, if it has one
  }
  if (!found) return std::nullopt;
  return result;
}

std::optional<std::string> with_line_back(std::string_view before, std::string_view current,
                                          std::string_view entry, std::string_view rest) {
  auto now = lines_of(current);
  if (std::any_of(now.begin(), now.end(), [&](auto line) { return content(line) == entry; }))
    return std::string(current);  // somebody put it back already
  const auto then = lines_of(before);
  const auto was = only(then, entry);
  if (!was) return std::nullopt;
  if (!rest.empty()) return only(now, rest) ? without_line(current, rest, entry) : std::nullopt;

  std::optional<std::size_t> at;
  if (*was > 0)
    if (const auto above = only(now, content(then[*was - 1]))) at = *above + 1;
  if (!at && *was + 1 < then.size())
    if (const auto below = only(now, content(then[*was + 1]))) at = *below;
  if (!at && then.size() == 1 && now.empty()) at = 0;
  if (!at) return std::nullopt;

  std::string result;
  for (std::size_t i = 0; i <= now.size(); ++i) {
    if (i == *at) {
      if (!result.empty() && !result.ends_with('\n')) result += '\n';
      result += entry;
      if (i < now.size() || then[*was].ends_with('\n')) result += '\n';
    }
    if (i < now.size()) result += now[i];
  }
  return result;
}

std::string without_library(std::string_view line, std::string_view library) {
  constexpr std::string_view kBetween = " \t\r:";
  const std::string_view comment = line.substr(std::min(line.find('#'), line.size()));
  line.remove_suffix(comment.size());
  std::string result;
  bool names_another = false;
  while (!line.empty()) {
    const auto gap = line.substr(0, line.find_first_not_of(kBetween));
    line.remove_prefix(gap.size());
    const auto word = line.substr(0, line.find_first_of(kBetween));
    line.remove_prefix(word.size());
    if (word == library) continue;  // with what stood before it
    result += gap;
    result += word;
    names_another = names_another || !word.empty();
  }
  if (!names_another) return {};
  result.erase(0, result.find_first_not_of(kBetween));
  return result.append(comment);
}

}  // namespace fleetsweep::act
