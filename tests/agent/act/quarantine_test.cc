// Files that go to the vault: what it keeps of them, what comes back, and those that hold on.

#include <fcntl.h>
#include <signal.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "agent/act/ledger.h"
#include "agent/act/vault.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

TEST_F(Clean, TheVaultKnowsWhoseAFileWasWhyItWasTakenAndWhoUsedIt) {
  write_text(host.at("/etc/passwd"), "root:x:0:0::/root:/bin/sh\nevil:x:2903:0::/:/bin/sh\n");
  write_text(host.at("/etc/group"), "root:x:0:\nmob:x:798712:evil\n");
  write_text(host.at("/var/lib/dpkg/info/cron.list"), "/etc/crontab\n");
  for (auto* list : {&host.findings, &host.dry_run})
    (*list)[0].rule = {"lookalike", {{"$a", 9}, {"$b", 4096}}};
  ASSERT_EQ(host.run(host.request()).state(), HostState::kCleaned);

  std::map<std::string, Metadata> stored;
  const auto vault = Vault::open(host.state());
  ASSERT_TRUE(vault);
  for (const auto& file : fs::recursive_directory_iterator(host.state() + "/vault")) {
    if (!file.is_regular_file()) continue;
    const auto transaction = Nonce::parse_hex(file.path().parent_path().filename().string());
    const std::string name = file.path().stem();
    const auto metadata = vault->load(*transaction, name, [](BytesView) -> Status { return {}; });
    ASSERT_TRUE(metadata) << metadata.error().message;
    stored[metadata->path + name.substr(std::min(name.find('-'), name.size()))] = *metadata;
  }
  const Metadata& evil = stored["/tmp/kit/evil"];
  if (::geteuid() == 0) {
    EXPECT_EQ(evil.user + ":" + evil.group, "evil:mob");
  }
  EXPECT_EQ(evil.verdict + " " + evil.detection, "confirmed by_hash");
  EXPECT_EQ(evil.rule, host.findings[0].rule);
  EXPECT_NE(evil.ctime_ns, 0);
  EXPECT_EQ(stored["/usr/lib/libevil.so"].names,
            (std::vector<std::string>{"/usr/lib/libevil.so", "/usr/lib/libevil.so.1"}));
  EXPECT_EQ(stored["/etc/crontab"].package, "cron");
  // Killed before its program was taken.
  EXPECT_EQ(stored["/opt/kit/worker"].pids, std::vector<std::int32_t>{worker});
  for (const char* of_process : {"-exe", "-command_line", "-environ", "-maps"}) {
    const Metadata& evidence = stored[std::string("/opt/kit/worker") + of_process];
    EXPECT_EQ(evidence.verdict + " " + evidence.detection, "confirmed by_process") << of_process;
    EXPECT_EQ(evidence.pids, std::vector<std::int32_t>{worker}) << of_process;
  }
}

