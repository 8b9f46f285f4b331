#include "policies/compiler/draft.h"

#include <algorithm>

#include "protocol/base/bytes.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"

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

bool is_inside(std::string_view path) {
  if (path.starts_with('/') || path.find('\\') != std::string_view::npos) return false;
  for (std::size_t from = 0; from <= path.size();) {
    const auto slash = std::min(path.find('/', from), path.size());
    const auto part = path.substr(from, slash - from);
    if (part == ".." || part.empty()) return false;
    from = slash + 1;
  }
  return true;
}

}  // namespace

std::string beside(const std::string& policy, const std::string& file) {
  const auto slash = policy.rfind('/');
  return slash == std::string::npos ? file : policy.substr(0, slash + 1) + file;
}

std::optional<std::string> read_beside(const Node& node, const Node* pin, std::string_view what,
                                       std::size_t size_max, Draft& draft) {
  const auto path = read_text(node, "'file'", draft.sink);
  if (!path) return std::nullopt;
  if (!is_inside(*path)) {
    draft.sink.error(node.at, fmt::format("'{}' is not a file beside the policy", shown(*path)),
                     "a relative path without '..', such as rules/family.yar");
    return std::nullopt;
  }
  auto text = draft.read_file(*path, size_max);
  if (!text) {
    draft.sink.error(node.at, text.error().message);
    return std::nullopt;
  }
  if (text->size() > size_max) {
    draft.sink.error(node.at,
                     fmt::format("'{}' has {} bytes; at most {}", *path, text->size(), size_max));
    return std::nullopt;
  }
  const std::string actual = crypto::sha256(as_bytes(*text)).hex();
  if (!pin)
    draft.sink.error(node.at, fmt::format("{} has no 'sha256'", what), "sha256: " + actual);
  else if (const auto said = read_text(*pin, "'sha256'", draft.sink); said && *said != actual)
    draft.sink.error(
        pin->at, fmt::format("'{}' has another SHA-256 than the policy says", *path),
        fmt::format("it is {}; look at what changed before you write it here", actual));
  return std::move(*text);
}

Bytes Draft::hashes() const {
  Bytes all;
  for (const model::HashPart& part : hash_set::hash_parts(policy))
    append(all, BytesView(hash_parts.at(part.digest)));
  return all;
}

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
