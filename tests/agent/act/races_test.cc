// Somebody without rights owns the folder that act cleans, and swaps what is in it as fast as he
// can: the file for a link, for a hard link to a stranger's file or for that file itself, the
// folder for a link. Whatever act answers, what is outside of its plan is neither stored, changed,
// moved nor deleted.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "agent/act/ledger.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::PersistenceKind;

constexpr const char* kBeneath = "/dev/shm";
constexpr uid_t kNobody = 65534;
constexpr const char* kEvil = "harmless content of a look-alike";
constexpr const char* kLetter = "the only copy of a letter";
constexpr int kMostRounds = 200;  // until he has disturbed it once
// The line stands in a stranger's file too.
const std::string kProfile = std::string(kEvil) + "\nhis own line\n", kLeft = "his own line\n",
                  kStrangers = std::string(kEvil) + "\n" + kLetter + "\n";

enum class Does { kTake, kPurge, kEdit, kUnlink, kMode, kCollect };
enum class Swap { kSymlink, kHardLink, kFile, kFolder };

struct Race {
  const char* name;
  Does does;
  Swap swap;
  bool undoes = false;  // and he begins only when it is done
  int rounds = 12;
};

struct Races : testing::TestWithParam<Race> {
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, and somebody who is not";
  }

  // His file, or the link that has a unit started, and what is to happen to it.
  void plant(ActHost& host) {
    const std::string path = "/tmp/kit.wants/evil";
    fs::create_directories(host.at("/tmp/kit.wants"));
    auto& actions = host.policy.responses[0].actions;
    const auto does = [&](ActionKind kind, std::uint16_t detection) {
      actions = {{kind, {{model::Selector::Kind::kDetections, {detection}, {}}}}};
    };
    if (GetParam().does == Does::kUnlink) {
      write_text(host.at("/tmp/evil"), kEvil);
      fs::create_symlink("/tmp/evil", host.at(path));
    } else {
      write_text(host.at(path), kProfile);
      fs::permissions(host.at(path), fs::perms(0755));
    }
    ASSERT_EQ(::lchown(host.at(path).c_str(), kNobody, kNobody), 0);
    switch (GetParam().does) {
      case Does::kTake:
        host.find_file(kByHash, path);
        does(ActionKind::kQuarantine, kByHash);
        break;
      case Does::kPurge:
        host.find_file(kByHash, path);
        does(ActionKind::kPurge, kByHash);
        break;
      case Does::kCollect:
        host.find_file(kByHash, path);
        does(ActionKind::kCollect, kByHash);
        break;
      case Does::kEdit:
        host.find_line(kByCron, PersistenceKind::kShellProfile, path, kEvil);
        does(ActionKind::kRemove, kByCron);
        break;
      case Does::kUnlink:
        host.find_unit("/tmp/evil");
        does(ActionKind::kDisable, kByUnit);
        break;
      case Does::kMode:
        host.find_unit(path);
        std::get<model::PersistenceIdentity>(host.findings[0].identity).kind =
            PersistenceKind::kGitHook;
        does(ActionKind::kDisable, kByUnit);
        break;
    }
  }
  // Of all that lies in his folders, whatever it is called by now: as it was, and as it is cleaned.
  struct Left {
    std::size_t on = 0, off = 0;
    bool operator==(const Left&) const = default;
  };
  Left left_in(const ActHost& host, const Answer& answer) {
    Left left;
    for (const auto& entry : fs::recursive_directory_iterator(host.at("/tmp"))) {
      EXPECT_FALSE(entry.path().filename().string().starts_with(".fs")) << answer.text();
      if (GetParam().does == Does::kUnlink) left.on += entry.is_symlink();
      if (GetParam().does == Does::kUnlink || entry.is_symlink() || !entry.is_regular_file())
        continue;
      const std::string text = read_text(entry.path());
      const bool runs = (entry.status().permissions() & fs::perms(0111)) != fs::perms::none;
      (GetParam().does == Does::kMode && !runs ? left.off : left.on) += text == kProfile;
      left.off += GetParam().does == Does::kEdit && text == kLeft;
    }
    return left;
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

// Only his file is in the vault, and it is there if it is gone from the folder.
void check_vault(const ActHost& host, const Answer& answer) {
  const auto ledger = Ledger::open(host.state() + "/journal");
  ASSERT_TRUE(ledger);
  std::size_t stored = 0, kept = 0;
  for (const auto& transaction : ledger->history())
    for (std::size_t i = 0; i < transaction.ops.size(); ++i) {
      const OpKind kind = transaction.begin.ops[i].kind;
      if (kind != OpKind::kStore && kind != OpKind::kCollect) continue;
      if (transaction.ops[i].post.digest.is_zero()) continue;  // evidence, also if it was undone
      ++stored;
      EXPECT_EQ(transaction.ops[i].post.digest, crypto::sha256(as_bytes(kProfile)));
    }
  for (const auto& entry : fs::recursive_directory_iterator(host.state() + "/vault"))
    kept += entry.is_regular_file();
  EXPECT_EQ(kept, stored) << answer.text();
}

void expect_strangers(const std::string& folder, const std::string& content, const Answer& answer) {
  std::size_t found = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    struct stat status {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
    if (status.st_uid == kNobody) continue;
    ++found;
    EXPECT_EQ(read_text(entry.path()), content) << answer.text();
    EXPECT_EQ(status.st_mode & 07777, 0755u) << answer.text();
  }
  EXPECT_EQ(found, 1u) << answer.text();
}

TEST_P(Races, WhatIsOutsideOfThePlanIsNeverStoredChangedMovedOrDeleted) {
  const Race& race = GetParam();
  // A file that has the line is one in which it is back: an undo would rightly say so.
  const std::string strangers = race.undoes ? kLetter : kStrangers;
  int done = 0, refused = 0;
  // Of act that nobody disturbs, as in the first round; the shortest, since the machine may have
  // stood still then.
  auto life = std::chrono::microseconds::max();
  for (int round = 0; round < race.rounds || (refused == 0 && round < kMostRounds); ++round) {
    const TempDir precious(kBeneath);
    fs::permissions(precious.path(), fs::perms(0755));
    ActHost host(kBeneath);
    // He reaches the folder; the rest of the test's is not his.
    fs::permissions(fs::path(host.root()).parent_path(), fs::perms(0755));
    write_text(precious / "evil", strangers);
    fs::permissions(precious / "evil", fs::perms(0755));
    plant(host);
    write_text(host.at("/tmp/more/evil"), "a second file of his");
    const std::string folder = host.at("/tmp/kit.wants");
    std::string one = folder + "/evil", other = folder + "/other";
    switch (race.swap) {
      case Swap::kSymlink:
        fs::create_symlink(precious / "evil", other);
        break;
      case Swap::kHardLink:
        fs::create_hard_link(precious / "evil", other);
        break;
      case Swap::kFile:  // which he has found there
        write_text(other, strangers);
        fs::permissions(other, fs::perms(0755));
        break;
      case Swap::kFolder:
        one = folder;
        other = host.at("/tmp/other");
        fs::create_directory_symlink(precious.path(), other);
        break;
    }
    for (const auto& path : {host.at("/tmp"), folder})
      ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
    host.policy.limits.independent_min = 0;
    host.dry_run = host.findings;
    auto request = host.request();
    const Left before = left_in(host, {});
    Left cleaned = before;
    if (race.undoes) {
      const Answer answer = host.run(request);
      ASSERT_EQ(answer.state(), model::HostState::kCleaned) << answer.text();
      cleaned = left_in(host, answer);
      request = host.undo_request(request);
    }

    pid_t attacker = 0;
    if (round > 0) {
      int ready[2];
      ASSERT_EQ(::pipe(ready), 0);
      attacker = start_swapping(one, other, life / race.rounds * (round % race.rounds), ready[1]);
      char byte = 0;
      ::close(ready[1]);
      ASSERT_EQ(::read(ready[0], &byte, 1), 1);
      ::close(ready[0]);
    }
    const auto begin = std::chrono::steady_clock::now();
    const Answer answer = host.run(request);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begin);
    if (attacker != 0) {
      ::kill(attacker, SIGKILL);
      ::waitpid(attacker, nullptr, 0);
    }

    EXPECT_EQ(read_text(precious / "evil"), strangers) << answer.text();
    struct stat status {};
    ASSERT_EQ(::stat((precious / "evil").c_str(), &status), 0);
    EXPECT_EQ(status.st_nlink, race.swap == Swap::kHardLink ? 2u : 1u) << answer.text();
    EXPECT_EQ(status.st_mode & 07777, 0755u) << answer.text();
    EXPECT_EQ(std::distance(fs::directory_iterator(precious.path()), {}), 1) << answer.text();
    if (race.swap == Swap::kFile) expect_strangers(folder, strangers, answer);
    const bool was_done =
        race.undoes ? answer.state() == model::HostState::kUndone
                    : answer.done && std::any_of(answer.done->items.begin(),
                                                 answer.done->items.end(), [](const auto& item) {
                                                   return item.outcome == model::Outcome::kDone;
                                                 });
    ++(was_done ? done : refused);
    if (was_done) life = std::min(life, took);
    const bool changes = race.does != Does::kCollect;
    EXPECT_EQ(left_in(host, answer) == before, !changes || was_done == race.undoes)
        << answer.text();
    if (!was_done) {
      EXPECT_EQ(left_in(host, answer), cleaned) << answer.text();
    }
    if (!race.undoes) check_vault(host, answer);
  }
  std::printf("%d taken, %d left alone because they did not hold still\n", done, refused);
  EXPECT_GT(done, 0);
  EXPECT_GT(refused, 0) << "nobody was ever disturbed: this tests nothing";
}

