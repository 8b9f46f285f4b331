#include "agent/overlay/overlay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

TEST(Overlay, ALayerWithAnOddNameIsAnother) {
  const auto overlays = parse_overlays(
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "30 22 0:39 / /merged\\040a rw,relatime shared:5 - overlay overlay "
      "rw,lowerdir=/a\\:b:/c\\054d:l/E,upperdir=/up,workdir=/w,uuid=on\n"
      "31 22 0:40 / /image ro - overlay overlay ro,lowerdir+=/one,lowerdir+=/two\n"
      "32 22 0:41 / /broken rw - overlay");
  ASSERT_EQ(overlays.size(), 3u);
  EXPECT_EQ(overlays[0], (Overlay{"/merged a", "/up", {"/a:b", "/c,d", "l/E"}}));
  EXPECT_EQ(overlays[1], (Overlay{"/image", "", {"/one", "/two"}}));
  EXPECT_EQ(overlays[2], (Overlay{"/broken", "", {}}));
}

TEST(Overlay, AViewIsSkippedThoughOneOfItsLayersIsNotWalked) {
  const std::vector<Overlay> overlays{{"/m", "/s/up", {"/s/low", "/s/low2"}}};
  EXPECT_EQ(seen_by_layers(overlays, {"/"}), std::vector<std::string>{"/m"});
  EXPECT_EQ(seen_by_layers(overlays, {"/s/up", "/s/low", "/s/low2"}),
            std::vector<std::string>{"/m"});
  EXPECT_TRUE(seen_by_layers(overlays, {"/m", "/s/low"}).empty());
  EXPECT_TRUE(seen_by_layers(overlays, {"/s/l"}).empty());
}

TEST(Overlay, AnyFolderMountedAsALayerIsOutOfReach) {
  const ImageLayers layers(
      std::vector<Overlay>{{"/m",
                            "/var/lib/docker/overlay2/up/diff",
                            {"/var/lib/docker/overlay2/low/diff", "/tmp/.x"}}});
  EXPECT_EQ(layers.of("/var/lib/docker/overlay2/low/diff/bin/x"),
            "/var/lib/docker/overlay2/low/diff");
  EXPECT_FALSE(layers.of("/var/lib/docker/overlay2/low/diffs/x").has_value());
  EXPECT_FALSE(layers.of("/var/lib/docker/overlay2/up/diff/bin/x").has_value());
  EXPECT_FALSE(layers.of("/tmp/.x/miner").has_value());
}

// Real mounts, in a namespace of its own.
class OverlayMounts : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
    char folder[] = "/tmp/fleetsweep-overlay-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    top_ = folder;
    for (const char* name : {"store/overlay2/low/diff", "store/overlay2/up/diff",
                             "store/overlay2/up/work", "store/l", "merged"})
      fs::create_directories(top_ / name);
    // Docker names layers by short links.
    fs::create_symlink("../overlay2/low/diff", top_ / "store/l/LOW");
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }
  bool mount(const std::string& lower, const fs::path& where) const {
    const std::string up = (top_ / "store/overlay2/up").string();
    const std::string options =
        "lowerdir=" + lower + ",upperdir=" + up + "/diff,workdir=" + up + "/work";
    return ::mount("overlay", where.c_str(), "overlay", 0, options.c_str()) == 0;
  }
  // 0: it holds.
  static int in_namespace(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    if (pid == 0)
      ::_exit(::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0
                  ? body()
                  : 100);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
  }
  fs::path top_;
};

TEST_F(OverlayMounts, ALayerIsNotFoundThroughItsLink) {
  EXPECT_EQ(in_namespace([&] {
              if (!mount((top_ / "store/l/LOW").string(), top_ / "merged")) return 1;
              for (const Overlay& overlay : reachable_overlays())
                if (overlay.mount_point == top_ / "merged")
                  return overlay.lowers ==
                                     std::vector<std::string>{top_ / "store/overlay2/low/diff"} &&
                                 overlay.upper == top_ / "store/overlay2/up/diff"
                             ? 0
                             : 2;
              return 3;
            }),
            0);
}

TEST_F(OverlayMounts, ALayerGivenFromTheFolderOfSnapshotsIsNotFound) {
  EXPECT_EQ(
      in_namespace([&] {
        if (::chdir((top_ / "store/overlay2").c_str()) != 0 || !mount("low/diff", top_ / "merged"))
          return 1;
        for (const Overlay& overlay : reachable_overlays())
          if (overlay.mount_point == top_ / "merged")
            return overlay.lowers.front() == top_ / "store/overlay2/low/diff" ? 0 : 2;
        return 3;
      }),
      0);
}

TEST_F(OverlayMounts, AViewMountedOverItsOwnLayerIsSkipped) {
  // As systemd-sysext does with /usr: the layer beneath cannot be reached any more.
  const fs::path low = top_ / "store/overlay2/low/diff";
  EXPECT_EQ(in_namespace([&] {
              if (!mount(low.string(), low)) return 1;
              for (const Overlay& overlay : reachable_overlays())
                if (overlay.mount_point == low) return 2;
              return 0;
            }),
            0);
}

TEST_F(OverlayMounts, ALayerOfAContainerInANamespaceOfItsOwnIsNoImage) {
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t container = ::fork();
  if (container == 0) {
    ::close(ready[0]);
    ::_exit(in_namespace([&] {
      if (!mount((top_ / "store/l/LOW").string(), top_ / "merged")) return 1;
      if (::write(ready[1], "+", 1) != 1) return 2;
      ::pause();
      return 0;
    }));
  }
  ::close(ready[1]);
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  const ImageLayers layers = ImageLayers::of_host();
  EXPECT_EQ(layers.of((top_ / "store/overlay2/low/diff/bin/x").string()),
            (top_ / "store/overlay2/low/diff").string());
  EXPECT_FALSE(layers.of((top_ / "store/overlay2/up/diff/bin/x").string()).has_value());
  ::kill(container, SIGKILL);
  ::waitpid(container, nullptr, 0);
}

}  // namespace
}  // namespace fleetsweep
