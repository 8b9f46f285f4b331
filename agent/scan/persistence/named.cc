#include "agent/scan/persistence/formats.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kPathsOfOne = 32;  // what one name may stand for

}  // namespace

std::vector<std::string> expanded(std::string_view named, const Token& token) {
  std::vector<std::string> paths = {{}};
  for (std::size_t at = 0; at < named.size(); ++at) {
    if (named[at] != '%' || at + 1 == named.size()) {
      for (std::string& path : paths) path += named[at];
      continue;
    }
    std::string_view choices = token(named[++at]);
    // A whole path in the middle of another one is known by its folders only.
    if (choices.starts_with("@home") && !paths.front().empty()) choices = "/*|/*/*";
    std::vector<std::string> longer;
    for (const std::string& path : paths)
      for (std::string_view rest = choices; !rest.empty();) {
        const std::string_view choice = field(rest, '|');
        if (longer.size() < kPathsOfOne) longer.push_back(path + std::string(choice));
      }
    if (!longer.empty()) paths = std::move(longer);
  }
  return paths;
}

std::string without_brackets(std::string_view pattern) {
  std::string result;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    std::size_t first = at + 1;  // a ] that is first, or behind a ! or ^, is one of them
    if (first < pattern.size() && (pattern[first] == '!' || pattern[first] == '^')) ++first;
    const std::size_t end = pattern[at] == '[' ? pattern.find(']', first + 1) : pattern.npos;
    if (end != pattern.npos) {
      result += '?';
      at = end;
    } else if (pattern[at] != '\\' || at + 1 == pattern.size()) {
      result += pattern[at];
    } else {
      result += pattern[++at];
    }
  }
  return result;
}

}  // namespace fleetsweep::scan
