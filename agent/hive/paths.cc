#include "agent/hive/paths.h"

#include <algorithm>

#include "agent/hive/text.h"
#include "protocol/model/windows_variables.h"

namespace fleetsweep::hive {
namespace {

std::string slashes(std::string_view path) {
  std::string text(path);
  std::replace(text.begin(), text.end(), '\\', '/');
  while (text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

std::vector<std::string> globs_of(std::string_view path, std::span<const std::string> profiles) {
  constexpr std::string_view kUsers = "/Users/*";
  if (path.size() >= 2 && path[1] == ':') {
    if (path[0] != 'C' && path[0] != 'c') return {};
    const std::string below = slashes(path.substr(2));
    return {below.empty() ? "/" : below};
  }
  const std::size_t end = path.starts_with('%') ? path.find('%', 1) : std::string_view::npos;
  if (end == std::string_view::npos) return {};
  const std::string below = slashes(path.substr(end + 1));
  std::vector<std::string> globs;
  for (const auto& [variable, glob] : model::kWindowsVariables) {
    if (!is_equal(variable, path.substr(0, end + 1))) continue;
    globs.push_back(std::string(glob) + below);
    if (!glob.starts_with(kUsers)) continue;
    for (const std::string& profile : profiles)
      globs.push_back(profile + std::string(glob.substr(kUsers.size())) + below);
  }
  return globs;
}

std::string spelling_of(std::string_view path) {
  std::string text = "C:";
  text += path;
  std::replace(text.begin(), text.end(), '/', '\\');
  return text;
}

bool is_windows_path(std::string_view path) {
  return path.starts_with('%') || (path.size() >= 2 && path[1] == ':');
}

}  // namespace fleetsweep::hive
