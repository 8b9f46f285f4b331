// Files that go for good: like quarantine, but that nothing keeps their content.

#include <algorithm>
#include <sstream>

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

constexpr const char* kEvil = "harmless content of a look-alike";

struct Purge : Clean {
  // Quarantine is the policy's last action: now it is another one.
  void SetUp() override {
    Clean::SetUp();
    host.policy.responses[0].actions.back().kind = ActionKind::kPurge;
  }
  void purge_alone() {
    auto& actions = host.policy.responses[0].actions;
    actions.erase(actions.begin(), actions.end() - 1);
    host.policy.limits.independent_min = 0;
  }
  // Only this file is found, under this and all its other names.
  void find_alone(const std::string& path) {
    purge_alone();
    host.findings.clear();
    host.find_file(kByName, path);
    host.dry_run = host.findings;
  }
  // What the vault knows of a file, by its path. None of its content is there.
  std::map<std::string, Metadata> known() {
    std::map<std::string, Metadata> all;
    const auto vault = Vault::open(host.state());
    const auto ledger = Ledger::open(host.state() + "/journal");
    EXPECT_TRUE(vault && ledger);
    for (const auto& transaction : ledger->history())
      for (const auto& kept : vault->kept(transaction.id)) {
        if (kept.name.find('-') != std::string::npos) continue;  // evidence of a process
        const auto& begin = transaction.begin;
        const auto& op = begin.ops[std::stoul(kept.name)];
        const bool is_purged = begin.steps[op.step].item.action == ActionKind::kPurge;
        const auto metadata = vault->load(transaction.id, kept.name, [&](BytesView) -> Status {
          EXPECT_FALSE(is_purged) << op.file.path;
          return {};
        });
        EXPECT_TRUE(metadata) << metadata.error().message;
        if (!metadata) continue;
        EXPECT_EQ(metadata->has_content, !is_purged) << op.file.path;
        if (is_purged) all[metadata->path] = *metadata;
      }
    return all;
  }
};

// But of what was purged, and of times of folders that it lay in.
std::string without_purged(const ActHost& host) {
  std::istringstream lines(host.contents());
  std::string text;
  for (std::string line; std::getline(lines, line);)
    if (line.find("tmp/kit/evil") == std::string::npos &&
        line.find("usr/lib/libevil") == std::string::npos &&
        line.find("opt/kit/worker") == std::string::npos)
      text += line + "\n";
  return text;
}

TEST_F(Purge, WhatIsGoneForGoodIsSaidToBeBackOrKeepsTheRestFromComingBack) {
  const std::string before = without_purged(host);
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  const auto item = cleaned.item("/tmp/kit/evil", ActionKind::kPurge);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kDone);
  EXPECT_EQ(item->sha256, crypto::sha256(as_bytes(std::string_view(kEvil))));
  EXPECT_EQ(item->size, 32u);
  EXPECT_NE(without_purged(host), before);
  EXPECT_EQ(cleaned.done->removed.size(), 7u) << "a rescan would say that they came back";

  const auto check = [&](const Answer& undone) {
    EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
    EXPECT_NE(undone.done->detail.find(
                  "purged and gone for good, that is not undone: /tmp/kit/evil, and 2 more"),
              std::string::npos)
        << undone.text();
    EXPECT_EQ(undone.done->detail.find("everything is back"), std::string::npos) << undone.text();
    for (const char* path : {"/tmp/kit/evil", "/usr/lib/libevil.so", "/opt/kit/worker"}) {
      const auto gone = undone.item(path, ActionKind::kPurge);
      ASSERT_TRUE(gone) << path;
      EXPECT_EQ(gone->outcome, Outcome::kSkipped) << path;
      EXPECT_EQ(gone->reason, Reason::kExpired) << path;
      EXPECT_FALSE(fs::exists(host.at(path))) << path;
    }
    EXPECT_EQ(undone.item("/etc/crontab", ActionKind::kRemove)->outcome, Outcome::kUndone);
    EXPECT_EQ(undone.done->acted, 4u) << "two lines, a unit, and what was frozen";
    EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so.1")));
    EXPECT_EQ(without_purged(host), before);
  };
  check(host.run(host.undo_request(request)));
  check(host.run_locally(fixture::id_of(request.order)));
}