TEST_F(Clean, HolesOfASparseFileComeBackWhereTheyWere) {
  const std::string path = host.at("/tmp/kit/sparse");
  write_text(path, "");
  {
    const UniqueFd file(::open(path.c_str(), O_RDWR));
    ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
    const std::string zeroes(8192, '\0');  // written, and so no hole
    ASSERT_EQ(::pwrite(file.get(), "data", 4, 300'000), 4);
    ASSERT_EQ(::pwrite(file.get(), zeroes.data(), zeroes.size(), 700'416), 8192);
    ASSERT_EQ(::fsync(file.get()), 0);
  }
  const auto map = [&] {
    const UniqueFd file(::open(path.c_str(), O_RDONLY));
    (void)::fsync(file.get());
    return read_metadata(file.get(), path)->data;
  };
  const auto before = map();
  const std::string content = read_text(path);
  host.find_file(kByName, "/tmp/kit/sparse");
  host.dry_run = host.findings;
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  ASSERT_FALSE(fs::exists(path));
  ASSERT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(map(), before);
  EXPECT_EQ(read_text(path), content);
}

TEST(Quarantine, AFileOfMoreAttributesThanTheVaultReadsBackIsTakenForGood) {
  ActHost host("/dev/shm");  // other file systems hold few
  host.infect();
  const std::string path = host.at("/tmp/kit/evil"), value(64 * 1024, 'x');
  for (int i = 0; i < 65; ++i)
    if (::setxattr(path.c_str(), fmt::format("user.{}", i).c_str(), value.data(), value.size(),
                   0) != 0)
      GTEST_SKIP() << "this file system has no attributes of that size";
  host.scan();
  host.dry_run = host.findings;
  const auto request = host.request();
  const Answer answer = host.run(request);
  const auto item = answer.item("/tmp/kit/evil", ActionKind::kQuarantine);
  ASSERT_TRUE(item) << answer.text();
  EXPECT_EQ(item->outcome, Outcome::kFailed);
  EXPECT_EQ(item->reason, Reason::kLimit) << answer.text();
  EXPECT_TRUE(fs::exists(path));
  EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so"))) << answer.text();
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
}

TEST_F(Clean, AnImmutableFileIsReportedUnlessThePolicyMayClearTheFlag) {
  if (::system(("chattr +i " + host.at("/tmp/kit/evil") + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "this file system or user has no immutable flag";
  host.scan();
  host.dry_run = host.findings;
  const std::string before = host.manifest();
  EXPECT_EQ(reason_for(host.run(host.request()), "/tmp/kit/evil", ActionKind::kQuarantine),
            Reason::kImmutable);
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));

  ActHost second;
  second.infect();
  output_of("chattr +i " + second.at("/tmp/kit/evil"));
  second.scan();
  second.dry_run = second.findings;
  second.policy.responses[0].actions.back().clear_flags = {"immutable"};
  const std::string clean = second.manifest();
  const auto request = second.request();
  const Answer cleaned = second.run(request);
  EXPECT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(second.run(second.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(second.manifest(), clean);
  EXPECT_EQ(output_of("lsattr " + second.at("/tmp/kit/evil")).substr(4, 1), "i");
}

// Four of a user's files that he leases, among all others.
struct Leased : Clean {
  static inline std::vector<int> leases;

  static std::string copy(int number) { return "/home/ann/copy" + std::to_string(number); }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
    Clean::SetUp();
    const auto found = std::exchange(host.findings, {});
    for (int i = 0; i < 4; ++i) {
      write_text(host.at(copy(i)), "a look-alike " + std::to_string(i));
      host.find_file(kByName, copy(i));
    }
    host.findings.insert(host.findings.end(), found.begin(), found.end());
    host.dry_run = host.findings;
  }
  void TearDown() override {
    ::signal(SIGIO, SIG_DFL);
    for (const int lease : std::exchange(leases, {})) ::close(lease);
  }
  // `asked`: what he does when somebody wants them back.
  Answer clean(sighandler_t asked) {
    const auto request = host.request();
    ::signal(SIGIO, asked);
    for (int i = 0; i < 4; ++i) {
      leases.push_back(::open(host.at(copy(i)).c_str(), O_RDWR | O_CLOEXEC));
      EXPECT_EQ(::fcntl(leases.back(), F_SETLEASE, F_WRLCK), 0);
    }
    return host.run(request);
  }
};

TEST_F(Leased, FilesKeepAllOthersFromBeingTaken) {
  // The kernel would wait longer for him than act believes.
  const TempDir folder;
  write_text(folder / "seconds", "0");
  host.prefix = "mount --bind " + (folder / "seconds") + " /proc/sys/fs/lease-break-time";
  const auto begin = std::chrono::steady_clock::now();
  const Answer answer = clean(SIG_IGN);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, limits::kLeasesWait);
  EXPECT_EQ(reason_for(answer, copy(0), ActionKind::kQuarantine), Reason::kRaced);
  EXPECT_EQ(reason_for(answer, copy(3), ActionKind::kQuarantine), Reason::kRaced);
  EXPECT_TRUE(fs::exists(host.at(copy(3))));
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil"))) << answer.text();
  EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so"))) << answer.text();
}

TEST_F(Leased, FilesStayWhenTheirLeasesHaveEnded) {
  const Answer answer = clean([](int) {
    for (const int lease : leases) (void)::fcntl(lease, F_SETLEASE, F_UNLCK);
  });
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(fs::exists(host.at(copy(i)))) << i;
}

// As bpfdoor does: a program that deletes its file and goes on.
struct Deleted : Clean {
  void SetUp() override {
    Clean::SetUp();
    fs::remove(host.at("/opt/kit/worker"));
    for (auto* list : {&host.findings, &host.dry_run}) list->clear();
    host.find_running_file(kByHash, worker);
    host.find_process(worker);
    host.dry_run = host.findings;
    host.policy.limits.independent_min = 0;
  }
  // What of the vault's is the program.
  std::vector<Metadata> stored() {
    std::vector<Metadata> all;
    const auto vault = Vault::open(host.state());
    const auto ledger = Ledger::open(host.state() + "/journal");
    EXPECT_TRUE(vault && ledger);
    for (const auto& transaction : ledger->history())
      for (std::size_t i = 0; i < transaction.ops.size(); ++i)
        if (transaction.begin.ops[i].kind == OpKind::kStore &&
            transaction.ops[i].stage == OpStage::kDone) {
          auto loaded = vault->load(transaction.id, std::to_string(i),
                                    [](BytesView) -> Status { return {}; });
          EXPECT_TRUE(loaded);
          if (loaded) all.push_back(*loaded);
        }
    return all;
  }
};

TEST_F(Deleted, ProgramWhoseFileIsGoneIsTakenFromItsProcessBeforeThatIsKilled) {
  const Answer answer = host.run(host.request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/opt/kit/worker", ActionKind::kQuarantine);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kDone) << answer.text();
  EXPECT_EQ(host.process_state(worker), 0);
  const auto kept = stored();
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept[0].path, "/opt/kit/worker");
  EXPECT_EQ(kept[0].sha256, crypto::sha256(as_bytes(read_text("/bin/sleep"))));
  EXPECT_EQ(kept[0].pids, std::vector<std::int32_t>{worker});
}

TEST_F(Deleted, WhatHasItsNameNowIsAnotherFile) {
  write_text(host.at("/opt/kit/worker"), "what its package put there");
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/opt/kit/worker\n");
  write_text(
      host.at("/var/lib/dpkg/info/kit.md5sums"),
      output_of("md5sum < " + host.at("/opt/kit/worker")).substr(0, 32) + "  opt/kit/worker\n");
  host.find_file(kByName, "/opt/kit/worker");
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kKnownGood) << answer.text();

  host.findings.pop_back();
  host.dry_run = host.findings;
  auto order = host.order();
  order.title = "the running one alone";
  EXPECT_EQ(host.run(host.request(order, {"alice", "bob"})).state(), HostState::kCleaned);
  EXPECT_EQ(read_text(host.at("/opt/kit/worker")), "what its package put there");
  ASSERT_EQ(stored().size(), 1u);
  EXPECT_EQ(stored()[0].package, "");
}

TEST_F(Deleted, ProgramThatEndedSinceIsSkippedAndTheHostIsNotFailed) {
  ::kill(worker, SIGKILL);
  while (host.process_state(worker) != 0) continue;
  write_text(host.at("/tmp/kit/other"), "of the same family");
  host.find_file(kByName, "/tmp/kit/other");
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/opt/kit/worker", ActionKind::kQuarantine);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kSkipped);
  EXPECT_EQ(item->reason, Reason::kGone);
}

}  // namespace
}  // namespace fleetsweep::act
