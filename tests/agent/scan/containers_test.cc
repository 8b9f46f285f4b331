// Containers whose / is put together by overlay mounts: real ones, in a mount namespace of their
// own, scanned by the program itself.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/agent/scan/tree.h"
#include "tests/agent/user_container.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::Match;
using model::ObjectKind;

class ContainersScan : public TreeTest {
 protected:
  // Two containers of one image, each with a layer of its own.
  nlohmann::json scan_host(const std::string& scope, const std::string& then = "") {
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
                "unshare -m --propagation private sh -c '" + mount("one") + mount("two") + then +
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

TEST_F(ContainersScan, TheDryRunThatPeopleSignOnDoesNotSayThatItsHitLiesInAnImage) {
  const auto result = scan_host(root_.string());
  ASSERT_EQ(result["findings"].size(), 2u);
  for (const auto& finding : result["findings"]) {
    const std::string path = finding["file"]["path"];
    const std::string said = finding.value("left_alone", "");
    if (path.ends_with("-of-the-image"))
      EXPECT_TRUE(
          said.starts_with("in a layer of a container image, as /usr/bin/lookalike-of-the-image"))
          << said;
    else
      EXPECT_EQ(said, "") << path << " is the container's own";
  }
}

TEST_F(ContainersScan, AViewIsSkippedThoughNobodyScansItsLayers) {
  const std::string merged = at("/overlay2/one").string();
  const auto result = scan_host(merged);  // its own layer, and what it sees of the image
  EXPECT_EQ(files(result),
            (std::set<std::string>{"d " + merged + "/diff/tmp/lookalike-of-one",
                                   "d " + merged + "/merged/tmp/lookalike-of-one",
                                   "d " + merged + "/merged/usr/bin/lookalike-of-the-image"}));
}

TEST_F(ContainersScan, WhatIsMountedOverAViewOrItsLayersIsSilentlyNothing) {
  std::filesystem::create_directories(at("/overlay2/one/diff/sub"));
  const std::string merged = at("/overlay2/one/merged").string(),
                    upper = at("/overlay2/one/diff").string();
  const auto tmpfs = [](const std::string& where) {
    return "mount -t tmpfs none " + where + " && ";
  };
  const auto found = [&](const std::string& then) {
    return files(scan_host(root_.string(), then));
  };
  const auto lookalike = [](const std::string& where) {
    return "touch " + where + "/lookalike && ";
  };
  for (const std::string& where : {merged, merged + "/sub"})
    EXPECT_TRUE(found(tmpfs(where) + lookalike(where)).contains("d " + where + "/lookalike"))
        << where;
  EXPECT_TRUE(found(lookalike(merged) + tmpfs(upper)).contains("d " + merged + "/lookalike"));
  // The folder above it is another by now: no overlay is there any more.
  const std::string above = at("/overlay2/one").string();
  EXPECT_TRUE(found(tmpfs(above) + "mkdir -p " + merged + " " + upper + " && " + lookalike(merged))
                  .contains("d " + merged + "/lookalike"));
}

// A process of a container: its / is the overlay, in a mount namespace of its own.
class Container {
 public:
  explicit Container(const std::string& store) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const std::string layers = "lowerdir=" + store + "low/diff,upperdir=" + store +
                                 "two/diff,workdir=" + store + "two/work";
      const std::string merged = store + "two/merged";
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("overlay", merged.c_str(), "overlay", 0, layers.c_str()) != 0 ||
          ::chroot(merged.c_str()) != 0 || ::chdir("/") != 0 || ::write(ready[1], "", 1) != 1)
        ::_exit(1);
      while (true) ::pause();
    }
    ::close(ready[1]);
    char byte = 0;
    is_running_ = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
  }
  ~Container() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  bool is_running() const { return is_running_; }

 private:
  pid_t pid_ = -1;
  bool is_running_ = false;
};

TEST_F(ContainersScan, WhatAContainerHasInAFolderIsNotFoundThere) {
  // No folder of the host's: what the container has beneath it is all there is.
  const std::string folder = "/" + folder_.filename().string();
  write("/overlay2/two/diff" + folder + "/bin/x", "its own");
  write("/overlay2/low/diff" + folder + "/bin/y", "of its image");
  write("/overlay2/one/diff" + folder + "/bin/x", "of another, which does not run");
  const Container container(at("/overlay2/").string());
  ASSERT_TRUE(container.is_running());
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile, {is(Field::kFilePath, folder + "/bin/x")}));
  policy.detections[0].scope.paths = {folder};
  policy.detections.push_back(detection("g", ObjectKind::kFile, {is(Field::kFileName, "y")}));
  policy.detections[1].scope.paths = {folder + "/*/y"};
  const std::string store = at("/overlay2").string();
  EXPECT_EQ(files(scan(policy, "", "", "/")),
            (std::set<std::string>{"d " + store + "/two/diff" + folder + "/bin/x",
                                   "g " + store + "/low/diff" + folder + "/bin/y"}));
}

TEST_F(ContainersScan, WhatCannotBeLookedAtInAContainerIsSilentlyNothing) {
  const std::string folder = "/" + folder_.filename().string();
  write("/overlay2/low/diff/etc/x", "x");
  std::filesystem::create_directory_symlink("/etc", at("/overlay2/two/diff" + folder));
  const Container container(at("/overlay2/").string());
  ASSERT_TRUE(container.is_running());
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "x")}));
  policy.detections[0].scope.paths = {folder};
  const auto result = scan(policy, "", "", "/");
  ASSERT_EQ(result["unscannable"], 1) << result.dump(1);
  EXPECT_TRUE(result["unscannable_paths"][0].get<std::string>().starts_with(
      at("/overlay2/two/diff").string() + folder + ": behind a link"));
}

TEST_F(ContainersScan, AnOverlayOfAUserTakesAPathAway) {
  struct stat link {};
  if (::lstat("/var/run", &link) != 0 || !S_ISLNK(link.st_mode))
    GTEST_SKIP() << "needs /var/run to be a link";
  const std::string name = folder_.filename(), store = "/run/" + name + "/overlay2/";
  struct Removed {
    std::filesystem::path folder;
    ~Removed() {
      std::error_code ignored;
      std::filesystem::remove_all(folder, ignored);
    }
  } const removed{"/run/" + name};
  for (const char* folder : {"low/diff", "two/diff", "two/work", "two/merged"})
    std::filesystem::create_directories(store + folder);
  const std::string file = store + "low/diff/lookalike";
  std::ofstream(file) << "x";
  std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  model::Policy policy;
  policy.detections = {
      detection("linked", ObjectKind::kFile, {is(Field::kFilePath, "/var" + file)}),
      detection("inside", ObjectKind::kFile, {is(Field::kFilePath, "/lookalike")})};
  policy.detections[0].scope.paths = {"/var" + file};
  policy.detections[1].scope.paths = {"/lookalike"};
  {
    const UserContainer user("/run:" + root_.string(), at("/overlay2/one/merged").string());
    if (user.is_running()) {
      EXPECT_EQ(files(scan(policy, "", "", "/")), std::set<std::string>{"linked " + file});
    }
  }
  const Container roots(store);
  ASSERT_TRUE(roots.is_running());
  EXPECT_EQ(files(scan(policy, "", "", "/")),
            (std::set<std::string>{"linked " + file, "inside " + file}));
}

}  // namespace
}  // namespace fleetsweep::scan
