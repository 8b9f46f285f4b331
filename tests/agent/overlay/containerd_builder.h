#pragma once

// The two databases of a containerd, as far as anybody reads them here.

#include <string>

#include "protocol/base/ids.h"
#include "tests/agent/overlay/bolt_builder.h"

namespace fleetsweep {

inline Digest numbered_digest(std::uint64_t number) {
  Digest digest;
  for (std::size_t i = 0; i < 8; ++i)
    digest.value[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return digest;
}

struct ContainerdBuilder {
  BoltBuilder snapshots, metadata;

  // `owner`: its namespace and its number there, "k8s.io/2".
  ContainerdBuilder& add_layer(std::uint64_t folder, const std::string& owner,
                               const Digest& chain_id) {
    const std::string name = "sha256:" + chain_id.hex();
    std::string id;
    for (; folder >= 0x80; folder >>= 7) id += static_cast<char>(folder | 0x80);
    id += static_cast<char>(folder);
    snapshots.put({"v1", "snapshots", owner + "/" + name, "id"}, id);
    snapshots.put({"v1", "snapshots", owner + "/" + name, "kind"}, "\x03");
    metadata.put({"v1", owner.substr(0, owner.find('/')), "snapshots", "overlayfs", name, "name"},
                 owner + "/" + name);
    return *this;
  }
  ContainerdBuilder& add_image(const std::string& owner, const std::string& reference,
                               const Digest& target) {
    metadata.put({"v1", owner, "images", reference, "target", "digest"}, "sha256:" + target.hex());
    metadata.put({"v1", owner, "images", reference, "target", "size"}, "\x07");
    return *this;
  }
};

}  // namespace fleetsweep
