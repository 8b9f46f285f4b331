#include "agent/overlay/image_store.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/limits.h"
#include "protocol/codec/json_members.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kAlgorithm = "sha256:";

// Only these members, wherever they stand. Null: no JSON, or none that an engine writes.
Json members_of(std::string_view text, std::initializer_list<std::string_view> wanted) {
  if (text.size() > limits::kImageRecordBytes) return {};
  bool is_too_deep = false;
  const auto look = [&](int depth, Json::parse_event_t event, const Json& value) {
    is_too_deep |= depth > limits::kImageRecordDepth;
    return event != Json::parse_event_t::key ||
           std::find(wanted.begin(), wanted.end(), value.get_ref<const std::string&>()) !=
               wanted.end();
  };
  Json json = Json::parse(text, look, false);
  return is_too_deep || json.is_discarded() ? Json() : json;
}

const Json& member(const Json& object, const char* name) {
  static const Json kNone;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return found != object.end() ? *found : kNone;
}

std::optional<Digest> digest_of(const Json& value, std::string_view prefix = {}) {
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = value.get_ref<const std::string&>();
  if (!text.starts_with(prefix)) return std::nullopt;
  const auto digest = Digest::parse_hex(text.substr(prefix.size()));
  return digest ? std::optional(*digest) : std::nullopt;
}

}  // namespace

bool has_layer(std::string_view configuration, const Digest& chain_id) {
  const Json json = members_of(configuration, {"rootfs", "diff_ids"});
  const Json& layers = member(member(json, "rootfs"), "diff_ids");
  // Which of two would count, docker alone knows.
  if (!layers.is_array() || !codec::no_member_twice(configuration)) return false;
  std::optional<Digest> chain;
  for (const Json& layer : layers) {
    const auto diff_id = digest_of(layer, kAlgorithm);
    if (!diff_id) return false;
    chain = chain ? crypto::sha256(as_bytes(
                        fmt::format("{0}{1} {0}{2}", kAlgorithm, chain->hex(), diff_id->hex())))
                  : *diff_id;
    if (*chain == chain_id) return true;
  }
  return false;
}

std::set<Digest> images_with(std::string_view images, std::string_view layers,
                             const Digest& layer) {
  const Json all_images = members_of(images, {"id", "layer", "mapped-layers"});
  const Json all_layers = members_of(layers, {"id", "parent"});
  if (!all_images.is_array() || all_images.size() > limits::kImages || !all_layers.is_array() ||
      all_layers.size() > limits::kImageLayers)
    return {};
  std::multimap<Digest, Digest> children;
  for (const Json& one : all_layers) {
    const auto id = digest_of(member(one, "id")), parent = digest_of(member(one, "parent"));
    if (id && parent) children.emplace(*parent, *id);
  }
  // The layer and all that stand on it.
  std::set<Digest> above{layer};
  for (std::vector<Digest> next{layer}; !next.empty();) {
    const auto [begin, end] = children.equal_range(next.back());
    next.pop_back();
    for (auto child = begin; child != end; ++child)
      if (above.insert(child->second).second) next.push_back(child->second);
  }
  const auto has_it = [&](const Json& top) {
    const auto id = digest_of(top);
    return id && above.contains(*id);
  };
  std::set<Digest> found;
  for (const Json& image : all_images) {
    const Json& mapped = member(image, "mapped-layers");  // the same for other users
    const auto id = digest_of(member(image, "id"));
    if (id && (has_it(member(image, "layer")) || std::any_of(mapped.begin(), mapped.end(), has_it)))
      found.insert(*id);
  }
  return found;
}

ImageDocument parse_image_document(std::string_view document) {
  const Json json = members_of(document, {"manifests", "config", "digest"});
  const Json& manifests = member(json, "manifests");
  const Json& configuration = member(json, "config");
  if (manifests.is_array() == configuration.is_object() ||
      manifests.size() > limits::kImageManifests || !codec::no_member_twice(document))
    return {};
  ImageDocument result;
  for (const Json& one : manifests)
    if (const auto digest = digest_of(member(one, "digest"), kAlgorithm))
      result.manifests.insert(*digest);
  result.configuration = digest_of(member(configuration, "digest"), kAlgorithm);
  return result;
}

}  // namespace fleetsweep