TEST_F(Purge, NobodyKnowsWhatWasDestroyedOrItsContentIsStillThere) {
  const auto status = fs::status(host.at("/tmp/kit/evil"));
  ASSERT_EQ(host.run(host.request()).state(), HostState::kCleaned);
  auto all = known();
  ASSERT_EQ(all.size(), 3u);
  const Metadata& evil = all["/tmp/kit/evil"];
  EXPECT_EQ(evil.sha256, crypto::sha256(as_bytes(std::string_view(kEvil))));
  EXPECT_EQ(evil.size, 32u);
  EXPECT_EQ(evil.mode, static_cast<std::uint32_t>(status.permissions()));
  if (::geteuid() == 0) {
    EXPECT_EQ(evil.uid, 2903u);
  }
  EXPECT_NE(evil.mtime_ns, 0);
  EXPECT_EQ(evil.verdict + " " + evil.detection, "confirmed by_hash");
  EXPECT_EQ(all["/usr/lib/libevil.so"].names,
            (std::vector<std::string>{"/usr/lib/libevil.so", "/usr/lib/libevil.so.1"}));
  EXPECT_EQ(all["/usr/lib/libevil.so"].size, 200'007u);
  std::uintmax_t bytes = 0;
  for (const auto& file : fs::recursive_directory_iterator(host.state() + "/vault"))
    if (file.is_regular_file() && file.path().filename().string().find('-') == std::string::npos)
      bytes = std::max(bytes, file.file_size());
  EXPECT_LT(bytes, 20'000u);
}

TEST_F(Purge, AFullVaultKeepsAFileFromBeingDestroyed) {
  purge_alone();
  write_text(host.state() + "/vault.quota", "10");
  const auto request = host.request();
  host.policy.responses[0].actions.back().kind = ActionKind::kQuarantine;
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kVaultFull);
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(known().size(), 3u);
}

TEST_F(Purge, AFileLargerThanAVaultMayUsuallyBeStaysForGood) {
  fs::resize_file(host.at("/tmp/kit/evil"), limits::kVaultBytes + 1);
  find_alone("/tmp/kit/evil");
  const auto request = host.request();
  host.policy.responses[0].actions.back().kind = ActionKind::kQuarantine;
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kVaultFull);
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil")));
}

