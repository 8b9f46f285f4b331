#pragma once

// Words and lines of the small formats of the system.

#include <algorithm>
#include <string>
#include <string_view>

namespace fleetsweep::scan {

inline constexpr std::string_view kBlank = " \t\r\n";

inline std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Takes the first word off.
inline std::string_view word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view result = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(result.size());
  return result;
}

// Takes what stands before the separator off, and the separator.
inline std::string_view field(std::string_view& text, char separator) {
  const std::string_view result = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(result.size() + 1, text.size()));
  return result;
}

inline std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

inline std::string_view folder_of(std::string_view path) {
  return path.substr(0, path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/'));
}

inline std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

inline std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == text.back() && (text[0] == '"' || text[0] == '\''))
    return text.substr(1, text.size() - 2);
  return text;
}

inline void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += "; ";
  list += item;
}

}  // namespace fleetsweep::scan
