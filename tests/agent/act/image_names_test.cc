#include "agent/act/image_names.h"

#include <unistd.h>

#include <cstdlib>

#include "protocol/base/limits.h"
#include "tests/agent/act/docker_store.h"
#include "tests/agent/overlay/containerd_builder.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;

// A root with a store of docker's: two images that share their lowest layer, and one that only
// tells of it.
class ImageNamesTest : public testing::Test {
 protected:
  ImageNamesTest() : docker_(root_ / "var/lib/docker") {
    docker_.add_layer("other", crypto::sha256(as_bytes("other")));
    docker_.add_layer("cache", crypto::sha256(as_bytes("base")));
    images_ = {docker_.add_image(diff_id("base"), "one"),
               docker_.add_image(diff_id("base") + "\",\"" + diff_id("more"), "two")};
    docker_.add_image(diff_id("other"), diff_id("base"));
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "a store is root's";
    auto started = ImageNames::start();
    ASSERT_TRUE(started) << started.error().message;
    names_ = std::move(*started);
  }
  std::set<Digest> names_of(const std::string& layer) {
    return names_->of_layer(*Tree::open(root_.path()), layer);
  }

  const TempDir root_;
  const DockerStore docker_;
  const std::string layer_ = "/var/lib/docker/overlay2/cache/diff";
  std::set<Digest> images_;
  std::unique_ptr<ImageNames> names_;
};

TEST_F(ImageNamesTest, AnImageThatTellsOfALayerIsNamedForIt) {
  EXPECT_EQ(names_of(layer_), images_);
  EXPECT_EQ(names_of("/var/lib/docker/overlay2/other/diff").size(), 1u);
  for (const char* unknown :
       {"/var/lib/docker/overlay2/cache-init/diff", "/var/lib/docker/overlay2/cache",
        "/var/lib/docker/overlay/cache/diff", "/overlay2/cache/diff", "/diff", "diff",
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs",
        "/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs", "/snapshots/1/fs"})
    EXPECT_EQ(names_of(unknown), std::set<Digest>()) << unknown;
}

TEST_F(ImageNamesTest, WhatSomebodyElsePutIntoTheStoreIsBelieved) {
  // A link, a file of another user, and one that is not what its name says.
  const std::string text = read_text(docker_.record_of(*images_.begin()));
  const auto put = [&](const std::string& name) {
    const std::string path = docker_.record_of(crypto::sha256(as_bytes(name)));
    write_text(path, text);
    return path;
  };
  put("another name");
  const Digest linked = docker_.add_image(diff_id("base"), "linked");
  fs::rename(docker_.record_of(linked), root_ / "elsewhere");
  fs::create_symlink(root_ / "elsewhere", docker_.record_of(linked));
  const Digest owned = docker_.add_image(diff_id("base"), "owned");
  ASSERT_EQ(::chown(docker_.record_of(owned).c_str(), 65534, 65534), 0);
  EXPECT_EQ(names_of(layer_), images_);
}

TEST_F(ImageNamesTest, ADamagedImageHidesTheOthers) {
  const std::string path = docker_.record_of(*images_.begin());
  images_.erase(images_.begin());
  for (const std::string& damaged : {std::string("{"), std::string(), std::string(1 << 20, '[')}) {
    write_text(path, damaged);
    EXPECT_EQ(names_of(layer_), images_);
  }
  fs::resize_file(path, std::uintmax_t{1} << 40);
  EXPECT_EQ(names_of(layer_), images_);
  fs::remove_all(root_ / "var/lib/docker/image/overlay2/layerdb");
  EXPECT_EQ(names_of(layer_), std::set<Digest>());
}