INSTANTIATE_TEST_SUITE_P(
    Of, Races,
    testing::Values(Race{"AFileAndALink", Does::kTake, Swap::kSymlink, false, 40},
                    Race{"AFileAndAHardLink", Does::kTake, Swap::kHardLink, false, 40},
                    Race{"AFolderAndALink", Does::kTake, Swap::kFolder, false, 40},
                    Race{"APurgedFileAndAHardLink", Does::kPurge, Swap::kHardLink, false, 40},
                    Race{"AFolderOfAPurgedFileAndALink", Does::kPurge, Swap::kFolder, false, 40},
                    Race{"EvidenceAndALink", Does::kCollect, Swap::kSymlink},
                    Race{"EvidenceAndAHardLink", Does::kCollect, Swap::kHardLink},
                    Race{"TheFolderOfEvidenceAndALink", Does::kCollect, Swap::kFolder},
                    Race{"AProfileAndALink", Does::kEdit, Swap::kSymlink},
                    Race{"AProfileAndAHardLink", Does::kEdit, Swap::kHardLink},
                    Race{"AProfileAndAStrangersFile", Does::kEdit, Swap::kFile, false, 40},
                    Race{"TheFolderOfAProfileAndALink", Does::kEdit, Swap::kFolder},
                    Race{"TheLinkOfAUnitAndAnother", Does::kUnlink, Swap::kSymlink},
                    Race{"TheFolderOfAUnitsLinkAndALink", Does::kUnlink, Swap::kFolder},
                    Race{"AScriptAndALink", Does::kMode, Swap::kSymlink},
                    Race{"AScriptAndAHardLink", Does::kMode, Swap::kHardLink},
                    Race{"TheFolderOfAScriptAndALink", Does::kMode, Swap::kFolder},
                    Race{"AnEditedProfileAndALink", Does::kEdit, Swap::kSymlink, true},
                    Race{"AnEditedProfileAndAHardLink", Does::kEdit, Swap::kHardLink, true},
                    Race{"AnEditedProfileAndAStrangersFile", Does::kEdit, Swap::kFile, true},
                    Race{"ADisabledScriptAndAHardLink", Does::kMode, Swap::kHardLink, true},
                    Race{"TheFolderOfATakenFileAndALink", Does::kTake, Swap::kFolder, true},
                    Race{"TheFolderOfATakenLinkAndALink", Does::kUnlink, Swap::kFolder, true}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace fleetsweep::act
