#include "agent/overlay/containerd_store.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "tests/agent/overlay/containerd_builder.h"

namespace fleetsweep {
namespace {

const Digest kChain = numbered_digest(1), kOther = numbered_digest(2);

// A layer that two namespaces have, each its own, and one that a third has.
struct ContainerdStore : testing::Test {
  ContainerdBuilder store = ContainerdBuilder()
                                .add_layer(1, "k8s.io/2", kChain)
                                .add_layer(300, "moby/4", kChain)
                                .add_layer(301, "x/6", kOther)
                                .add_image("k8s.io", "example.com/one:1", numbered_digest(11))
                                .add_image("k8s.io", "sha256:0", numbered_digest(11))
                                .add_image("k8s.io", "example.com/two:1", numbered_digest(12))
                                .add_image("moby", "example.com/one:1", numbered_digest(13))
                                .add_image("x", "example.com/one:1", numbered_digest(14));

  std::optional<ContainerdLayer> layer(std::uint64_t number) const {
    return containerd_layer(number, store.snapshots.build(), store.metadata.build());
  }
};

TEST_F(ContainerdStore, AnImageIsLookedForInANamespaceThatHasNotTheLayer) {
  const auto of_kubernetes = layer(1);
  ASSERT_TRUE(of_kubernetes);
  EXPECT_EQ(of_kubernetes->chain_id, kChain);
  EXPECT_EQ(of_kubernetes->of_kubernetes, (std::set{numbered_digest(11), numbered_digest(12)}));
  EXPECT_TRUE(of_kubernetes->of_others.empty());
  const auto of_docker = layer(300);
  ASSERT_TRUE(of_docker);
  EXPECT_EQ(of_docker->chain_id, kChain);
  EXPECT_EQ(of_docker->of_others, std::set{numbered_digest(13)});
  EXPECT_TRUE(of_docker->of_kubernetes.empty());
  EXPECT_EQ(layer(301)->chain_id, kOther);
  EXPECT_FALSE(layer(2));
  EXPECT_FALSE(layer(0));
}

TEST_F(ContainerdStore, AnImageIsNamedForWhatAContainerWrote) {
  store.snapshots.put({"v1", "snapshots", "k8s.io/9/" + std::string(64, 'a'), "id"}, "\x09");
  store.snapshots.put({"v1", "snapshots", "k8s.io/10/extract-1 sha256:" + kChain.hex(), "id"},
                      "\x0a");
  EXPECT_FALSE(layer(9));
  EXPECT_FALSE(layer(10));
}

TEST_F(ContainerdStore, WhatTheTwoDatabasesSayOfDifferentTimesIsPutTogether) {
  // The snapshotter still has what the namespace has not any more, or has anew.
  store.snapshots.put({"v1", "snapshots", "k8s.io/9/sha256:" + kChain.hex(), "id"}, "\x09");
  ASSERT_TRUE(layer(9));
  EXPECT_TRUE(layer(9)->of_kubernetes.empty() && layer(9)->of_others.empty());
  // Two of one number are a mistake of somebody's.
  store.add_layer(1, "k8s.io/10", kOther);
  EXPECT_FALSE(layer(1));
}

TEST_F(ContainerdStore, ALabelIsTakenForAnImageOrALayer) {
  for (const char* place : {"labels", "annotations"}) {
    store.metadata.put({"v1", "k8s.io", "images", "a", place, "digest"},
                       "sha256:" + numbered_digest(20).hex());
    store.metadata.put({"v1", "x", "snapshots", "overlayfs", place, "name"},
                       "k8s.io/2/sha256:" + kChain.hex());
    store.snapshots.put({"v1", "snapshots", "k8s.io/7/sha256:" + kOther.hex(), place, "id"},
                        "\x01");
  }
  EXPECT_EQ(layer(1)->of_kubernetes.size(), 2u);
  EXPECT_TRUE(layer(1)->of_others.empty());
}

TEST_F(ContainerdStore, ImagesWithoutEndAreNamed) {
  for (std::uint64_t i = 0; i <= limits::kImages; ++i)
    store.add_image("moby", std::to_string(i), numbered_digest(100 + i));
  EXPECT_FALSE(layer(300));
  EXPECT_TRUE(layer(1));
}

TEST_F(ContainerdStore, ADamagedDatabaseIsReadAsFarAsItGoes) {
  Bytes snapshots = store.snapshots.build(), metadata = store.metadata.build();
  ASSERT_TRUE(containerd_layer(1, snapshots, metadata));
  EXPECT_FALSE(containerd_layer(1, {}, metadata));
  EXPECT_FALSE(containerd_layer(1, snapshots, {}));
  EXPECT_FALSE(containerd_layer(1, metadata, snapshots));
  snapshots.pop_back();
  EXPECT_FALSE(containerd_layer(1, snapshots, metadata));
  snapshots.push_back(0);
  metadata.resize(metadata.size() - 4096);
  EXPECT_FALSE(containerd_layer(1, snapshots, metadata));
}

}  // namespace
}  // namespace fleetsweep
