#include "agent/overlay/containerd_store.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "agent/overlay/bolt.h"
#include "protocol/base/limits.h"

namespace fleetsweep {
namespace {

using Path = std::span<const std::string_view>;

// "*" is any name.
bool is_like(Path path, std::initializer_list<std::string_view> pattern) {
  return std::equal(path.begin(), path.end(), pattern.begin(), pattern.end(),
                    [](auto name, auto wanted) { return wanted == "*" || name == wanted; });
}

std::optional<Digest> digest_of(std::string_view text) {
  constexpr std::string_view kAlgorithm = "sha256:";
  if (!text.starts_with(kAlgorithm)) return std::nullopt;
  const auto digest = Digest::parse_hex(text.substr(kAlgorithm.size()));
  return digest ? std::optional(*digest) : std::nullopt;
}

// As Go's encoding/binary writes it.
std::string varint(std::uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  return text + static_cast<char>(value);
}

}  // namespace

std::optional<ContainerdLayer> containerd_layer(std::uint64_t number, BytesView snapshots,
                                                BytesView metadata) {
  // "k8s.io/12/sha256:<chain id>", with a namespace and a number that is not the folder's.
  const std::string id = varint(number);
  std::set<std::string> keys;
  const bool has_keys = each_bolt_value(snapshots, [&](Path path, std::string_view value) {
    if (is_like(path, {"v1", "snapshots", "*", "id"}) && value == id) keys.emplace(path[2]);
  });
  if (!has_keys || keys.size() != 1) return std::nullopt;
  const std::string& key = *keys.begin();
  const auto chain_id = digest_of(std::string_view(key).substr(key.rfind('/') + 1));
  if (!chain_id) return std::nullopt;
  std::set<std::string> namespaces;
  std::map<std::string, std::set<Digest>> targets;
  const bool is_whole = each_bolt_value(metadata, [&](Path path, std::string_view value) {
    if (is_like(path, {"v1", "*", "snapshots", "overlayfs", "*", "name"}) && value == key &&
        digest_of(path[4]) == chain_id)
      namespaces.emplace(path[1]);
    if (!is_like(path, {"v1", "*", "images", "*", "target", "digest"})) return;
    if (const auto target = digest_of(value)) targets[std::string(path[1])].insert(*target);
  });
  if (!is_whole) return std::nullopt;
  ContainerdLayer layer{*chain_id, {}, {}};
  for (const std::string& name : namespaces)
    (name == "k8s.io" ? layer.of_kubernetes : layer.of_others).merge(targets[name]);
  if (layer.of_kubernetes.size() + layer.of_others.size() > limits::kImages) return std::nullopt;
  return layer;
}

}  // namespace fleetsweep
