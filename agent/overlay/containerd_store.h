#pragma once

// Which images a layer belongs to, as containerd writes it down: metadata.db of its snapshotter
// (snapshots/storage/bolt.go) and meta.db of all (metadata/buckets.go). Names and labels in them
// come from whoever built an image: only a process that has nothing to lose may read this.

#include <cstdint>
#include <optional>
#include <set>

#include "protocol/base/bytes.h"
#include "protocol/base/ids.h"

namespace fleetsweep {

struct ContainerdLayer {
  Digest chain_id;
  // What the images lead to that are in a namespace with this layer, a manifest or an index;
  // whether they have the layer, their configurations tell. Kubernetes' tools name an image by its
  // configuration, all others by this.
  std::set<Digest> of_kubernetes, of_others;
};

// The layer whose folder is snapshots/`number`. Nothing where that cannot be read, where it is no
// layer of an image's (containers have such folders, too), or where its namespaces have more than
// limits::kImages.
std::optional<ContainerdLayer> containerd_layer(std::uint64_t number, BytesView snapshots,
                                                BytesView metadata);

}  // namespace fleetsweep
