#include "agent/act/image_names.h"

#include <unistd.h>

#include "tests/agent/act/docker_store.h"

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
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs"})
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

}  // namespace
}  // namespace fleetsweep::act
