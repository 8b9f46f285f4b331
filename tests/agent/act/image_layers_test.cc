// What lies in a layer of a container image belongs to more than one container.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/act/host_facts.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;

model::Finding finding_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  model::FileIdentity file;
  file.path = path;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  model::Finding finding;
  finding.identity = file;
  return finding;
}

TEST(ImageLayers, AFileOfAnImageIsActedOnLikeOneOfItsContainer) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  char folder[] = "/tmp/fleetsweep-image-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string store = std::string(folder) + "/overlay2/";
  for (const char* name : {"low/diff", "up/diff", "up/work", "up/merged"})
    fs::create_directories(store + name);
  for (const char* layer : {"low", "up"}) std::ofstream(store + layer + "/diff/lookalike") << "x";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string options =
        "lowerdir=" + store + "low/diff,upperdir=" + store + "up/diff,workdir=" + store + "up/work";
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("overlay", (store + "up/merged").c_str(), "overlay", 0, options.c_str()) != 0)
      ::_exit(2);
    const auto facts = facts_of(
        *Tree::open("/"),
        {finding_of(store + "low/diff/lookalike"), finding_of(store + "up/diff/lookalike")},
        nullptr);
    ::_exit(facts[0].left_alone == "in a layer of a container image, as /lookalike" &&
                    facts[1].left_alone.empty()
                ? 0
                : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  fs::remove_all(folder);
}

}  // namespace
}  // namespace fleetsweep::act
