#include "agent/act/files.h"

#include <stop_token>
#include <thread>

#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;

// What the host's owner keeps is named by it.
TEST(Files, ALinkLeadsNowhereWhileAnybodyMovesFiles) {
  const TempDir root, elsewhere;
  fs::create_directories(root / "tmp/kit");
  fs::create_directories(root / "srv");
  fs::create_directory_symlink("../tmp", root / "srv/ours");
  write_text(elsewhere / "a", "");
  const std::jthread mover([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      (void)::rename((elsewhere / "a").c_str(), (elsewhere / "b").c_str());
      (void)::rename((elsewhere / "b").c_str(), (elsewhere / "a").c_str());
    }
  });
  const auto tree = Tree::open(root.path());
  ASSERT_TRUE(tree);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(tree->real("/srv/ours/kit"), "/tmp/kit") << i;
}

TEST(Files, AStrangersFileIsTakenForOneThatAnEditorHasMade) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for files of two owners";
  constexpr uid_t kNobody = 65534;
  const TempDir root;
  for (const char* name : {".profile", "edited", "key"})
    write_text(root / ("home/" + std::string(name)), "");
  for (const char* path : {"home", "home/.profile", "home/edited"})
    ASSERT_EQ(::chown((root / path).c_str(), kNobody, kNobody), 0);
  const std::string path = root / "home/.profile";
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  model::FileIdentity found;
  found.path = "/home/.profile";
  found.device = status.st_dev;
  found.inode = status.st_ino;
  const auto tree = Tree::open(root.path());
  ASSERT_TRUE(tree);
  const Owner his = owner_of(status);
  EXPECT_EQ(his.uid, kNobody);
  EXPECT_EQ(*owner_at(*tree, found), his);
  fs::rename(root / "home/edited", path);
  EXPECT_EQ(*owner_at(*tree, found), his);
  fs::rename(root / "home/key", path);
  EXPECT_EQ(*owner_at(*tree, found), kNobodys);
  ASSERT_EQ(::chown((root / "home").c_str(), 0, 0), 0);
  EXPECT_EQ(owner_at(*tree, found)->uid, 0u) << "who else could have put it there";
  ASSERT_EQ(::chown((root / "home").c_str(), 0, kNobody), 0);
  for (const auto& [mode, uid] : {std::pair{02775u, kNobodys.uid}, {01730u, 0u}, {0755u, 0u}}) {
    fs::permissions(root / "home", fs::perms(mode));
    EXPECT_EQ(owner_at(*tree, found)->uid, uid) << mode << ": one of its group";
  }
  fs::permissions(root / "home", fs::perms(01777));
  EXPECT_EQ(*owner_at(*tree, found), kNobodys);
  fs::remove(path);
  EXPECT_EQ(*owner_at(*tree, found), kNobodys);
}

}  // namespace
}  // namespace fleetsweep::act
