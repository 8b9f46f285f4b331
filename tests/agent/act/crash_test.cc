// kill -9 of the real program (the build that kills itself at named places), then a restart: every
// step fully done or fully undone, and undo brings everything back.

#include <signal.h>
#include <unistd.h>

#include "agent/act/ledger.h"
#include "protocol/base/prng.h"
#include "tests/agent/act/act_host.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::HostState;

// The infection as it is after an undisturbed cleaning.
const std::string& cleaned_contents() {
  static const std::string contents = [] {
    ActHost host;
    host.infect();
    EXPECT_EQ(host.run(host.request()).state(), HostState::kCleaned);
    return host.contents();
  }();
  return contents;
}

// Whether the fault was reached at all.
bool survives(const std::string& fault, bool resume_first, const std::string& second_fault = "") {
  ActHost host;
  host.infect();
  const std::string before = host.manifest();
  auto request = host.request();
  if (host.run(request, fault).done) return false;
  if (resume_first) {
    request.resume = true;
    if (!second_fault.empty()) (void)host.run(request, second_fault);
    const Answer resumed = host.run(request);
    if (resumed.state() == HostState::kCleaned) {
      EXPECT_EQ(host.contents(), cleaned_contents()) << fault;
    } else {
      // Killed before anything was written: then nothing was done either.
      EXPECT_EQ(resumed.state(), HostState::kRefused) << fault << "\n" << resumed.text();
      EXPECT_EQ(host.manifest(), before) << fault;
      return true;
    }
  }
  const Answer undone = host.run(host.undo_request(request));
  if (undone.reason() != model::Reason::kUndoUnknown) {
    EXPECT_EQ(undone.state(), HostState::kUndone) << fault << "\n" << undone.text();
  }
  EXPECT_EQ(host.manifest(), before) << fault;
  return true;
}

TEST(Crash, AtEveryJournalRecordTheTransactionIsFinishedOrTakenBack) {
  int record = 1;
  while (survives(fmt::format("record:{}", record), record % 2 == 0)) ++record;
  EXPECT_GT(record, 30);
}

TEST(Crash, BetweenEveryIntentAndItsDone) {
  int operation = 1;
  while (survives(fmt::format("performed:{}", operation), operation % 2 == 1)) ++operation;
  EXPECT_GT(operation, 12);
}

TEST(Crash, AtEveryNamedPlaceInsideAnAction) {
  for (const char* place :
       {"anchor:1", "frozen:1", "vault-chunk:1", "vault-chunk:3", "before-rename:1", "renamed:1",
        "renamed:2", "unlinked:1", "edit-renamed:1", "edit-written:1", "exchanged:1", "killed:1",
        "before-record:1", "before-record:7"})
    for (const bool resume_first : {true, false})
      EXPECT_TRUE(survives(place, resume_first)) << place << " was not reached";
}

// As if the host had been started again and its file systems had other numbers since: what the
// journal tells of files was read in another boot, from another device.
void renumber(const ActHost& host, std::uint64_t by = 1000) {
  const std::string path = host.state() + "/journal", old = path + ".old";
  fs::rename(path, old);
  const auto from = Journal::open(old);
  auto to = Journal::open(path);
  ASSERT_TRUE(from && to);
  for (const auto& bytes : from->records()) {
    auto record = decode_record(bytes);
    ASSERT_TRUE(record);
    if (auto* begin = std::get_if<Begin>(&record->event)) {
      begin->boot.value[0] ^= 1;
      for (auto& op : begin->ops) op.file.device += by;
    }
    if (auto* intended = std::get_if<Intended>(&record->event))
      intended->intent.parent_device += by;
    ASSERT_TRUE(to->append(encode(*record)));
  }
}

