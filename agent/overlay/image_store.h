#pragma once

// Which images a layer belongs to, as docker, podman and cri-o write it down. Labels and history
// come from whoever built an image: only a process that has nothing to lose may read this.

#include <set>
#include <string_view>

#include "protocol/base/ids.h"

namespace fleetsweep {

// Docker: whether the image with this configuration has the layer with this chain id (OCI image
// specification, image configuration: Layer ChainID). False where it does not say so clearly.
bool has_layer(std::string_view configuration, const Digest& chain_id);

// Podman, cri-o: of images.json and layers.json, the images that this layer is part of. None where
// those cannot be read, or name more than limits::kImages and limits::kImageLayers.
std::set<Digest> images_with(std::string_view images, std::string_view layers, const Digest& layer);

}  // namespace fleetsweep
