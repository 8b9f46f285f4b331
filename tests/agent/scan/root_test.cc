#include "agent/scan/root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "agent/scan/walk.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;

class RootTest : public TreeTest {
 protected:
  void SetUp() override {
    TreeTest::SetUp();
    write("/usr/lib/loader", "the loader");
    write("/etc/only", "in the root");
    std::ofstream(folder_ / "outside") << "not to be read";
  }
  void link(const std::string& target, const std::string& path) {
    fs::create_directories(at(path).parent_path());
    fs::create_symlink(target, at(path));
  }
  // What a path leads to; errno's name where it leads nowhere.
  std::string followed(const std::string& path) { return text(root().open_followed(path)); }
  std::string opened(const std::string& path) { return text(root().open_file(path)); }
  Root root() { return std::move(*Root::open(root_.string())); }

 private:
  static std::string text(const UniqueFd& fd) {
    if (!fd) return ::strerrorname_np(errno);
    char all[64];
    const ssize_t size = ::read(fd.get(), all, sizeof all);
    return size < 0 ? ::strerrorname_np(errno) : std::string(all, static_cast<std::size_t>(size));
  }
};

TEST_F(RootTest, AnOpenFollowsNoLinkOnItsWayNorAtItsEnd) {
  link("usr/lib", "/lib");
  link("loader", "/usr/lib/other");
  EXPECT_EQ(opened("/usr/lib/loader"), "the loader");
  EXPECT_EQ(opened("//usr///lib/loader/"), "the loader");
  EXPECT_EQ(opened("/lib/loader"), "ELOOP");
  EXPECT_EQ(opened("/usr/lib/other"), "ELOOP");
  EXPECT_EQ(opened("/usr/lib/loader/x"), "ENOTDIR");
  EXPECT_EQ(opened("/usr/lib/none"), "ENOENT");
}

TEST_F(RootTest, NoPathLeadsOutOfTheRoot) {
  EXPECT_EQ(opened("/../outside"), "ENOENT");
  EXPECT_EQ(opened("/usr/../../outside"), "ENOENT");
  link("../../outside", "/etc/up");
  link("/../../outside", "/etc/far");
  EXPECT_EQ(followed("/etc/up"), "ENOENT");
  EXPECT_EQ(followed("/etc/far"), "ENOENT");
  EXPECT_EQ(followed("/../../outside"), "ENOENT");
}

// As sshd and sudo follow what their configuration includes.
TEST_F(RootTest, APathThatGoesUpIsNotOpened) {
  link("usr/lib", "/lib");
  EXPECT_EQ(opened("/usr/lib/../../etc/only"), "in the root");
  EXPECT_EQ(opened("/../../etc/./only"), "in the root");
  EXPECT_EQ(opened("/usr/lib/..name"), "ENOENT");
  EXPECT_EQ(opened("/usr/none/../lib/loader"), "ENOENT");
  EXPECT_EQ(opened("/lib/../etc/only"), "ELOOP") << "above a link is somewhere else";
}

TEST_F(RootTest, LinksThatMakeAPathOfAnyLengthAreFollowedForHours) {
  std::string longest;
  while (longest.size() < 3000) longest += "usr/../";
  link(longest + "../etc/two", "/etc/one");
  link(longest + "../etc/only", "/etc/two");
  EXPECT_EQ(followed("/etc/one/" + longest), "ENAMETOOLONG");
}

TEST_F(RootTest, AFollowedPathGoesThroughLinksOfEveryKindInsideTheRoot) {
  link("usr/lib", "/lib");
  link("/lib/./loader", "/etc/alternatives/loader");
  link("../etc/alternatives/loader", "/bin/loader");
  link("../../etc/../etc/only", "/usr/lib/only");
  EXPECT_EQ(followed("/bin/loader"), "the loader");
  EXPECT_EQ(followed("/lib/only"), "in the root");
  EXPECT_EQ(followed("/etc/only"), "in the root");
  EXPECT_EQ(followed("/lib/none"), "ENOENT");
}