TEST(Crash, AFileThatIsThereCountsAsTakenWhenItsDeviceHasAnotherNumber) {
  for (const char* place : {"before-rename:2", "renamed:2", "before-rename:3"}) {
    ActHost host;
    host.infect();
    const std::string before = host.manifest();
    auto request = host.request();
    ASSERT_FALSE(host.run(request, place).done);
    ASSERT_NO_FATAL_FAILURE(renumber(host));
    request.resume = true;
    const Answer resumed = host.run(request);
    EXPECT_EQ(resumed.state(), HostState::kCleaned) << place << "\n" << resumed.text();
    EXPECT_EQ(host.contents(), cleaned_contents()) << place;
    const Answer undone = host.run(host.undo_request(request));
    EXPECT_EQ(undone.state(), HostState::kUndone) << place << "\n" << undone.text();
    EXPECT_EQ(host.manifest(), before) << place;
  }
}

// As vfat and exfat number them anew when they are mounted again.
TEST(Crash, AFileThatIsThereCountsAsTakenWhenItHasAnotherNumber) {
  ActHost host;
  host.infect();
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "before-rename:2").done);
  const std::string path = host.at("/tmp/kit/evil");
  output_of("cp -a " + path + " " + path + ".copy && mv " + path + ".copy " + path);
  request.resume = true;
  const Answer resumed = host.run(request);
  EXPECT_EQ(resumed.state(), HostState::kFailed) << resumed.text();
  const auto item = resumed.item("/tmp/kit/evil", model::ActionKind::kQuarantine);
  ASSERT_TRUE(item) << resumed.text();
  EXPECT_EQ(item->outcome, model::Outcome::kFailed);
  EXPECT_EQ(item->reason, model::Reason::kChanged);
  EXPECT_TRUE(fs::exists(path));
}

TEST(Crash, ALinkWhereAFileWasKeepsItsRemovalFromEnding) {
  ActHost host;
  host.infect();
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "before-rename:2").done);
  fs::remove(host.at("/tmp/kit/evil"));
  fs::create_symlink("elsewhere", host.at("/tmp/kit/evil"));
  request.resume = true;
  const Answer resumed = host.run(request);
  EXPECT_EQ(resumed.state(), HostState::kCleaned) << resumed.text();
  EXPECT_TRUE(fs::is_symlink(host.at("/tmp/kit/evil")));
}

TEST(Crash, AFileSystemThatIsNotMountedYetCountsAsCleaned) {
  ActHost host;
  host.infect();
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "before-rename:2").done);
  ASSERT_NO_FATAL_FAILURE(renumber(host));
  fs::rename(host.at("/tmp/kit"), host.at("/srv/away"));
  request.resume = true;
  const Answer resumed = host.run(request);
  EXPECT_EQ(resumed.state(), HostState::kFailed) << resumed.text();
  EXPECT_EQ(resumed.item("/tmp/kit/evil", model::ActionKind::kQuarantine)->reason,
            model::Reason::kConflict)
      << resumed.text();
  EXPECT_TRUE(fs::exists(host.at("/srv/away/evil")));
}

TEST(Crash, AFolderThatTheBootRemovedFailsItsCleaning) {
  ActHost host;
  host.infect();
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "before-rename:2").done);
  ASSERT_NO_FATAL_FAILURE(renumber(host, 0));
  fs::remove_all(host.at("/tmp/kit"));
  request.resume = true;
  const Answer resumed = host.run(request);
  EXPECT_EQ(resumed.state(), HostState::kCleaned) << resumed.text();
  EXPECT_EQ(resumed.item("/tmp/kit/evil", model::ActionKind::kQuarantine)->reason,
            model::Reason::kGone)
      << resumed.text();
}

TEST(Crash, UndoFindsNoFolderWhenItsDeviceHasAnotherNumber) {
  ActHost host;
  host.infect();
  fs::permissions(host.at("/tmp/kit"), fs::perms(01777));  // not only root writes there
  const std::string before = host.manifest();
  auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  ASSERT_NO_FATAL_FAILURE(renumber(host));
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.manifest(), before);
}

// Somebody edits the file after the crash.
struct Edited : testing::Test {
  ActHost host;
  model::ActRequest request;
  std::string path, before, swapped;

