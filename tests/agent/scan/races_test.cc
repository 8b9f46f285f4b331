// Somebody without rights owns folders that are scanned, and swaps what is in them as fast as he
// can: files for links to a stranger's file, for hard links to it, whole folders for links. What
// lies outside of the tree is never read, and a finding's content is always that of its own inode.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::ObjectKind;

constexpr int kRoundsMin = 3, kRoundsMax = 30, kPairs = 64;
constexpr uid_t kNobody = 65534;
constexpr const char* kOwn = "harmless content of a look-alike";
constexpr const char* kLetter = "the only copy of a letter";

enum class Swap { kSymlink, kHardLink, kFolder };

struct ScanRaces : TreeTest, testing::WithParamInterface<Swap> {
  fs::path precious;
  std::vector<std::pair<std::string, std::string>> pairs;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, and somebody who is not";
    TreeTest::SetUp();
    precious = folder_ / "precious";
    fs::create_directory(precious);
    std::ofstream(precious / "file") << kLetter;
    for (int i = 0; i < kPairs; ++i) {
      const std::string folder = fmt::format("/srv/{}/in", i);
      write(folder + "/file", kOwn);
      std::string one = at(folder + "/file"), other = at(folder + "/other");
      switch (GetParam()) {
        case Swap::kSymlink:
          fs::create_symlink(precious / "file", other);
          break;
        case Swap::kHardLink:
          fs::create_hard_link(precious / "file", other);
          break;
        case Swap::kFolder:
          one = at(folder);
          other = at(fmt::format("/srv/{}/away", i));
          fs::create_directory_symlink(precious, other);
          break;
      }
      for (const auto& path : {at(fmt::format("/srv/{}", i)), at(folder)})
        EXPECT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
      pairs.emplace_back(one, other);
    }
    for (const auto& path : {folder_, root_, at("/srv"), precious})
      fs::permissions(path, fs::perms(0755));
  }

  pid_t start_swapping() {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0 || ::write(ready[1], "!", 1) != 1)
        ::_exit(1);
      for (;;)
        for (const auto& [one, other] : pairs)
          (void)::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    return pid;
  }
};

TEST_P(ScanRaces, WhatIsOutsideOfTheTreeIsReadOrOneFilesContentTakenForAnothers) {
  model::Policy policy;
  policy.detections = {
      detection("own", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex(kOwn))}),
      detection("letter", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex(kLetter))})};
  model::Verdict verdict;
  verdict.id = "found";
  verdict.condition = one_of({0, 1});
  policy.verdicts = {verdict};

  std::map<ino_t, std::string> content;  // its digest, by inode
  struct stat status {};
  for (const auto& entry : fs::recursive_directory_iterator(at("/srv"))) {
    if (entry.is_symlink() || entry.path().filename() != "file") continue;
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    content[status.st_ino] = sha256_hex(kOwn);
  }
  ASSERT_EQ(content.size(), static_cast<std::size_t>(kPairs));
  ASSERT_EQ(::stat((precious / "file").c_str(), &status), 0);
  content[status.st_ino] = sha256_hex(kLetter);

  int found = 0, letters = 0, disturbed = 0;
  int round = 0;
  for (; round < kRoundsMin || (disturbed == 0 && round < kRoundsMax); ++round) {
    const pid_t attacker = start_swapping();
    // It would rest while others wait for the machine, as here they do.
    const auto result =
        scan(policy, "unshare -m sh -c 'mount -t tmpfs none /proc/pressure && exec \"$@\"' sh");
    ::kill(attacker, SIGKILL);
    ::waitpid(attacker, nullptr, 0);
    ASSERT_TRUE(result.contains("findings")) << result.dump(1);
    int here = 0;
    bool is_disturbed = false;
    for (const auto& finding : result["findings"]) {
      const auto& file = finding["file"];
      const bool is_letter = finding["detection"] == "letter";
      ++(is_letter ? letters : here);
      is_disturbed |= !file["path"].get<std::string>().ends_with("/in/file");
      EXPECT_EQ(content[file["inode"].get<ino_t>()], file["sha256"]) << file.dump();
    }
    found += here;
    disturbed += is_disturbed || here != kPairs;
  }
  std::printf("%d of %d found, %d times a stranger's by its name here; %d of %d rounds disturbed\n",
              found, round * kPairs, letters, disturbed, round);
  EXPECT_GT(found, 0);
  EXPECT_GT(disturbed, 0) << "nobody was ever disturbed: this tests nothing";
  // A hard link is a name of the file in the tree; a link is not.
  if (GetParam() != Swap::kHardLink) {
    EXPECT_EQ(letters, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, ScanRaces,
                         testing::Values(Swap::kSymlink, Swap::kHardLink, Swap::kFolder),
                         [](const auto& info) {
                           return info.param == Swap::kSymlink    ? "FilesAndLinks"
                                  : info.param == Swap::kHardLink ? "FilesAndHardLinks"
                                                                  : "FoldersAndLinks";
                         });

}  // namespace
}  // namespace fleetsweep::scan