TEST_F(RootTest, LinksThatLeadToEachOtherLeadNowhere) {
  link("/etc/b", "/etc/a");
  link("/etc/a", "/etc/b");
  EXPECT_EQ(followed("/etc/a"), "ELOOP");
}

TEST_F(RootTest, ATreeDeeperThanTheFoldersThatAreKeptOpenIsWalkedToItsEnd) {
  std::string path;
  for (int depth = 0; depth < 150; ++depth) {
    path += "/f";
    write(path + "/file", "");
    fs::create_directories(at(path + "/beside"));
  }
  struct Counting : WalkVisitor {
    std::set<std::string> files;
    std::size_t most_open = 0;
    bool enter(const std::string&, int) override {
      std::size_t open = 0;
      for ([[maybe_unused]] const auto& one : fs::directory_iterator("/proc/self/fd")) ++open;
      most_open = std::max(most_open, open);
      return true;
    }
    bool file(int folder, const std::string& path, const char* name) override {
      struct stat status {};
      if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0) files.insert(path);
      return true;
    }
    void unreadable(const std::string& path, const std::string&) override { ADD_FAILURE() << path; }
    bool is_stopped() override { return false; }
  } visitor;
  walk(root(), {"/f"}, visitor);
  EXPECT_EQ(visitor.files.size(), 150u);
  EXPECT_TRUE(visitor.files.contains(path + "/file"));
  EXPECT_LT(visitor.most_open, 100u);
}