  void SetUp() override {
    host.infect();
    path = host.at("/etc/crontab");
    before = read_text(path);
    request = host.request();
    ASSERT_FALSE(host.run(request, "exchanged:1").done);
    swapped = read_text(path);
    ASSERT_EQ(swapped.find("/tmp/kit/evil"), std::string::npos);
    request.resume = true;
  }
  std::string hidden() const {
    std::string name = output_of("find " + host.at("/etc") + " -name '.fs*'");
    return name.substr(0, name.find('\n'));
  }
};

TEST_F(Edited, AfterOurEditTheLineIsGoneAndNobodySaysSo) {
  write_text(path, swapped + "# added by hand\n");
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_NE(answer.text().find("/etc/crontab: the entry was taken out, and the file was changed "
                               "since"),
            std::string::npos)
      << answer.text();
  EXPECT_EQ(read_text(path), swapped + "# added by hand\n");
  EXPECT_EQ(hidden(), "");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(read_text(path), before + "# added by hand\n");
}

TEST_F(Edited, WithTheLineInItCountsAsCleaned) {
  write_text(path, before + "# added by hand\n");
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.item("/etc/crontab", model::ActionKind::kRemove)->reason,
            model::Reason::kChanged)
      << answer.text();
  EXPECT_EQ(read_text(path), before + "# added by hand\n");
  EXPECT_EQ(hidden(), "");
}

TEST_F(Edited, WhatStandsUnderOurHiddenNameAndIsNotOursIsDeleted) {
  write_text(path, swapped + "# added by hand\n");
  const std::string beside = hidden();
  write_text(beside, "somebody's edit, which came out in the exchange");
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), model::Reason::kRaced) << answer.text();
  EXPECT_NE(answer.text().find(fs::path(beside).filename().string()), std::string::npos)
      << answer.text();
  EXPECT_EQ(read_text(path), swapped + "# added by hand\n");
  EXPECT_EQ(read_text(beside), "somebody's edit, which came out in the exchange");
}

TEST(Crash, OwnerWhoHaltsOrWritesAMistakeGetsFrozenProcessesThawed) {
  for (const char* file : {"halt", "consent.conf"}) {
    ActHost host;
    host.infect();
    const pid_t worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
    auto request = host.request();
    ASSERT_FALSE(host.run(request, "frozen:1").done);
    ASSERT_EQ(host.process_state(worker), 'T');
    write_text(std::filesystem::path(host.state()).parent_path() / file, "max_class = nonsense\n");
    request.resume = true;
    const Answer answer = host.run(request);
    EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
    EXPECT_EQ(answer.reason(), file[0] == 'h' ? model::Reason::kHalted : model::Reason::kConsent);
    EXPECT_NE(host.process_state(worker), 'T');
    EXPECT_TRUE(std::filesystem::exists(host.at("/tmp/kit/evil")));
  }
}

// Act died of it more often than core tries: core called it failed, and told that.
TEST(Crash, WhatWasGivenUpIsCarriedOnWhenTheNextOrderComes) {
  ActHost host;
  host.infect();
  const pid_t worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  const std::string before = host.manifest();
  ASSERT_FALSE(host.run(host.request(), "frozen:1").done);
  ASSERT_EQ(host.process_state(worker), 'T');
  const auto unknown = host.undo_order(DocumentId{{9}});
  EXPECT_EQ(host.run(host.request(unknown, {"alice", "bob"})).reason(),
            model::Reason::kUndoUnknown);
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_EQ(host.manifest(), before);
  const auto ledger = Ledger::open(host.state() + "/journal");
  ASSERT_TRUE(ledger && ledger->history().size() == 1 && ledger->history()[0].end);
  EXPECT_EQ(ledger->history()[0].end->state, HostState::kFailed);
  EXPECT_EQ(ledger->history()[0].end->reason, model::Reason::kTimeout);
}

// A file with the flag, and a policy that may clear it.
struct Immutable : testing::Test {
  ActHost host;

