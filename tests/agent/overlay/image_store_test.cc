#include "agent/overlay/image_store.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/base/limits.h"

namespace fleetsweep {
namespace {

Digest digest(const std::string& hex) {
  return Digest::parse_hex(hex).value();
}
std::string id(char digit) {
  return std::string(64, digit);
}
std::string diff_id(char digit) {
  return "\"sha256:" + id(digit) + "\"";
}
std::string configuration(const std::string& diff_ids, const std::string& before = "") {
  return "{" + before + R"("rootfs":{"type":"layers","diff_ids":[)" + diff_ids + "]}}";
}

const std::string kThree = diff_id('a') + "," + diff_id('b') + "," + diff_id('c');
// By sha256sum, of "sha256:aa... sha256:bb..." and of what that gives with "sha256:cc...".
constexpr const char* kSecond = "ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c";
constexpr const char* kThird = "c1377126441fb2f5ec2c21ae2a60255331d639e830f0ee1b40a36e52d4c40588";

TEST(ImageStore, AnImageIsNamedForItsLowestLayerAlone) {
  const std::string image = configuration(kThree);
  EXPECT_TRUE(has_layer(image, digest(id('a'))));
  EXPECT_TRUE(has_layer(image, digest(kSecond)));
  EXPECT_TRUE(has_layer(image, digest(kThird)));
  // The same content upon another layer is another layer.
  EXPECT_FALSE(has_layer(image, digest(id('b'))));
  EXPECT_FALSE(has_layer(configuration(diff_id('a')), digest(kSecond)));
}

TEST(ImageStore, AnImageThatMentionsALayerIsTakenToHaveIt) {
  const std::string history = R"("history":[{"created_by":"COPY )" + id('a') +
                              R"( /","rootfs":{"diff_ids":[)" + diff_id('a') + "]}}],";
  const std::string labels = R"("config":{"Labels":{"a":)" + diff_id('a') +
                             R"(,"b":"\"rootfs\":{\"diff_ids\":[\"sha256:)" + id('a') +
                             R"(\"]}"},"rootfs":{"diff_ids":[)" + diff_id('a') + "]}},";
  const std::string image = configuration(diff_id('d'), history + labels);
  EXPECT_TRUE(has_layer(image, digest(id('d'))));
  EXPECT_FALSE(has_layer(image, digest(id('a'))));
}

TEST(ImageStore, WhatADamagedConfigurationMeansIsGuessed) {
  const std::string image = configuration(diff_id('a'));
  const std::string deep(limits::kImageRecordDepth + 2, '['), shallow(8, '[');
  const auto closed = [](std::string open) { return open + std::string(open.size(), ']'); };
  EXPECT_TRUE(
      has_layer(configuration(diff_id('a'), "\"x\":" + closed(shallow) + ","), digest(id('a'))));
  for (const std::string& damaged :
       {std::string(), std::string("null"), std::string("[]"), image.substr(0, image.size() - 1),
        image + "x", configuration(diff_id('a'), R"("rootfs":{"diff_ids":[]},)"),
        configuration(diff_id('a'), "\"x\":" + closed(deep) + ","), configuration("7," + kThree),
        configuration(R"("sha512:)" + id('a') + "\"," + kThree),
        configuration("[" + diff_id('a') + "]"), R"({"rootfs":[)" + diff_id('a') + "]}",
        R"({"rootfs":{"diff_ids":)" + diff_id('a') + "}}", std::string("\xff{}"),
        image + std::string(limits::kImageRecordBytes, ' ')})
    EXPECT_FALSE(has_layer(damaged, digest(id('a')))) << damaged.substr(0, 200);
}

constexpr const char* kImagesEnd =
    R"(","names":["quay.example/x"],"metadata":"{\"layer\":\"x\"}"})";

std::string image(char name, char top, const std::string& mapped = "") {
  return R"({"id":")" + id(name) + R"(","layer":")" + id(top) + R"(","mapped-layers":[)" + mapped +
         R"(],"digest":"sha256:)" + id('a') + kImagesEnd;
}
std::string layer(char name, char parent) {
  return R"({"id":")" + id(name) + R"(","parent":")" + id(parent) + R"(","created":"2026"})";
}