TEST_F(RootTest, ManyFoldersAtTheEndOfALongPathFillTheMemory) {
#ifdef FS_SANITIZED
  GTEST_SKIP() << "the sanitizer keeps what was freed";
#endif
  constexpr int kFolders = 20'000;
  char top[] = "/dev/shm/fleetsweep-scan-test-XXXXXX";  // no disk waits for so many
  ASSERT_NE(::mkdtemp(top), nullptr);
  std::string path = top;
  while (path.size() < 3700) path += '/' + std::string(200, 'x');
  fs::create_directories(path);
  const UniqueFd folder(::open(path.c_str(), O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < kFolders; ++i)
    ASSERT_EQ(::mkdirat(folder.get(), std::to_string(i).c_str(), 0700), 0);
  struct Counting : WalkVisitor {
    int folders = 0;
    bool enter(const std::string&, int) override { return ++folders > 0; }
    bool file(int, const std::string&, const char*) override { return true; }
    void unreadable(const std::string& path, const std::string&) override { ADD_FAILURE() << path; }
    bool is_stopped() override { return false; }
  };
  const pid_t child = ::fork();
  if (child == 0) {
    Counting visitor;
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    walk(*Root::open(top), {"/"}, visitor);
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_GT(visitor.folders, kFolders);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 * 1024) << "KiB";
    ::_exit(HasFailure() ? 1 : 0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  fs::remove_all(top);
}

// Somebody who renames what is listed before it is looked at, so many times.
struct Renaming : WalkVisitor {
  fs::path folder;
  int renames = 0, left = 0;
  std::set<std::string> seen, told;

  bool rename(const fs::path& old) {
    if (left == 0 || !fs::exists(fs::symlink_status(old))) return false;
    --left;
    fs::rename(old, folder / std::to_string(renames++));
    return true;
  }
  bool enter(const std::string& path, int) override {
    seen.insert(path);
    return true;
  }
  bool file(int, const std::string& path, const char* name) override {
    if (rename(folder / name)) return false;
    seen.insert(path);
    return true;
  }
  void unreadable(const std::string& path, const std::string& reason) override {
    told.insert(path + ": " + reason);
  }
  bool is_stopped() override { return false; }
};

TEST_F(RootTest, AFileThatIsRenamedAllTheTimeIsNeverLookedAtAndNobodyHears) {
  write("/r/file", "");
  Renaming visitor;
  visitor.folder = at("/r");
  visitor.left = 3;
  walk(root(), {"/r"}, visitor);
  EXPECT_EQ(visitor.seen, (std::set<std::string>{"/r", "/r/2"}));
  EXPECT_EQ(visitor.told, std::set<std::string>{});

  visitor.seen.clear();
  visitor.left = 1000;
  walk(root(), {"/r"}, visitor);
  EXPECT_EQ(visitor.seen, std::set<std::string>{"/r"});
  EXPECT_EQ(visitor.told,
            std::set<std::string>{"/r: a file in it is renamed each time that it is looked at"});
}

TEST_F(RootTest, AFolderThatIsRenamedAllTheTimeIsNeverLookedAtAndNobodyHears) {
  fs::create_directories(at("/r/sub"));
  struct RenamingFolder : Renaming {
    std::string last = "sub";
    // Asked for each name, which is read already.
    bool is_stopped() override {
      if (is_listed && rename(folder / last)) last = std::to_string(renames - 1);
      return false;
    }
    bool enter(const std::string& path, int fd) override {
      is_listed = true;
      return Renaming::enter(path, fd);
    }
    bool is_listed = false;
  };
  for (const int times : {2, 1000}) {
    RenamingFolder visitor;
    visitor.folder = at("/r");
    visitor.left = times;
    for (const auto& one : fs::directory_iterator(at("/r"))) visitor.last = one.path().filename();
    visitor.renames = times;
    walk(root(), {"/r"}, visitor);
    EXPECT_EQ(visitor.seen.size() + visitor.told.size(), 2u);
    EXPECT_EQ(visitor.seen.contains("/r/" + visitor.last), times == 2);
    EXPECT_EQ(visitor.told.size(), times == 2 ? 0u : 1u);
  }
}

TEST_F(RootTest, AFolderInWhichFilesComeAndGoCannotBeLookedAt) {
  for (int i = 0; i < 100; ++i) write("/busy/" + std::to_string(i), "");
  struct Busy : WalkVisitor {
    fs::path folder;
    int next = 100;
    bool enter(const std::string&, int) override { return true; }
    bool file(int, const std::string&, const char* name) override {
      fs::remove(folder / name);
      if (next < 300) std::ofstream(folder / std::to_string(next++)) << "";
      return false;
    }
    void unreadable(const std::string& path, const std::string& why) override {
      ADD_FAILURE() << path << ": " << why;
    }
    bool is_stopped() override { return false; }
  } visitor;
  visitor.folder = at("/busy");
  walk(root(), {"/busy"}, visitor);
}

// In a mount namespace of its own.
TEST_F(RootTest, AFileSystemMountedInTheTreeIsWalkedAndOneOfTheKernelIsNot) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  write("/opt/file", "");
  for (const char* folder : {"/opt/data", "/opt/kernel", "/opt/again"})
    fs::create_directories(at(folder));
  struct Listing : WalkVisitor {
    std::set<std::string> files;
    bool enter(const std::string&, int) override { return true; }
    bool file(int, const std::string& path, const char*) override {
      files.insert(path);
      return true;
    }
    void unreadable(const std::string&, const std::string&) override {}
    bool is_stopped() override { return files.size() > 10; }
  };
  const pid_t child = ::fork();
  if (child == 0) {
    const auto mount = [&](const char* type, const std::string& source, const std::string& target,
                           unsigned long flags) {
      return ::mount(source.c_str(), at(target).c_str(), type, flags, nullptr) == 0;
    };
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        !mount("tmpfs", "none", "/opt/data", 0) || !mount("proc", "none", "/opt/kernel", 0) ||
        !mount(nullptr, at("/etc"), "/opt/again", MS_BIND))
      ::_exit(1);
    write("/opt/data/below/file", "");
    Listing visitor;
    walk(root(), {"/opt"}, visitor);
    const std::set<std::string> expected{"/opt/file", "/opt/data/below/file", "/opt/again/only"};
    ::_exit(visitor.files == expected ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace fleetsweep::scan