TEST_F(Purge, AFileWithANameOutsideIsDestroyedUnderTheOther) {
  fs::create_hard_link(host.at("/usr/lib/libevil.so"), host.root() + "/../outside");
  find_alone("/usr/lib/libevil.so");
  const std::string before = host.manifest();
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/usr/lib/libevil.so", ActionKind::kPurge), Reason::kHardLinks)
      << answer.text();
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Purge, AFileOfWhichOneNameStaysLosesTheOther) {
  fs::create_directories(host.at("/opt/locked"));
  fs::create_hard_link(host.at("/tmp/kit/evil"), host.at("/opt/locked/evil"));
  if (::system(("chattr +i " + host.at("/opt/locked") + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "this file system or user has no immutable flag";
  const std::string before = host.manifest();
  for (const char* first : {"/tmp/kit/evil", "/opt/locked/evil"}) {
    find_alone(first);
    auto order = host.order();
    order.title = first;
    const Answer answer = host.run(host.request(order, {"alice", "bob", "carol"}));
    EXPECT_EQ(reason_for(answer, first, ActionKind::kPurge), Reason::kImmutable) << answer.text();
    EXPECT_EQ(host.manifest(), before) << answer.text();
  }
}

TEST_F(Purge, AnotherFileIsDestroyedThatWasPutInItsPlace) {
  find_alone("/tmp/kit/evil");
  const auto request = host.request();
  const Answer answer = host.run_racing(request, "before-rename:1", [&] {
    fs::rename(host.at("/tmp/kit/evil"), host.at("/srv/moved"));
    write_text(host.at("/tmp/kit/evil"), "another file");
  });
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kPurge), Reason::kRaced)
      << answer.text();
  EXPECT_EQ(read_text(host.at("/tmp/kit/evil")), "another file");
  EXPECT_EQ(read_text(host.at("/srv/moved")), kEvil);
  EXPECT_EQ(host.manifest().find(".fsq-"), std::string::npos);
}

// Its first name is gone by then, and cannot be a name of what lies elsewhere.
TEST_F(Purge, AFileThatIsMovedAwayBetweenItsNamesIsSaidToBeDestroyed) {
  find_alone("/usr/lib/libevil.so");
  const auto request = host.request();
  const Answer answer = host.run_racing(request, "before-rename:2", [&] {
    fs::rename(host.at("/usr/lib/libevil.so.1"), host.at("/srv/moved"));
    write_text(host.at("/usr/lib/libevil.so.1"), "another file");
  });
  const auto item = answer.item("/usr/lib/libevil.so", ActionKind::kPurge);
  ASSERT_TRUE(item) << answer.text();
  EXPECT_EQ(item->outcome, Outcome::kFailed) << answer.text();
  EXPECT_EQ(item->reason, Reason::kRaced) << answer.text();
  EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so")));
  EXPECT_EQ(read_text(host.at("/usr/lib/libevil.so.1")), "another file");
  EXPECT_TRUE(read_text(host.at("/srv/moved")).ends_with("library"));
  EXPECT_EQ(host.manifest().find(".fs"), std::string::npos);
}

TEST_F(Purge, AnImmutableFileIsReportedUnlessThePolicyMayClearTheFlag) {
  if (::system(("chattr +i " + host.at("/tmp/kit/evil") + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "this file system or user has no immutable flag";
  find_alone("/tmp/kit/evil");
  const std::string before = host.manifest();
  EXPECT_EQ(reason_for(host.run(host.request()), "/tmp/kit/evil", ActionKind::kPurge),
            Reason::kImmutable);
  EXPECT_EQ(host.manifest(), before);
  host.policy.responses[0].actions.back().clear_flags = {"immutable"};
  EXPECT_EQ(host.run(host.request()).state(), HostState::kCleaned);
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil")));
}

TEST_F(Purge, ProgramWhoseFileIsGoneIsCopiedFromItsProcess) {
  auto& actions = host.policy.responses[0].actions;
  std::erase_if(actions, [](const auto& one) { return one.kind == ActionKind::kCollect; });
  fs::remove(host.at("/opt/kit/worker"));
  host.findings.clear();
  host.find_running_file(kByHash, worker);
  host.find_process(worker);
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/opt/kit/worker", ActionKind::kPurge);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kSkipped);
  EXPECT_EQ(item->reason, Reason::kGone);
  EXPECT_EQ(host.process_state(worker), 0);
  for (const auto& file : fs::recursive_directory_iterator(host.state() + "/vault"))
    EXPECT_FALSE(file.is_regular_file()) << file.path();
}

TEST_F(Purge, WhatAListHadTheKernelLoadIsForgottenWithTheList) {
  const std::string proc = host.root() + ".proc", list = "/etc/modules-load.d/evil.conf";
  write_text(proc + "/modules", "loop 16384 0 - Live 0x0000000000000000\n");
  write_text(host.at(list), "loop\n");
  find_alone(list);
  const Answer answer = host.run_under(proc, host.request());
  EXPECT_EQ(answer.state(), HostState::kNeedsReboot) << answer.text();
  EXPECT_NE(answer.done->detail.find("what was loaded by " + list), std::string::npos)
      << answer.text();
}

}  // namespace
}  // namespace fleetsweep::act
