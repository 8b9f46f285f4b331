#include "agent/act/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/agent/act/temp_dir.h"
#include "tests/agent/node_root.h"
#include "tests/wait.h"

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

TEST(Process, OfAProgramInAFolderThatAPatternNamesIsEnded) {
  const TempDir folder;
  const std::string path = "/home/ann/tools/bin/program", program = folder.path() + path;
  std::filesystem::create_directories(folder / "home/ann/tools/bin");
  std::filesystem::copy_file("/bin/sleep", program);
  const auto tree = Tree::open(folder.path());
  ASSERT_TRUE(tree);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(program.c_str(), "program", "1000", nullptr);
    ::_exit(127);
  }
  EXPECT_TRUE(until([&] { return running_processes(*tree).size() == 1; }));
  struct stat status {};
  EXPECT_EQ(::stat(program.c_str(), &status), 0);
  Op op;
  op.file.device = status.st_dev;
  op.file.inode = status.st_ino;
  op.whole_program = true;
  for (const char* pattern : {"/home/*/tools", "/home/ann/tools"}) {
    op.spared = {pattern};
    const Family family = family_of(*tree, op, {});
    EXPECT_EQ(family.reached.size(), 0u) << pattern;
    EXPECT_TRUE(family.spared.size() == 1 && family.spared[0].pid == pid) << pattern;
  }
  op.spared = {"/home/*/tool"};
  EXPECT_EQ(family_of(*tree, op, {}).reached.size(), 1u);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace fleetsweep::act
