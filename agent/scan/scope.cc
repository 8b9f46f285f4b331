#include "agent/scan/scope.h"

#include <algorithm>
#include <span>

#include "agent/hive/paths.h"
#include "agent/hive/text.h"

namespace fleetsweep::scan {
namespace {

std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> result;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) result.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return result;
}

using Names = std::span<const std::string_view>;
using Globs = std::span<const std::string>;

// Whether the pattern accepts the first n components for some n, leaving at most `below` of them,
// at least `below_min`. Patterns are short, so the recursion is.
bool covers(Globs pattern, Names names, std::size_t below) {
  if (pattern.empty()) return names.size() <= below;
  if (pattern.front() == "**")
    return covers(pattern.subspan(1), names, below) ||
           (!names.empty() && covers(pattern, names.subspan(1), below));
  return !names.empty() && matches_glob(pattern.front(), names.front()) &&
         covers(pattern.subspan(1), names.subspan(1), below);
}

// Whether the names could be the beginning of something the pattern accepts.
bool leads_to(Globs pattern, Names names, std::size_t below) {
  if (names.empty()) return true;
  // A folder at the last allowed depth holds nothing that counts.
  if (pattern.empty()) return names.size() < below;
  if (pattern.front() == "**")
    return leads_to(pattern.subspan(1), names, below) || leads_to(pattern, names.subspan(1), below);
  return matches_glob(pattern.front(), names.front()) &&
         leads_to(pattern.subspan(1), names.subspan(1), below);
}

constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Scope Scope::of(const model::FileScope& scope, Root& root, const Unreadable& unreadable) {
  Scope result;
  result.depth_ = scope.depth;
  result.everywhere_ = scope.paths.empty();
  const auto add = [&](std::string_view path) {
    root.find_links(path);
    const std::string real = root.real(path);
    Pattern pattern;
    for (const std::string_view part : components(real)) pattern.emplace_back(part);
    result.patterns_.push_back(std::move(pattern));
  };
  if (root.is_windows()) {
    result.folded_ = true;
    for (const std::string& path : scope.paths)
      for (const std::string& glob : hive::globs_of(path, root.profiles())) {
        add(hive::lower(glob));
        // The walk begins where no wildcard stands yet.
        std::string start = glob.substr(0, glob.find_first_of("*?"));
        if (start.size() < glob.size()) start.resize(start.rfind('/'));
        for (std::string& found : resolve(root, start, unreadable))
          result.starts_.push_back(std::move(found));
      }
    return result;
  }
  constexpr std::string_view kHome = "@home";
  for (const std::string& path : scope.paths) {
    if (!path.starts_with(kHome)) {
      add(path);
      continue;
    }
    for (const Home& home : root.homes(path.substr(kHome.size()))) add(home.path);
  }
  return result;
}

std::vector<std::string_view> Scope::names_of(std::string_view path, std::string& folded) const {
  if (!folded_) return components(path);
  folded = hive::lower(path);
  return components(folded);
}

bool Scope::contains(std::string_view file) const {
  if (everywhere_) return true;
  std::string folded;
  const auto names = names_of(file, folded);
  const std::size_t below = depth_ == 0 ? kUnlimited : depth_;
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const Pattern& pattern) { return covers(pattern, names, below); });
}

bool Scope::covers_files_of(std::string_view folder) const {
  if (everywhere_) return true;
  std::string folded;
  const auto names = names_of(folder, folded);
  const std::size_t below = depth_ == 0 ? kUnlimited : depth_;
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const Pattern& pattern) { return covers(pattern, names, below - 1); });
}

bool Scope::may_contain(std::string_view folder) const {
  if (everywhere_) return true;
  std::string folded;
  const auto names = names_of(folder, folded);
  const std::size_t below = depth_ == 0 ? kUnlimited : depth_;
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const Pattern& pattern) { return leads_to(pattern, names, below); });
}

std::vector<std::string> Scope::starts() const {
  if (everywhere_) return {"/"};
  if (folded_) return starts_;
  std::vector<std::string> result;
  for (const Pattern& pattern : patterns_) {
    std::string path;
    for (const std::string& part : pattern) {
      if (part.find_first_of("*?") != std::string::npos) break;
      path += "/" + part;
    }
    result.push_back(path.empty() ? "/" : path);
  }
  return result;
}

}  // namespace fleetsweep::scan
