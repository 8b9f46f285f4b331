// Somebody without rights owns the folder that act cleans, and swaps what is in it as fast as he
// can: the file for a link, for a hard link to a stranger's file, the folder itself for a link.
// Whatever act answers, what is outside of its plan is neither stored, moved nor deleted.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "agent/act/ledger.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;

constexpr const char* kBeneath = "/dev/shm";
constexpr int kRounds = 40;
constexpr uid_t kNobody = 65534;
constexpr const char* kEvil = "harmless content of a look-alike";
constexpr const char* kLetter = "the only copy of a letter";

enum class Swap { kSymlink, kHardLink, kFolder };

struct Races : testing::TestWithParam<Swap> {
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, and somebody who is not";
  }
};

// Runs until it is killed, and says that it does. He begins after `delay`, so that over the rounds
// every part of act is disturbed, also what comes after its first look at the ctime.
pid_t start_swapping(const std::string& one, const std::string& other,
                     std::chrono::microseconds delay, int ready) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0 || ::write(ready, "!", 1) != 1) ::_exit(1);
  const auto begin = std::chrono::steady_clock::now() + delay;
  while (std::chrono::steady_clock::now() < begin) continue;
  for (;;) (void)::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
}

TEST_P(Races, WhatIsOutsideOfThePlanIsNeverStoredMovedOrDeleted) {
  int done = 0, refused = 0;
  std::chrono::microseconds life{};  // of act in the first round, which nobody disturbs
  for (int round = 0; round < kRounds; ++round) {
    const TempDir precious(kBeneath);
    fs::permissions(precious.path(), fs::perms(0755));
    ActHost host(kBeneath);
    // He reaches the folder; the rest of the test's is not his.
    fs::permissions(fs::path(host.root()).parent_path(), fs::perms(0755));
    write_text(precious / "evil", kLetter);
    write_text(host.at("/tmp/kit/evil"), kEvil);
    write_text(host.at("/tmp/more/evil"), "a second file of his");
    const std::string folder = host.at("/tmp/kit");
    std::string one = folder + "/evil", other = folder + "/other";
    switch (GetParam()) {
      case Swap::kSymlink:
        fs::create_symlink(precious / "evil", other);
        break;
      case Swap::kHardLink:
        fs::create_hard_link(precious / "evil", other);
        break;
      case Swap::kFolder:
        one = folder;
        other = host.at("/tmp/other");
        fs::create_directory_symlink(precious.path(), other);
        break;
    }
    for (const auto& path : {host.at("/tmp"), folder, folder + "/evil"})
      ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
    host.policy.responses[0].actions.erase(host.policy.responses[0].actions.begin(),
                                           host.policy.responses[0].actions.end() - 1);
    host.policy.limits.independent_min = 0;
    host.find_file(kByHash, "/tmp/kit/evil");
    host.dry_run = host.findings;
    const auto request = host.request();

    pid_t attacker = 0;
    if (round > 0) {
      int ready[2];
      ASSERT_EQ(::pipe(ready), 0);
      attacker = start_swapping(one, other, life * round / kRounds, ready[1]);
      char byte = 0;
      ::close(ready[1]);
      ASSERT_EQ(::read(ready[0], &byte, 1), 1);
      ::close(ready[0]);
    }
    const auto begin = std::chrono::steady_clock::now();
    const Answer answer = host.run(request);
    if (round == 0)
      life = std::chrono::duration_cast<std::chrono::microseconds>(
          std::chrono::steady_clock::now() - begin);
    if (attacker != 0) {
      ::kill(attacker, SIGKILL);
      ::waitpid(attacker, nullptr, 0);
    }

    EXPECT_EQ(read_text(precious / "evil"), kLetter) << answer.text();
    struct stat status {};
    ASSERT_EQ(::stat((precious / "evil").c_str(), &status), 0);
    EXPECT_EQ(status.st_nlink, GetParam() == Swap::kHardLink ? 2u : 1u) << answer.text();
    const auto item = answer.item("/tmp/kit/evil", ActionKind::kQuarantine);
    const bool was_done = item && item->outcome == model::Outcome::kDone;
    ++(was_done ? done : refused);
    // Only his file is in the vault, and it is there if it is gone from the folder.
    const auto ledger = Ledger::open(host.state() + "/journal");
    ASSERT_TRUE(ledger);
    std::size_t stored = 0, kept = 0;
    for (const auto& transaction : ledger->history())
      for (std::size_t i = 0; i < transaction.ops.size(); ++i) {
        if (transaction.begin.ops[i].kind != OpKind::kStore) continue;
        if (transaction.ops[i].post.digest.is_zero()) continue;  // evidence, also if it was undone
        ++stored;
        EXPECT_EQ(transaction.ops[i].post.digest,
                  crypto::sha256(as_bytes(std::string_view(kEvil))));
      }
    for (const auto& entry : fs::recursive_directory_iterator(host.state() + "/vault"))
      kept += entry.is_regular_file();
    EXPECT_EQ(kept, stored) << answer.text();
    std::size_t left = 0;
    for (const auto& entry : fs::recursive_directory_iterator(host.at("/tmp"))) {
      if (entry.is_regular_file() && !entry.is_symlink()) left += read_text(entry.path()) == kEvil;
      EXPECT_FALSE(entry.path().filename().string().starts_with(".fs")) << answer.text();
    }
    EXPECT_EQ(left, was_done ? 0u : 1u) << answer.text();
  }
  std::printf("%d taken, %d left alone because they did not hold still\n", done, refused);
  EXPECT_GT(done, 0);
  EXPECT_GT(refused, 0) << "nobody was ever disturbed: this tests nothing";
}

INSTANTIATE_TEST_SUITE_P(Of, Races, testing::Values(Swap::kSymlink, Swap::kHardLink, Swap::kFolder),
                         [](const auto& info) {
                           return info.param == Swap::kSymlink    ? "AFileAndALink"
                                  : info.param == Swap::kHardLink ? "AFileAndAHardLink"
                                                                  : "AFolderAndALink";
                         });

}  // namespace
}  // namespace fleetsweep::act