TEST_F(ImageNamesTest, AnImageOfPodmansHasNoName) {
  const std::string store = "/var/lib/containers/storage", id(64, '1'), top(64, '2'), low(64, '3');
  write_text(root_.path() + store + "/overlay-images/images.json",
             R"([{"id":")" + id + R"(","names":["x"],"layer":")" + top + "\"}]");
  write_text(root_.path() + store + "/overlay-layers/layers.json",
             R"([{"id":")" + low + R"("},{"id":")" + top + R"(","parent":")" + low + "\"}]");
  const std::string layer = store + "/overlay/" + low + "/diff";
  EXPECT_EQ(names_of(layer), std::set<Digest>{Digest::parse_hex(id).value()});
  EXPECT_EQ(names_of(store + "/overlay/" + id + "/diff"), std::set<Digest>());
  write_text(root_.path() + store + "/overlay-layers/layers.json", "[{");
  EXPECT_EQ(names_of(layer), std::set<Digest>());
}

// A store of containerd's: Kubernetes and docker have each their own of one image in two layers.
struct ContainerdNames : ImageNamesTest {
  static std::string manifest_of(const Digest& configuration) {
    return R"({"layers":[],"config":{"digest":"sha256:)" + configuration.hex() + "\"}}";
  }
  static std::string index_of(const std::vector<Digest>& manifests) {
    std::string list;
    for (const Digest& one : manifests) list += R"(,{"digest":"sha256:)" + one.hex() + "\"}";
    return R"({"manifests":[)" + list.substr(1) + "]}";
  }
  std::string path_of(const Digest& blob) const {
    return root_.path() + store_ + "/io.containerd.content.v1.content/blobs/sha256/" + blob.hex();
  }
  Digest add_blob(const std::string& text) const {
    const Digest name = crypto::sha256(as_bytes(text));
    write_text(path_of(name), text);
    return name;
  }
  Digest add_configuration(const std::string& diff_ids, const std::string& label) const {
    return add_blob(R"({"config":{"digest":")" + label +
                    R"("},"rootfs":{"type":"layers","diff_ids":[")" + diff_ids + "\"]}}");
  }
  void write() const {
    write_text(root_.path() + store_ + "/io.containerd.snapshotter.v1.overlayfs/metadata.db",
               to_text(containerd_.snapshots.build()));
    write_text(root_.path() + store_ + "/io.containerd.metadata.v1.bolt/meta.db",
               to_text(containerd_.metadata.build()));
  }
  std::set<Digest> names_of_layer(const std::string& number) {
    return names_of(store_ + "/io.containerd.snapshotter.v1.overlayfs/snapshots/" + number + "/fs");
  }

  const std::string store_ = "/var/lib/containerd";
  const Digest base_ = crypto::sha256(as_bytes("base"));
  const Digest one_ = add_configuration(diff_id("base"), "one");
  const Digest two_ = add_configuration(diff_id("base") + "\",\"" + diff_id("more"), "two");
  const Digest manifest_ = add_blob(manifest_of(one_));
  // For another platform there is nothing here.
  const Digest index_ = add_blob(index_of({numbered_digest(1), add_blob(manifest_of(two_))}));
  ContainerdBuilder containerd_ = ContainerdBuilder()
                                      .add_layer(1, "k8s.io/2", base_)
                                      .add_layer(2, "moby/2", base_)
                                      .add_image("k8s.io", "example.com/one:1", manifest_)
                                      .add_image("k8s.io", "example.com/two:1", index_)
                                      .add_image("moby", "example.com/two:1", index_)
                                      .add_image("x", "example.com/one:1", manifest_);
};

TEST_F(ContainerdNames, AnImageOfContainerdsHasNoNameOrOneThatNoToolKnows) {
  add_configuration(diff_id("base"), "deleted: no image leads to it any more");
  const Digest other = add_configuration(diff_id("other"), diff_id("base"));
  containerd_.add_image("k8s.io", "example.com/other:1", add_blob(manifest_of(other)));
  write();
  // Crictl names an image by its configuration, docker by what its name stands for.
  EXPECT_EQ(names_of_layer("1"), (std::set{one_, two_}));
  EXPECT_EQ(names_of_layer("2"), std::set{index_});
  for (const char* unknown : {"3", "", "1x", "-1", "0x1", "99999999999999999999"})
    EXPECT_EQ(names_of_layer(unknown), std::set<Digest>()) << unknown;
}