TEST(ImageStore, AnImageOfPodmansIsNamedForItsTopmostLayerAlone) {
  const std::string layers = R"([{"id":")" + id('a') + "\"}," + layer('b', 'a') + "," +
                             layer('c', 'b') + "," + layer('d', 'a') + "]";
  const std::string images = "[" + image('1', 'c') + "," + image('2', 'd') + "," +
                             image('3', 'e', "\"" + id('b') + "\"") +
                             R"(,{"id":"latest","layer":")" + id('a') + "\"}]";
  const auto named = [&](char one) { return images_with(images, layers, digest(id(one))); };
  const Digest first = digest(id('1')), second = digest(id('2')), third = digest(id('3'));
  EXPECT_EQ(named('a'), (std::set<Digest>{first, second, third}));
  EXPECT_EQ(named('b'), (std::set<Digest>{first, third}));
  EXPECT_EQ(named('c'), std::set<Digest>{first});
  EXPECT_EQ(named('d'), std::set<Digest>{second});
  EXPECT_EQ(named('f'), std::set<Digest>{});
}

TEST(ImageStore, ADamagedStoreOfPodmansIsReadForEver) {
  const std::string images = "[" + image('1', 'b') + "]";
  const std::string circle = "[" + layer('a', 'b') + "," + layer('b', 'a') + "]";
  EXPECT_EQ(images_with(images, circle, digest(id('a'))), std::set<Digest>{digest(id('1'))});
  EXPECT_TRUE(images_with(images, circle.substr(1), digest(id('a'))).empty());
  EXPECT_TRUE(images_with(images.substr(1), circle, digest(id('b'))).empty());
  EXPECT_TRUE(images_with(R"([7,null,[],{"id":7,"layer":{},"mapped-layers":{"a":[[]]}}])",
                          R"([{"id":[],"parent":7},null,"x"])", digest(id('a')))
                  .empty());
  std::string many = "[0";
  for (std::size_t i = 0; i < limits::kImages; ++i) many += ",0";
  EXPECT_TRUE(images_with(many + "," + images.substr(1), circle, digest(id('a'))).empty());
}

TEST(ImageStore, AnIndexIsTakenForAManifestOrForBoth) {
  const auto blob = [](char name) { return R"({"digest":"sha256:)" + id(name) + R"(","size":7})"; };
  const std::string index = R"("manifests":[)" + blob('a') + "," + blob('b') + "]";
  const std::string manifest = R"("config":)" + blob('c') + R"(,"layers":[)" + blob('d') + "]";
  const auto of_index = parse_image_document("{" + index + R"(,"annotations":{"config":7}})");
  EXPECT_EQ(of_index.manifests, (std::set<Digest>{digest(id('a')), digest(id('b'))}));
  EXPECT_FALSE(of_index.configuration);
  const auto of_manifest = parse_image_document("{" + manifest + "}");
  EXPECT_EQ(of_manifest.configuration, digest(id('c')));
  EXPECT_TRUE(of_manifest.manifests.empty());
  std::string many;
  for (std::size_t i = 0; i <= limits::kImageManifests; ++i) many += "," + blob('e');
  for (const std::string& hostile :
       {"{" + index + "," + manifest + "}", "{" + index + "," + index + "}",
        "{" + manifest + "," + manifest + "}", "[" + blob('a') + "]", std::string("{}"),
        std::string(), "{" + index, R"({"manifests":)" + blob('a') + "}",
        R"({"config":[)" + blob('a') + "]}", R"({"manifests":[)" + many.substr(1) + "]}",
        R"({"manifests":[7,null,{"digest":"sha512:)" + id('a') + R"("},{"digest":7},[]]})",
        R"({"config":{"Labels":)" + blob('a') + "}}", R"({"layers":[)" + blob('a') + "]}"}) {
    const auto read = parse_image_document(hostile);
    EXPECT_TRUE(read.manifests.empty() && !read.configuration) << hostile.substr(0, 300);
  }
}

}  // namespace
}  // namespace fleetsweep
