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

#include "tests/agent/user_container.h"
#include "tests/wait.h"

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
  EXPECT_EQ(parse_mounts("22 1 0:20 / /proc rw - proc proc rw\n"
                         "30 22 0:39 / /a\\040b rw shared:5 - ext4 /dev/vda rw\n"
                         "cut"),
            (std::vector<Mount>{
                {"/proc", "proc", 20, "/", 22}, {"/a b", "ext4", 39, "/", 30}, {"", "", 0, ""}}));
  EXPECT_EQ(overlays[0], (Overlay{"/merged a", "/up", {"/a:b", "/c,d", "l/E"}, 39}));
  EXPECT_EQ(overlays[1], (Overlay{"/image", "", {"/one", "/two"}, 40}));
  EXPECT_EQ(overlays[2], (Overlay{"/broken", "", {}, 41}));
}

TEST(Overlay, AProgramIsLookedForAtThePathThatItHasElsewhere) {
  const std::vector<Mount> ours{{"/", "ext4", 1, "/"},
                                {"/data", "xfs", 2, "/"},
                                {"/again", "xfs", 2, "/app/bin"},
                                {"/other", "xfs", 2, "/apple"}};
  const std::vector<Mount> theirs{{"/", "overlay", 9, "/"}, {"/app", "xfs", 2, "/app"}};
  using Places = std::vector<std::string>;
  EXPECT_EQ(places_of("/app/bin/x", theirs, ours), (Places{"/data/app/bin/x", "/again/x"}));
  EXPECT_EQ(places_of("/app", theirs, ours), Places{"/data/app"});
  EXPECT_EQ(places_of("/bin/x", theirs, ours), Places{});
  EXPECT_EQ(places_of("/bin/x", {{"/", "ext4", 1, "/"}}, ours), Places{"/bin/x"});
  EXPECT_EQ(places_of("x", {}, ours), Places{});
}

TEST(Overlay, AViewIsSkippedThoughOneOfItsLayersIsNotWalked) {
  const std::vector<Overlay> overlays{{"/m", "/s/up", {"/s/low", "/s/low2"}, 7}};
  EXPECT_EQ(seen_by_layers(overlays, {"/"}), (std::set<View>{{"/m", 7}}));
  EXPECT_EQ(seen_by_layers(overlays, {"/s/up", "/s/low", "/s/low2"}), (std::set<View>{{"/m", 7}}));
  EXPECT_TRUE(seen_by_layers(overlays, {"/m", "/s/low"}).empty());
  EXPECT_TRUE(seen_by_layers(overlays, {"/s/l"}).empty());
}

TEST(Overlay, AnyFolderMountedAsALayerIsOutOfReach) {
  std::vector<Overlay> overlays{{"/m",
                                 "/var/lib/docker/overlay2/up/diff",
                                 {"/var/lib/docker/overlay2/low/diff", "/tmp/.x"},
                                 1,
                                 "a1"}};
  for (const char* container : {"b2", "", "a1"}) {
    overlays.push_back(overlays.front());
    overlays.back().container = container;
  }
  const ImageLayers layers(overlays);
  const auto layer = layers.of("/var/lib/docker/overlay2/low/diff/bin/x");
  ASSERT_TRUE(layer.has_value());
  EXPECT_EQ(layer->folder, "/var/lib/docker/overlay2/low/diff");
  EXPECT_EQ(layer->containers, (std::set<std::string>{"a1", "b2"}));
  EXPECT_FALSE(layers.of("/var/lib/docker/overlay2/low/diffs/x").has_value());
  EXPECT_FALSE(layers.of("/var/lib/docker/overlay2/up/diff/bin/x").has_value());
  EXPECT_FALSE(layers.of("/tmp/.x/miner").has_value());
}