  void SetUp() override {
    host.infect();
    if (::system(("chattr +i " + host.at("/tmp/kit/evil") + " 2>/dev/null").c_str()) != 0)
      GTEST_SKIP() << "this file system or user has no immutable flag";
    host.scan();
    host.dry_run = host.findings;
    host.policy.responses[0].actions.back().clear_flags = {"immutable"};
  }
  bool is_immutable(const std::string& path) const {
    return output_of("lsattr " + host.at(path)).substr(4, 1) == "i";
  }
};

TEST_F(Immutable, FlagClearedBeforeACrashIsSetAgainWhenTheOrderGoesNoFurther) {
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "before-rename:2").done);
  ASSERT_FALSE(is_immutable("/tmp/kit/evil"));
  write_text(std::filesystem::path(host.state()).parent_path() / "halt", "");
  request.resume = true;
  EXPECT_EQ(host.run(request).reason(), model::Reason::kHalted);
  EXPECT_TRUE(is_immutable("/tmp/kit/evil"));
}

TEST_F(Immutable, FileMovedAwayWhileWeActIsImmutableAgain) {
  const Answer answer = host.run_racing(host.request(), "before-rename:2", [&] {
    std::filesystem::rename(host.at("/tmp/kit/evil"), host.at("/srv/moved"));
    write_text(host.at("/tmp/kit/evil"), "another file");
  });
  EXPECT_EQ(answer.item("/tmp/kit/evil", model::ActionKind::kQuarantine)->reason,
            model::Reason::kRaced)
      << answer.text();
  EXPECT_TRUE(is_immutable("/srv/moved"));
}

TEST(Crash, WhatSomebodyWroteAfterOurEditIsMadeImmutable) {
  ActHost host;
  host.infect();
  const std::string path = host.at("/etc/crontab");
  if (::system(("chattr +i " + path + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "this file system or user has no immutable flag";
  host.scan();
  host.dry_run = host.findings;
  for (auto& action : host.policy.responses[0].actions)
    if (action.kind == model::ActionKind::kRemove) action.clear_flags = {"immutable"};
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "exchanged:1").done);
  write_text(path, read_text(path) + "# added by hand\n");
  request.resume = true;
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_NE(answer.text().find("/etc/crontab: was changed since its flags were cleared, and does "
                               "not get them again"),
            std::string::npos)
      << answer.text();
  EXPECT_EQ(output_of("lsattr " + path).substr(4, 1), "-");
}

// Whether the fault was reached at all.
bool undo_survives(const std::string& fault) {
  ActHost host;
  host.infect();
  const std::string before = host.manifest();
  const auto request = host.request();
  EXPECT_EQ(host.run(request).state(), HostState::kCleaned);
  auto undo = host.undo_request(request);
  if (host.run(undo, fault).done) return false;
  undo.resume = true;
  const Answer undone = host.run(undo);
  EXPECT_EQ(undone.state(), HostState::kUndone) << fault << "\n" << undone.text();
  EXPECT_EQ(host.manifest(), before) << fault;
  return true;
}

TEST(Crash, AtEveryJournalRecordOfAnUndoItIsFinished) {
  int record = 1;
  while (undo_survives(fmt::format("record:{}", record))) ++record;
  EXPECT_GT(record, 20);
}

TEST(Crash, AtEveryPlaceWhereAnUndoWritesItIsFinished) {
  for (const char* place : {"restored:1", "edit-undo-written:1", "undone:1", "undone:7"})
    EXPECT_TRUE(undo_survives(place)) << place << " was not reached";
}

TEST(Crash, BeforeTheUndoIsWrittenDownItIsBegunAnew) {
  for (const char* fault : {"before-record:1", "record:1", "anchor:1", "before-record:2"}) {
    ActHost host;
    host.infect();
    const std::string before = host.manifest();
    auto request = host.request();
    ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
    auto undo = host.undo_request(request);
    ASSERT_FALSE(host.run(undo, fault).done) << fault << " was not reached";
    undo.resume = true;
    Answer answer = host.run(undo);
    if (answer.state() == HostState::kRefused && answer.reason() == model::Reason::kNone) {
      undo.resume = false;  // what core does when act has nothing to resume
      answer = host.run(undo);
    }
    EXPECT_EQ(answer.state(), HostState::kUndone) << fault << "\n" << answer.text();
    EXPECT_EQ(host.manifest(), before) << fault;
  }
}

TEST(Crash, AnswerToASecondUndoIsLostAndAskedForAgain) {
  ActHost host;
  host.infect();
  auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  ASSERT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  model::Order order = host.undo_order(fixture::id_of(request.order));
  order.title = "once more, to be sure";
  const auto second = host.request(order, {"alice", "bob"});
  EXPECT_EQ(host.run(second).state(), HostState::kUndone);
  const Answer again = host.run(second);
  EXPECT_EQ(again.state(), HostState::kUndone) << again.text();
}

TEST(Crash, TwentySeededPairsOfKills) {
  constexpr const char* kPlaces[] = {"record", "before-record", "performed", "vault-chunk"};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Prng random(seed);
    const auto fault = [&] {
      return fmt::format("{}:{}", kPlaces[random.below(4)], 1 + random.below(25));
    };
    const std::string first = fault(), second = fault();
    SCOPED_TRACE(fmt::format("seed {}: {} then {}", seed, first, second));
    (void)survives(first, true, second);
  }
}

