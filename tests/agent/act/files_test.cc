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

}  // namespace
}  // namespace fleetsweep::act
