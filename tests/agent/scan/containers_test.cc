// Containers whose / is put together by overlay mounts: real ones, in a mount namespace of their
// own, scanned by the program itself.

#include <unistd.h>

#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::Match;
using model::ObjectKind;

class ContainersScan : public TreeTest {
 protected:
  // Two containers of one image, each with a layer of its own.
  nlohmann::json scan_host(const std::string& scope) {
    model::Policy policy;
    policy.detections.push_back(
        detection("d", ObjectKind::kFile, {is(Field::kFileName, "lookalike", Match::kStartsWith)}));
    policy.detections[0].scope.paths = {scope};
    const std::string store = at("/overlay2/").string();
    const auto mount = [&](const std::string& container) {
      return "mount -t overlay overlay -o lowerdir=" + store + "low/diff,upperdir=" + store +
             container + "/diff,workdir=" + store + container + "/work " + store + container +
             "/merged && ";
    };
    return scan(policy,
                "unshare -m --propagation private sh -c '" + mount("one") + mount("two") +
                    "exec \"$@\"' sh",
                "", "/");
  }

  void SetUp() override {
    TreeTest::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
    write("/overlay2/low/diff/usr/bin/lookalike-of-the-image", "x");
    write("/overlay2/one/diff/tmp/lookalike-of-one", "x");
    write("/overlay2/two/diff/etc/harmless", "x");
    for (const char* folder : {"one/work", "one/merged", "two/work", "two/merged"})
      std::filesystem::create_directories(at("/overlay2/") / folder);
  }
};

TEST_F(ContainersScan, ALayerThatTwoContainersShareIsScannedTwice) {
  const auto result = scan_host(root_.string());
  const std::string store = at("/overlay2").string();
  EXPECT_EQ(files(result),
            (std::set<std::string>{"d " + store + "/low/diff/usr/bin/lookalike-of-the-image",
                                   "d " + store + "/one/diff/tmp/lookalike-of-one"}));
  EXPECT_EQ(result["findings"].size(), 2u);
  EXPECT_EQ(result["scanned"], 3);
}

TEST_F(ContainersScan, AViewIsSkippedThoughNobodyScansItsLayers) {
  const std::string merged = at("/overlay2/one").string();
  const auto result = scan_host(merged);  // its own layer, and what it sees of the image
  EXPECT_EQ(files(result),
            (std::set<std::string>{"d " + merged + "/diff/tmp/lookalike-of-one",
                                   "d " + merged + "/merged/tmp/lookalike-of-one",
                                   "d " + merged + "/merged/usr/bin/lookalike-of-the-image"}));
}

}  // namespace
}  // namespace fleetsweep::scan