// Who still runs act with this state.
std::size_t acts_of(const ActHost& host) {
  std::size_t count = 0;
  std::error_code error;
  for (fs::directory_iterator at("/proc", error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    std::string words = read_text(at->path() / "cmdline");
    count += words.find("fleetsweep-act") != std::string::npos &&
             words.find(host.state()) != std::string::npos;
  }
  return count;
}

TEST(Crash, WhatADeadActHadFrozenStaysFrozenWhenNobodyStartsItAgain) {
  ActHost host;
  host.infect();
  host.patience = "1s";  // on a busy machine it is over before we look
  const auto worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  const std::string before = host.manifest();
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "frozen:1").done);
  EXPECT_TRUE(until([&] { return host.process_state(worker) != 'T'; }));
  EXPECT_TRUE(host.is_alive(worker));
  EXPECT_TRUE(until([&] { return acts_of(host) == 0; })) << "the guardian stays";
  EXPECT_EQ(host.manifest(), before);

  request.resume = true;
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), model::Reason::kTimeout) << answer.text();
  EXPECT_NE(answer.done->detail.find("nobody went on for 1s"), std::string::npos) << answer.text();
}

TEST(Crash, GuardianDisturbsTheActThatGoesOn) {
  ActHost host;
  host.infect();
  host.patience = "3600s";
  const auto worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "frozen:1").done);
  EXPECT_EQ(acts_of(host), 1u) << "nobody guards what is frozen";
  request.resume = true;
  EXPECT_EQ(host.run(request).state(), HostState::kCleaned);
  EXPECT_EQ(host.process_state(worker), 0);
  EXPECT_TRUE(until([&] { return acts_of(host) == 0; })) << "a guardian of nothing stays";
}

TEST(Crash, AStopBetweenCrashAndRestartContinuesFrozenProcessesAndGoesNoFurther) {
  ActHost host;
  host.infect();
  const auto worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  const std::string before = host.manifest();
  auto request = host.request();
  ASSERT_FALSE(host.run(request, "frozen:1").done);
  ASSERT_EQ(host.process_state(worker), 'T');
  model::Stop stop;
  stop.issued = host.order().schedule.not_before;
  stop.orders = {fixture::id_of(request.order)};
  stop.reason = "wrong policy";
  request.stops = {host.tenant.sign(stop, {"carol"})};
  request.resume = true;
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), model::Reason::kStopped);
  EXPECT_TRUE(host.is_alive(worker));
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_EQ(host.manifest(), before);
}

}  // namespace
}  // namespace fleetsweep::act