TEST_F(ContainerdNames, WhatSomebodyElsePutIntoTheStoreOfContainerdIsBelieved) {
  write();
  const std::string text = read_text(path_of(one_));
  write_text(path_of(one_), text + " ");  // not what its name says
  EXPECT_EQ(names_of_layer("1"), std::set{two_});
  fs::rename(path_of(two_), root_ / "elsewhere");
  fs::create_symlink(root_ / "elsewhere", path_of(two_));
  EXPECT_EQ(names_of_layer("1"), std::set<Digest>());
  write_text(path_of(one_), text);
  EXPECT_EQ(names_of_layer("1"), std::set{one_});
  ASSERT_EQ(::chown((root_.path() + store_ + "/io.containerd.metadata.v1.bolt/meta.db").c_str(),
                    65534, 65534),
            0);
  EXPECT_EQ(names_of_layer("1"), std::set<Digest>());
}

TEST_F(ContainerdNames, AnImageHidesOthersOrKeepsActBusyForEver) {
  std::vector<Digest> many;
  for (std::uint64_t i = 0; i <= limits::kImageManifests; ++i) many.push_back(numbered_digest(i));
  // An index of too much, one in another, and what is neither that nor a manifest.
  containerd_.add_image("k8s.io", "many", add_blob(index_of(many)));
  containerd_.add_image("k8s.io", "index", add_blob(index_of({index_, manifest_})));
  containerd_.add_image("k8s.io", "configuration", one_);
  containerd_.add_image("k8s.io", "damaged", add_blob("{"));
  write();
  EXPECT_EQ(names_of_layer("1"), (std::set{one_, two_}));
}

TEST_F(ContainerdNames, ADatabaseThatIsDamagedOrTooLargeEndsTheReader) {
  write();
  const std::string path = root_.path() + store_ + "/io.containerd.metadata.v1.bolt/meta.db";
  const std::string whole = read_text(path);
  fs::resize_file(path, std::uintmax_t{1} << 40);
  EXPECT_EQ(names_of_layer("1"), std::set<Digest>());
  write_text(path, whole.substr(0, whole.size() - 1));
  EXPECT_EQ(names_of_layer("1"), std::set<Digest>());
  write_text(path, whole);
  // As large as one may be.
  fs::resize_file(path, limits::kBoltBytes);
  EXPECT_EQ(names_of_layer("1"), (std::set{one_, two_}));
}

// Containerd 1.6.20 of Debian wrote it: `ctr -n k8s.io images import` of images one (layer base),
// two (an index; layers base and more) and other, of two again with -n moby, and a container's
// snapshot on base. Archives of layers are left out.
TEST_F(ContainerdNames, WhatContainerdItselfWroteIsReadOtherwise) {
  fs::remove_all(root_.path() + store_);
  fs::create_directories(root_.path() + store_);
  const std::string archive = std::string(FS_SOURCE_DIR) + "/tests/agent/act/containerd.tar.gz";
  ASSERT_EQ(std::system(("tar -xzf " + archive + " -C " + root_.path() + store_).c_str()), 0);
  const auto image = [](const char* hex) { return Digest::parse_hex(hex).value(); };
  const Digest one = image("f57e08807dd59a0ad38930befc3a0f33bc35d28d7f8d8556caf86add74771cdc"),
               two = image("cab5ae68c6e4be752bb54cec82cc14009a91693cad62aca266f147797f384d69"),
               other = image("d2225b4ea527cf1a5d09a7335a35835861cc5a3c100a647dc6ade3a575043ab2"),
               index = image("0d99319a2c4ea6448a9dbfd8a7fdae4bc4b6fd4579d4d901ae69f61ec37b4e76");
  const std::set<Digest> expected[] = {{}, {one, two}, {two}, {other}, {index}, {index}, {}, {}};
  for (std::size_t i = 0; i < std::size(expected); ++i)
    EXPECT_EQ(names_of_layer(std::to_string(i)), expected[i]) << i;
}

}  // namespace
}  // namespace fleetsweep::act
