#include "agent/act/lines.h"

#include <algorithm>
#include <vector>

namespace fleetsweep::act {

namespace {

// Where `block`, one line or several, stands in `text` as whole lines, if it does so exactly once.
std::optional<std::size_t> only_block(std::string_view text, const std::vector<lines::Line>& list,
                                      std::string_view block) {
  std::optional<std::size_t> at;
  const auto begin_of = [&](const lines::Line& line) {
    return static_cast<std::size_t>(line.text.data() - text.data());
  };
  for (const lines::Line& line : list) {
    const std::size_t begin = begin_of(line), end = begin + block.size();
    if (text.substr(begin, block.size()) != block ||
        std::ranges::none_of(list, [&](const lines::Line& last) {
          return begin_of(last) + last.text.size() == end;
        }))
      continue;
    if (at) return std::nullopt;
    at = begin;
  }
  return at;
}

// The only position of a line with this content, if there is exactly one.
std::optional<std::size_t> only(const std::vector<lines::Line>& list, std::string_view text) {
  std::optional<std::size_t> at;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].text != text) continue;
    if (at) return std::nullopt;
    at = i;
  }
  return at;
}

}  // namespace

std::optional<std::string> without_line(std::string_view text, std::string_view entry,
                                        std::string_view rest, lines::Join join) {
  std::string result;
  bool found = false;
  for (const lines::Line& line : lines::logical_lines(text, join)) {
    const bool is_it = line.text == entry;
    found = found || is_it;
    if (is_it && rest.empty()) continue;
    result += is_it ? rest : line.text;
    result += line.newline;
  }
  if (!found) return std::nullopt;
  return result;
}

std::optional<std::string> with_line_back(std::string_view before, std::string_view current,
                                          std::string_view entry, std::string_view rest,
                                          lines::Join join) {
  const auto now = lines::logical_lines(current, join);
  if (std::any_of(now.begin(), now.end(), [&](const auto& line) { return line.text == entry; }))
    return std::string(current);  // somebody put it back already
  const auto then = lines::logical_lines(before, join);
  const auto was = only(then, entry);
  if (!was) return std::nullopt;
  if (!rest.empty()) {
    const auto block = only_block(current, now, rest);
    if (!block) return std::nullopt;
    return std::string(current).replace(*block, rest.size(), entry);
  }

  std::optional<std::size_t> at;
  if (*was > 0)
    if (const auto above = only(now, then[*was - 1].text)) at = *above + 1;
  if (!at && *was + 1 < then.size())
    if (const auto below = only(now, then[*was + 1].text)) at = *below;
  if (!at && then.size() == 1 && now.empty()) at = 0;
  if (!at) return std::nullopt;

  const std::string_view newline = then[*was].newline;
  const std::string_view between = !newline.empty() ? newline
                                   : *was > 0       ? then[*was - 1].newline
                                                    : "\n";
  std::string result;
  for (std::size_t i = 0; i <= now.size(); ++i) {
    if (i == *at) {
      if (i > 0 && now[i - 1].newline.empty()) result += between;
      result += entry;
      result += i < now.size() ? between : newline;
    }
    if (i < now.size()) result.append(now[i].text).append(now[i].newline);
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
