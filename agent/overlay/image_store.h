#pragma once

// Which images a layer belongs to, as docker, podman, cri-o and containerd write it down in JSON.
// Labels and history come from whoever built an image: only a process that has nothing to lose may
// read this.

#include <optional>
#include <set>
#include <string_view>

#include "protocol/base/ids.h"

namespace fleetsweep {

// Docker, containerd: whether the image with this configuration has the layer with this chain id
// (OCI image specification, image configuration: Layer ChainID). False where it does not say so
// clearly.
bool has_layer(std::string_view configuration, const Digest& chain_id);

// Podman, cri-o: of images.json and layers.json, the images that this layer is part of. None where
// those cannot be read, or name more than limits::kImages and limits::kImageLayers.
std::set<Digest> images_with(std::string_view images, std::string_view layers, const Digest& layer);

// Containerd: what an image's index or manifest (OCI image specification) leads to. Nothing where
// it cannot be read, could be taken for both, or names more than limits::kImageManifests.
struct ImageDocument {
  std::set<Digest> manifests;
  std::optional<Digest> configuration;
};
ImageDocument parse_image_document(std::string_view document);

}  // namespace fleetsweep
