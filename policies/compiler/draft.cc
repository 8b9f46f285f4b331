#include "policies/compiler/draft.h"

#include <algorithm>

namespace fleetsweep::compiler {
namespace {

template <class T>
int index_of(const std::vector<T>& all, std::string_view id) {
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].id == id) return static_cast<int>(i);
  return -1;
}

template <class T>
std::vector<std::string_view> names_of(const std::vector<T>& all) {
  std::vector<std::string_view> names;
  for (const auto& one : all) names.push_back(one.id);
  return names;
}

}  // namespace

int Draft::detection(std::string_view id) const {
  return index_of(policy.detections, id);
}
int Draft::verdict(std::string_view id) const {
  return index_of(policy.verdicts, id);
}
int Draft::rule(std::string_view id) const {
  return index_of(policy.rules, id);
}
std::vector<std::string_view> Draft::detection_names() const {
  return names_of(policy.detections);
}
std::vector<std::string_view> Draft::verdict_names() const {
  return names_of(policy.verdicts);
}

bool is_name(std::string_view text) {
  constexpr std::string_view kWords[] = {"and", "or", "not", "of", "all", "them"};
  if (text.empty() || text.size() > 64 || text[0] < 'a' || text[0] > 'z') return false;
  if (std::find(std::begin(kWords), std::end(kWords), text) != std::end(kWords)) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::vector<std::uint16_t> expand_pattern(std::string_view pattern, const Draft& draft) {
  const bool star = pattern.ends_with('*');
  const auto stem = star ? pattern.substr(0, pattern.size() - 1) : pattern;
  std::vector<std::uint16_t> indices;
  for (std::size_t i = 0; i < draft.policy.detections.size(); ++i) {
    const std::string_view id = draft.policy.detections[i].id;
    if (star ? id.starts_with(stem) : id == stem) indices.push_back(static_cast<std::uint16_t>(i));
  }
  return indices;
}

}  // namespace fleetsweep::compiler
