#include "agent/act/process.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/agent/act/temp_dir.h"
#include "tests/agent/node_root.h"

namespace fleetsweep::act {
namespace {

TEST(Process, AContainerActsOnTheProcessesOfItsNode) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  const TempDir folder;
  const pid_t pid = ::getpid();
  const std::string exe = std::filesystem::read_symlink("/proc/self/exe");
  EXPECT_TRUE(with_node_at(folder.path(), [&] {
    const auto tree = Tree::open(folder.path());
    if (!tree) return false;
    const auto running = running_processes(*tree);
    return std::any_of(running.begin(), running.end(), [&](const auto& one) {
      return one.process.pid == pid && one.process.exe.path == exe;
    });
  }));
}

}  // namespace
}  // namespace fleetsweep::act