TEST(ContainerFolders, AFileOfAContainerHasNoPathInIt) {
  const ContainerFolders folders({"/s/one/diff", "/s/one/diff-2", "/s/two/fs"});
  EXPECT_EQ(folders.seen_as("/s/one/diff/tmp/x"), "/tmp/x");
  EXPECT_EQ(folders.seen_as("/s/one/diff-2/tmp/x"), "/tmp/x");
  EXPECT_EQ(folders.seen_as("/s/one/diff"), "/");
  EXPECT_EQ(folders.seen_as("/s/one/different/x"), "");
  EXPECT_EQ(folders.seen_as("/s"), "");
  EXPECT_EQ(folders.seen_as("/z"), "");
  EXPECT_EQ(ContainerFolders().seen_as("/tmp/x"), "");
  EXPECT_TRUE(folders.lie_beneath("/"));
  EXPECT_TRUE(folders.lie_beneath("/s/one"));
  EXPECT_FALSE(folders.lie_beneath("/s/on"));
  EXPECT_FALSE(folders.lie_beneath("/t"));
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

TEST_F(OverlayMounts, AViewIsSkippedThoughItsLayersShowSomethingElse) {
  const fs::path store = top_ / "store/overlay2", merged = top_ / "merged";
  fs::create_directories(store / "low/diff/sub");
  const auto tmpfs = [](const fs::path& where) {
    return ::mount("none", where.c_str(), "tmpfs", 0, nullptr) == 0;
  };
  // 0: it is reachable. Something was mounted before the overlay, and after it.
  const auto reached = [&](const fs::path& before, const fs::path& after) {
    return in_namespace([&] {
      if (!before.empty() && (!tmpfs(before) || !fs::create_directories(store / "up/diff") ||
                              !fs::create_directories(store / "up/work") ||
                              !fs::create_directories(store / "low/diff")))
        return 2;
      if (!mount((store / "low/diff").string(), merged)) return 3;
      if (!after.empty() && !tmpfs(after)) return 4;
      for (const char* layer : {"up/diff", "low/diff"}) fs::create_directories(store / layer);
      for (const Overlay& overlay : reachable_overlays())
        if (overlay.mount_point == merged) return 0;
      return 1;
    });
  };
  EXPECT_EQ(reached("", ""), 0);
  EXPECT_EQ(reached(store, ""), 0);
  EXPECT_EQ(reached("", merged / "sub"), 1);
  for (const fs::path& layer :
       {store / "up/diff", store / "low/diff", store / "low/diff/sub", store})
    EXPECT_EQ(reached("", layer), 1) << layer;
}

TEST_F(OverlayMounts, AProgramThatAContainerRunsIsNotFoundInItsLayer) {
  fs::create_directories(top_ / "store/overlay2/low/diff/bin");
  fs::copy_file("/bin/sleep", top_ / "store/overlay2/low/diff/bin/run");
  struct stat low {};
  ASSERT_EQ(::stat((top_ / "store/overlay2/low/diff/bin/run").c_str(), &low), 0);
  int told[2];
  ASSERT_EQ(::pipe2(told, O_CLOEXEC), 0);
  const pid_t container = ::fork();
  if (container == 0)
    ::_exit(in_namespace([&] {
      const pid_t own = ::getpid();
      if (!mount((top_ / "store/l/LOW").string(), top_ / "merged")) return 1;
      if (::write(told[1], &own, sizeof own) != sizeof own) return 2;
      ::execl((top_ / "merged/bin/run").c_str(), "run", "1000", nullptr);
      return 3;
    }));
  pid_t pid = 0;
  ASSERT_EQ(::read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  for (const int end : told) ::close(end);
  const std::string exe = "/proc/" + std::to_string(pid) + "/exe";
  const std::string path = (top_ / "merged/bin/run").string();
  const auto runs = [&] {
    std::error_code error;
    return fs::read_symlink(exe, error) == path;
  };
  until(runs);

  struct stat program {};
  EXPECT_EQ(::stat(exe.c_str(), &program), 0);
  EXPECT_NE(program.st_dev, low.st_dev) << "then nobody needs to look for it";
  const auto file = layer_file(pid, path, program);
  EXPECT_TRUE(file && file->st_dev == low.st_dev && file->st_ino == low.st_ino);
  ++program.st_ino;
  EXPECT_FALSE(layer_file(pid, path, program)) << "it was replaced";
  ::kill(pid, SIGKILL);
  ::waitpid(container, nullptr, 0);
  struct stat own {};
  ASSERT_EQ(::stat("/proc/self/exe", &own), 0);
  EXPECT_FALSE(layer_file(::getpid(), fs::read_symlink("/proc/self/exe").string(), own));
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
  const ImageLayers layers(overlays_of_host());
  const auto layer = layers.of((top_ / "store/overlay2/low/diff/bin/x").string());
  EXPECT_TRUE(layer && layer->folder == top_ / "store/overlay2/low/diff");
  EXPECT_FALSE(layers.of((top_ / "store/overlay2/up/diff/bin/x").string()).has_value());
  ::kill(container, SIGKILL);
  ::waitpid(container, nullptr, 0);
}

TEST_F(OverlayMounts, AnyUserPutsAFolderOutOfReachOfAct) {
  const fs::path own = top_ / "own/overlay2/low/diff";
  fs::create_directories(own);
  for (const fs::path& folder : {own, own.parent_path(), own.parent_path().parent_path()})
    ASSERT_EQ(::chown(folder.c_str(), kNobody, kNobody), 0);
  fs::permissions(top_, fs::perms::all & ~fs::perms::group_write & ~fs::perms::others_write);
  const fs::path roots = top_ / "store/overlay2/low/diff";
  const UserContainer container(own.string() + ":" + roots.string(), (top_ / "merged").string());
  if (!container.is_running()) GTEST_SKIP() << "needs user namespaces of anybody";

  const auto overlays = overlays_of_host();
  const ImageLayers layers(overlays);
  EXPECT_FALSE(layers.of((own / "x").string()));
  EXPECT_FALSE(layers.of((roots / "x").string()));
  const auto folders = ContainerFolders::of(overlays);
  EXPECT_EQ(folders.seen_as((own / "x").string()), "/x") << "as podman runs them for users";
  EXPECT_EQ(folders.seen_as((roots / "x").string()), "") << "a file of root's has another path";
}

TEST_F(OverlayMounts, AFolderThatAnybodyMovesIsALayerOfAnImage) {
  fs::permissions(top_ / "store", fs::perms::all);
  const auto is_layer = [&] {
    return in_namespace([&] {
      if (!mount((top_ / "store/l/LOW").string(), top_ / "merged")) return 2;
      const ImageLayers layers(overlays_of_host());
      return layers.of((top_ / "store/overlay2/low/diff/x").string()) ? 0 : 1;
    });
  };
  EXPECT_EQ(is_layer(), 1);
  fs::permissions(top_ / "store", fs::perms::owner_all);
  EXPECT_EQ(is_layer(), 0);
}

}  // namespace
}  // namespace fleetsweep
