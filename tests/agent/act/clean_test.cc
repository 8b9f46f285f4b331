// The real fleetsweep-act on a private root: cleaning, what it must not touch, and undo.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "agent/act/anchor.h"
#include "agent/act/ledger.h"
#include "agent/act/process.h"
#include "agent/act/vault.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/act_host.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

struct Clean : testing::Test {
  ActHost host;
  pid_t worker = 0;

  void SetUp() override {
    host.infect();
    worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  }
  Reason reason_for(const Answer& answer, const std::string& path, ActionKind action) {
    const auto item = answer.item(path, action);
    return item ? item->reason : Reason::kInternal;
  }
};

TEST_F(Clean, TheInfectionGoesAndUndoBringsBackEveryByteOwnerModeAttributeAndTime) {
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(cleaned.steps.size(), cleaned.done->items.size());
  EXPECT_EQ(cleaned.done->acted, 8u) << cleaned.text();
  for (const char* gone :
       {"/tmp/kit/evil", "/usr/lib/libevil.so", "/usr/lib/libevil.so.1", "/opt/kit/worker",
        "/etc/ld.so.preload", "/etc/systemd/system/evil.service",
        "/etc/systemd/system/multi-user.target.wants/evil.service"})
    EXPECT_FALSE(fs::exists(fs::symlink_status(host.at(gone)))) << gone;
  EXPECT_EQ(read_text(host.at("/etc/crontab")),
            "SHELL=/bin/sh\n# jobs\n17 * * * * root run-parts /etc/cron.hourly\n"
            "25 6 * * * root curl https://own.example/backup\n");
  EXPECT_EQ(host.process_state(worker), 0);
  EXPECT_EQ(output_of("find " + host.root() + " -name '.fs*'"), "");

  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_NE(undone.done->detail.find("not started again"), std::string::npos);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, APackagesChangedFileIsReplacedOrNobodyLearnsHow) {
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/tmp/kit/evil\n/usr/lib/libevil.so\n");
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"), std::string(32, 'a') + "  tmp/kit/evil\n");
  write_text(host.at("/var/lib/dpkg/status"), "Package: kit\nVersion: 1.2-3\n");
  host.policy.responses[0].actions = {
      {ActionKind::kRestoreFromPackage,
       {{model::Selector::Kind::kDetections, {kByHash, kByName}, {}}}}};
  const std::string before = host.manifest();
  const Answer answer = host.run(host.request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->acted, 0u);
  ASSERT_EQ(answer.done->items.size(), 2u) << "not of the program that no package owns";
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(answer.done->items[i].outcome, Outcome::kFound);
    EXPECT_TRUE(answer.done->paths[i].ends_with(
        "; a person may run: apt-get install --reinstall kit=1.2-3"))
        << answer.done->paths[i];
  }
  EXPECT_TRUE(answer.done->paths[0].starts_with(
      "/tmp/kit/evil: of package kit 1.2-3, which installed MD5 " + std::string(32, 'a')))
      << answer.done->paths[0];
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, TheLoaderKeepsALibraryInItsCacheAndNobodySaysSo) {
  write_text(host.at("/etc/ld.so.cache"), std::string("cache\0/lib/libevil.so.1\0", 25));
  const auto request = host.request();
  const Answer answer = host.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->detail,
            "the loader's cache still names /usr/lib/libevil.so.1: run ldconfig");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.done->detail.find("ldconfig"), std::string::npos) << undone.done->detail;
}

TEST_F(Clean, WhoStillRunsARemovedProgramIsNotNamed) {
  model::Action restart{ActionKind::kRestart,
                        {{model::Selector::Kind::kServicesMapping, {kByName}, {}}}};
  restart.allow = {"cron.service"};
  host.policy.responses[0].actions = {
      {ActionKind::kQuarantine, {{model::Selector::Kind::kDetections, {kByName}, {}}}}, restart};
  const Answer answer = host.run(host.request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  ASSERT_EQ(answer.done->items.size(), 3u) << answer.text();
  EXPECT_EQ(answer.done->items[2].action, ActionKind::kRestart) << "after the files";
  EXPECT_EQ(answer.done->items[2].outcome, Outcome::kFound);
  const std::string& said = answer.done->paths[2];
  EXPECT_TRUE(said.starts_with("/opt/kit/worker: needs restart: ")) << said;
  EXPECT_NE(said.find(fmt::format("(processes {})", worker)), std::string::npos) << said;
  EXPECT_TRUE(host.is_alive(worker));
}

TEST_F(Clean, AnEditedFileGetsNothingFromItsFolder) {
  const auto look = [&] {
    const std::string path = host.at("/etc/crontab");
    return output_of("stat -c '%A %U:%G' " + path + " && getfattr -d -m - -e hex " + path +
                     " && { lsattr " + path + " || true; }");
  };
  const std::string before = look();
  ASSERT_EQ(host.run(host.request()).state(), HostState::kCleaned);
  EXPECT_EQ(look(), before);
}

TEST_F(Clean, TheVaultKnowsWhoseAFileWasWhyItWasTakenAndWhoUsedIt) {
  write_text(host.at("/etc/passwd"), "root:x:0:0::/root:/bin/sh\nevil:x:2903:0::/:/bin/sh\n");
  write_text(host.at("/etc/group"), "root:x:0:\nmob:x:798712:evil\n");
  write_text(host.at("/var/lib/dpkg/info/cron.list"), "/etc/crontab\n");
  for (auto* list : {&host.findings, &host.dry_run}) (*list)[0].rule = "lookalike";
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
  EXPECT_EQ(evil.verdict + " " + evil.detection + " " + evil.rule, "confirmed by_hash lookalike");
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

TEST_F(Clean, NearMissesAreNotTouched) {
  const auto look = [&] {
    return output_of("cd " + host.root() +
                     " && find srv etc/cron.d etc/systemd/system/evil2.service"
                     " etc/systemd/system/multi-user.target.wants/evil2.service"
                     " -printf '%P %y %m %U:%G %T@ %C@ %i %l\\n' | sort");
  };
  const std::string before = look();
  // Started like the malware, from another program.
  fs::copy_file("/bin/sleep", host.at("/srv/worker"));
  const pid_t foreign = host.start("/srv/worker");
  const std::string with_worker = look();
  ASSERT_EQ(host.run(host.request()).state(), HostState::kCleaned);
  EXPECT_EQ(look(), with_worker);
  EXPECT_NE(with_worker, before);
  EXPECT_EQ(host.process_state(foreign), 'S');
}

TEST_F(Clean, LocalRootUndoesWithoutAnOrder) {
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  const Answer undone = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_TRUE(undone.done->local);
  EXPECT_TRUE(undone.done->undo);
  EXPECT_EQ(host.manifest(), before);
  EXPECT_EQ(host.run_locally(DocumentId{}).reason(), Reason::kUndoUnknown);
}

TEST_F(Clean, OnlySuspendedProcessesAreContinuedByUndo) {
  host.policy.responses[0].actions.resize(1);
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  EXPECT_EQ(host.process_state(worker), 'T');
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_TRUE(host.is_alive(worker));
}

// A process of the malware with a child whose program changes to dockerd when it is told to.
struct Tree : Clean {
  pid_t parent = 0, child = 0;

  void SetUp() override {
    Clean::SetUp();
    fs::copy_file("/bin/dash", host.at("/opt/kit/shell"));
    fs::create_directories(host.at("/usr/bin"));
    fs::copy_file("/bin/sleep", host.at("/usr/bin/dockerd"));
    ASSERT_EQ(::mkfifo(host.at("/tmp/go").c_str(), 0600), 0);
    parent = host.start("/opt/kit/shell",
                        {"-c", host.at("/opt/kit/shell") + " -c 'read go <" + host.at("/tmp/go") +
                                   "; exec " + host.at("/usr/bin/dockerd") + " 1000' & wait"});
    ASSERT_TRUE(becomes([&] {
      const auto children = family();
      if (children.size() == 1) child = children[0].pid;
      return child != 0;
    }));
    host.findings.resize(3);
    host.find_process(parent);
    host.dry_run = host.findings;
  }
  std::vector<model::ProcessIdentity> family() const {
    const auto tree = act::Tree::open(host.root());
    return plan::descendants(running_processes(*tree), parent);
  }
  // What another process does, soon.
  static bool becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }
  void turn_into_dockerd() {
    write_text(host.at("/tmp/go"), "go\n");
    EXPECT_TRUE(becomes([&] {
      const auto children = family();
      return children.size() == 1 && children[0].exe.path == "/usr/bin/dockerd";
    }));
  }
  model::ActRequest request(ActionKind kind) {
    auto& actions = host.policy.responses[0].actions;
    actions.resize(1);
    actions[0].kind = kind;
    return host.request();
  }
};

TEST_F(Tree, DescendantsAreSuspendedWithTheirParentAndContinuedWithIt) {
  const auto order = request(ActionKind::kSuspend);
  const Answer cleaned = host.run(order);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(host.process_state(parent), 'T');
  EXPECT_EQ(host.process_state(child), 'T');
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_EQ(host.run(host.undo_request(order)).state(), HostState::kUndone);
  EXPECT_NE(host.process_state(parent), 'T');
  EXPECT_NE(host.process_state(child), 'T');
}

TEST_F(Tree, ADescendantThatMayNotBeTouchedStopsEverything) {
  turn_into_dockerd();
  const Answer answer = host.run(request(ActionKind::kKill));
  EXPECT_EQ(answer.reason(), Reason::kProtected) << answer.text();
  EXPECT_EQ(answer.state(), HostState::kRefused);
  EXPECT_TRUE(host.is_alive(parent));
  EXPECT_TRUE(host.is_alive(child));
}

TEST_F(Tree, DescendantsCountAgainstTheLimit) {
  host.policy.limits.processes = 1;
  const Answer answer = host.run(request(ActionKind::kKill));
  EXPECT_EQ(answer.reason(), Reason::kLimit) << answer.text();
  EXPECT_TRUE(host.is_alive(parent));
}

TEST_F(Tree, ADescendantThatBecameADaemonSinceThePlanGoesOnAndIsReported) {
  const Answer killed =
      host.run_racing(request(ActionKind::kKill), "record:1", [&] { turn_into_dockerd(); });
  EXPECT_EQ(killed.state(), HostState::kFailed) << killed.text();
  EXPECT_EQ(killed.reason(), Reason::kProtected) << killed.text();
  EXPECT_NE(killed.text().find("/usr/bin/dockerd"), std::string::npos) << killed.text();
  EXPECT_FALSE(host.is_alive(parent));
  EXPECT_EQ(host.process_state(child), 'S');
}

TEST_F(Tree, WhatCannotBeSuspendedWhollyIsContinued) {
  const Answer answer =
      host.run_racing(request(ActionKind::kSuspend), "record:1", [&] { turn_into_dockerd(); });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kProtected) << answer.text();
  EXPECT_EQ(host.process_state(parent), 'S');
  EXPECT_EQ(host.process_state(child), 'S');
}

TEST_F(Clean, AFileSwappedForASymlinkBetweenScanAndActIsNotFollowed) {
  write_text(host.at("/srv/precious"), read_text(host.at("/tmp/kit/evil")));
  fs::remove(host.at("/tmp/kit/evil"));
  fs::create_symlink(host.at("/srv/precious"), host.at("/tmp/kit/evil"));
  const std::string before = read_text(host.at("/srv/precious"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kChanged);
  EXPECT_EQ(answer.state(), HostState::kFailed);
  EXPECT_TRUE(fs::is_symlink(host.at("/tmp/kit/evil")));
  EXPECT_EQ(read_text(host.at("/srv/precious")), before);
}

TEST_F(Clean, AFolderSwappedForASymlinkBetweenScanAndActIsNotFollowed) {
  fs::rename(host.at("/tmp/kit"), host.at("/tmp/elsewhere"));
  fs::create_symlink(host.at("/tmp/elsewhere"), host.at("/tmp/kit"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kChanged);
  EXPECT_TRUE(fs::exists(host.at("/tmp/elsewhere/evil")));
}

TEST_F(Clean, AFileSwappedWhileWeActIsPutBack) {
  const std::string path = host.at("/tmp/kit/evil");
  write_text(host.at("/srv/precious"), "must survive");
  const Answer answer = host.run_racing(host.request(), "before-rename:2",
                                        [&] { fs::rename(host.at("/srv/precious"), path); });
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kRaced)
      << answer.text();
  EXPECT_EQ(answer.state(), HostState::kFailed);
  EXPECT_EQ(read_text(path), "must survive");
  EXPECT_FALSE(fs::exists(host.at("/opt/kit/worker")));  // the others are cleaned all the same
}

TEST_F(Clean, AnEditMadeWhileWeEditIsNotLost) {
  const std::string path = host.at("/etc/crontab");
  const std::string edited = read_text(path) + "# added by hand\n";
  const Answer answer =
      host.run_racing(host.request(), "edit-written:1", [&] { write_text(path, edited); });
  EXPECT_EQ(reason_for(answer, "/etc/crontab", ActionKind::kRemove), Reason::kRaced)
      << answer.text();
  EXPECT_EQ(read_text(path), edited);
  EXPECT_EQ(output_of("find " + host.root() + " -name '.fs*'"), "");
}

TEST_F(Clean, AFileWithOtherContentOfTheSameSizeAndTimeIsNotTaken) {
  const std::string path = host.at("/tmp/kit/evil");
  const auto time = fs::last_write_time(path);
  std::string content = read_text(path);
  content[0] = 'H';
  write_text(path, content);
  fs::last_write_time(path, time);
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/tmp/kit/evil", ActionKind::kQuarantine), Reason::kChanged);
  EXPECT_EQ(read_text(path), content);
}

TEST_F(Clean, WhatVanishedIsReportedAndTheRestIsCleaned) {
  fs::remove(host.at("/tmp/kit/evil"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/tmp/kit/evil", ActionKind::kQuarantine);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->outcome, Outcome::kSkipped);
  EXPECT_EQ(item->reason, Reason::kGone);
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

TEST_F(Clean, AProcessWithTheNumberOfAnotherIsNotKilled) {
  fs::copy_file("/bin/sleep", host.at("/srv/worker"));
  const pid_t other = host.start("/srv/worker");
  for (auto* list : {&host.findings, &host.dry_run})
    std::get<model::ProcessIdentity>((*list)[3].identity).pid = other;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(host.process_state(other), 'S') << answer.text();
}

TEST_F(Clean, AFileWithANameOutsideIsReportedNotTaken) {
  const std::string outside = host.root() + "/../outside";
  fs::create_hard_link(host.at("/usr/lib/libevil.so"), outside);
  host.scan();
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/usr/lib/libevil.so", ActionKind::kQuarantine), Reason::kHardLinks);
  EXPECT_TRUE(fs::exists(host.at("/usr/lib/libevil.so")));
  EXPECT_TRUE(fs::exists(host.at("/usr/lib/libevil.so.1")));
}

TEST_F(Clean, AHardLinkToAProtectedFileStopsEverything) {
  write_text(host.at("/etc/shadow"), "root:*:\n");
  fs::create_hard_link(host.at("/etc/shadow"), host.at("/tmp/kit/other"));
  host.find_file(kByName, "/tmp/kit/other");
  host.dry_run = host.findings;
  const std::string before = host.manifest();
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kProtected);
  EXPECT_EQ(host.manifest(), before);
}

struct HardLink : Clean {
  void SetUp() override {
    Clean::SetUp();
    write_text(host.at("/usr/bin/twin"), "found under another name");
    fs::create_hard_link(host.at("/usr/bin/twin"), host.at("/tmp/kit/other"));
    host.find_file(kByName, "/tmp/kit/other");
    host.dry_run = host.findings;
  }
  void expect(Reason reason) {
    const std::string before = host.manifest();
    const Answer answer = host.run(host.request());
    EXPECT_EQ(answer.reason(), reason) << answer.text();
    EXPECT_NE(answer.text().find("/tmp/kit/other is also /usr/bin/twin: "), std::string::npos)
        << answer.text();
    EXPECT_EQ(host.manifest(), before);
  }
};

TEST_F(HardLink, ToAPackagesFileStopsEverything) {
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/usr/bin/twin\n");
  expect(Reason::kProtected);  // not what it installed
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"),
             output_of("md5sum < " + host.at("/usr/bin/twin")).substr(0, 32) + "  usr/bin/twin\n");
  expect(Reason::kKnownGood);
}

TEST_F(HardLink, ToWhatTheOwnerDeniesStopsEverything) {
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "deny = /usr/bin\n");
  expect(Reason::kConsent);
}

TEST_F(HardLink, ToWhatThePolicyProtectsStopsEverything) {
  host.policy.limits.protect = {"/usr/bin"};
  expect(Reason::kProtected);
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

TEST_F(Clean, APackagesOwnFileStopsEverything) {
  const std::string content = read_text(host.at("/tmp/kit/evil"));
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/tmp\n/tmp/kit\n/tmp/kit/evil\n");
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"),
             output_of("md5sum < " + host.at("/tmp/kit/evil")).substr(0, 32) + "  tmp/kit/evil\n");
  const std::string before = host.manifest();
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kKnownGood);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, WhereNobodyCanSayWhatBelongsToAPackageNothingIsTouched) {
  fs::create_directories(host.at("/var/lib/rpm"));
  const std::string before = host.manifest();
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
  EXPECT_NE(answer.text().find("var/lib/rpm"), std::string::npos) << answer.text();
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, ACronFileEditedAfterCleaningGetsItsLineBackAndKeepsTheEdit) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(host.at("/etc/crontab"), read_text(host.at("/etc/crontab")) + "# added by hand\n");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(read_text(host.at("/etc/crontab")),
            "SHELL=/bin/sh\n# jobs\n17 * * * * root run-parts /etc/cron.hourly\n"
            "*/5 * * * * root /tmp/kit/evil >/dev/null\n"
            "25 6 * * * root curl https://own.example/backup\n# added by hand\n");
}

TEST_F(Clean, LibrariesGoFromALineOfPreloadAndTheirNeighbourStays) {
  const std::string line = "/usr/lib/libevil.so /usr/lib/own.so:/usr/lib/libevil.so.1  # ours";
  write_text(host.at("/etc/ld.so.preload"), "/usr/lib/first.so\n" + line + "\n");
  host.scan();
  for (const char* library : {"/usr/lib/libevil.so", "/usr/lib/libevil.so.1"})
    host.find_line(kByPreload, model::PersistenceKind::kLdSoPreload, "/etc/ld.so.preload", line,
                   library);
  host.findings.erase(host.findings.begin() + 4);  // of the line that infect() wrote
  host.dry_run = host.findings;
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(read_text(host.at("/etc/ld.so.preload")),
            "/usr/lib/first.so\n/usr/lib/own.so  # ours\n");
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, UndoNeverOverwritesWhatTookTheNameMeanwhile) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(host.at("/tmp/kit/evil"), "the owner's new file");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  EXPECT_EQ(undone.reason(), Reason::kConflict);
  EXPECT_EQ(read_text(host.at("/tmp/kit/evil")), "the owner's new file");
  EXPECT_TRUE(fs::exists(host.at("/etc/ld.so.preload")));  // the rest is back
  fs::remove(host.at("/tmp/kit/evil"));
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
}

TEST_F(Clean, AFullDiskOrAReadOnlyStateStopsEverythingBefore) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a private mount";
  const std::string before = host.manifest();
  const std::string keep = "cp $STATE/anchor $STATE.anchor && ";
  const std::string put = " && cp $STATE.anchor $STATE/anchor";
  host.prefix = keep + "mount -t tmpfs -o size=128k,mode=0700 none $STATE" + put;
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kDiskFull);
  EXPECT_EQ(host.manifest(), before);
  host.prefix =
      keep + "mount -t tmpfs -o mode=0700 none $STATE" + put + " && mount -o remount,ro $STATE";
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kRefused);
  EXPECT_EQ(answer.reason(), Reason::kPermission) << answer.text();
  EXPECT_EQ(host.manifest(), before);
  host.prefix.clear();
  EXPECT_EQ(host.run(host.request()).state(), HostState::kCleaned);
}

// The journal says "begun", and the disk has no room for the anchor any more.
TEST_F(Clean, AnOrderIsCarriedOutOrForgottenWhenTheAnchorFindsTheDiskFull) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a private mount";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string anchor = read_text(host.state() + "/anchor");
  ASSERT_EQ(::mount("none", host.state().c_str(), "tmpfs", 0, "size=2m,mode=0700"), 0);
  write_text(host.state() + "/anchor", anchor);
  const std::string before = host.manifest();
  const auto request = host.request();
  const std::string filler = host.state() + "/filler";
  const Answer answer = host.run_racing(request, "anchor:1", [&] {
    const int file = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    while (::write(file, page.data(), page.size()) > 0) {
    }
    ::close(file);
  });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kDiskFull) << answer.text();
  EXPECT_EQ(host.manifest(), before);
  EXPECT_NE(host.process_state(worker), 'T');
  // With room again it stays begun: whoever replays the order is refused.
  fs::remove(filler);
  EXPECT_EQ(host.run(request).reason(), Reason::kExecuted);
  EXPECT_EQ(host.manifest(), before);
  model::Order second = host.order();
  second.title = "another";
  EXPECT_EQ(host.run(host.request(second, {"alice", "bob"})).state(), HostState::kCleaned);
  ::umount2(host.state().c_str(), MNT_DETACH);
}

TEST_F(Clean, AFullJournalSaysSoAndLeavesRoomToUndo) {
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  {
    auto ledger = Ledger::open(host.state() + "/journal");
    ASSERT_TRUE(ledger) << ledger.error().message;
    Begin begin;
    begin.steps.resize(1);
    Status written;
    for (std::size_t size = 1 << 22; size > 0; size /= 2) {  // smaller and smaller gaps
      begin.steps[0].path.assign(size, 'x');
      do {
        const Nonce id = transaction_id(begin.order, ++begin.slot, 0);
        written = ledger->write(id, begin);
        if (written) {
          ASSERT_TRUE(ledger->write(id, End{}));
        }
      } while (written);
    }
    EXPECT_EQ(written.error().code, Code::kOverloaded);
  }
  model::Order second = host.order();
  second.title = "another";
  const Answer answer = host.run(host.request(second, {"alice", "bob"}));
  EXPECT_EQ(answer.reason(), Reason::kVaultFull) << answer.text();
  EXPECT_NE(answer.text().find("act/journal"), std::string::npos) << answer.text();
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, AStopWhileItRunsLetsNoNewStepBeginAndContinuesFrozenProcesses) {
  const std::string before = host.manifest();
  const auto request = host.request();
  // The process is frozen, its evidence is being taken.
  const Answer answer = host.run_racing(request, "performed:2", [&] {
    EXPECT_EQ(host.process_state(worker), 'T');
    host.say(model::LocalCommand{"stop", ""});
  });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kStopped) << answer.text();
  EXPECT_LT(answer.steps.size(), answer.done->items.size()) << answer.text();
  EXPECT_TRUE(host.is_alive(worker));
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, AStopAfterSomeStepsLeavesThoseWholeAndUndoTakesThemBack) {
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer answer = host.run_racing(request, "edit-written:1", [&] {
    host.say(model::LocalCommand{"stop", ""});
  });
  EXPECT_EQ(answer.reason(), Reason::kStopped) << answer.text();
  EXPECT_GE(answer.done->acted, 1u) << answer.text();
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
  EXPECT_EQ(output_of("find " + host.root() + " -name '.fs*'"), "");
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, AWordThatIsNotStopStopsNothing) {
  const Answer answer = host.run_racing(host.request(), "performed:2", [&] {
    host.say(model::LocalCommand{"go on", ""});
  });
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
}

TEST_F(Clean, AnUndoThatIsStoppedIsFinishedByTheNextOne) {
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  const Answer stopped = host.run_racing(host.undo_request(request), "undone:2", [&] {
    host.say(model::LocalCommand{"stop", ""});
  });
  EXPECT_EQ(stopped.state(), HostState::kFailed) << stopped.text();
  EXPECT_EQ(stopped.reason(), Reason::kStopped) << stopped.text();
  EXPECT_NE(host.manifest(), before);
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, TheOwnersHaltReachesWhatIsRunning) {
  const auto halt = fs::path(host.state()).parent_path() / "halt";
  const Answer answer =
      host.run_racing(host.request(), "performed:2", [&] { write_text(halt, ""); });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kHalted) << answer.text();
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
}

// Orders that must not touch anything, each with its reason.
struct Refusal : Clean {
  void expect(const model::ActRequest& request, Reason reason) {
    const std::string before = host.manifest();
    const Answer answer = host.run(request);
    EXPECT_EQ(answer.reason(), reason) << answer.text();
    EXPECT_NE(answer.state(), HostState::kCleaned);
    EXPECT_EQ(host.manifest(), before);
    EXPECT_TRUE(host.is_alive(worker));
    EXPECT_NE(host.process_state(worker), 'T');
  }
};

TEST_F(Refusal, OneSignatureIsNoQuorum) {
  expect(host.request(host.order(), {"alice"}), Reason::kQuorum);
}

TEST_F(Refusal, AFindingThatScanDidNotMakeIsNotBelieved) {
  auto request = host.request();
  request.findings[0].mac.value[0] ^= 1;
  expect(request, Reason::kUntrusted);
  request = host.request();
  request.dry_run[0].finding.back() ^= 1;
  expect(request, Reason::kUntrusted);
}

TEST_F(Refusal, FindingsOfAnotherPolicyAreNotBelieved) {
  const auto sealed = host.request();
  host.policy.title = "another policy";
  auto request = host.request();
  request.findings = sealed.findings;
  expect(request, Reason::kUntrusted);
}

TEST_F(Refusal, WhatTheDryRunDidNotFindIsNotTouched) {
  ++std::get<model::FileIdentity>(host.dry_run[0].identity).mtime_ns;
  host.dry_run.resize(1);
  expect(host.request(), Reason::kChanged);
  host.dry_run.clear();
  expect(host.request(), Reason::kDryRunMissing);
}

TEST_F(Refusal, AStopCountsEvenWhenItIsHeldBackLater) {
  model::Order order = host.order();
  order.title = "another";
  auto request = host.request(order, {"alice", "bob"});
  model::Stop stop;
  stop.issued = order.schedule.not_before;
  stop.orders = {fixture::id_of(request.order)};
  stop.reason = "no";
  // What nobody signed, a taken core cannot fill act's memory with.
  const Bytes good = host.tenant.sign(stop, {"carol"});
  request.stops = {to_bytes("junk"), good, host.tenant.sign(stop, {"dave"})};
  expect(request, Reason::kStopped);
  EXPECT_EQ((*load_anchor(host.state()))->stops, std::vector<Bytes>{good});
  request.stops.clear();
  expect(request, Reason::kStopped);
}

TEST_F(Refusal, AnOrderIsCarriedOutOnce) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  ASSERT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  const std::string before = host.manifest();
  EXPECT_EQ(host.run(request).reason(), Reason::kExecuted);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Refusal, AnotherTenantsOrderIsForeign) {
  const fixture::Tenant foreign([](model::Root& root) {
    root.issued -= Seconds(1);
    root.expires += fixture::kDay;
  });
  auto request = host.request();
  request.root_chain = {foreign.root_envelope()};
  expect(request, Reason::kTenant);
}

TEST_F(Refusal, AHostWithoutAnAnchorObeysNobody) {
  fs::remove(host.state() + "/anchor");
  expect(host.request(), Reason::kUntrusted);
  write_text(host.state() + "/anchor", "damaged");
  expect(host.request(), Reason::kIo);
}

TEST_F(Refusal, EnrolledAgainForAnotherTenantWhatWasDoneStays) {
  TenantId other;
  other.value.fill(7);
  ASSERT_TRUE(begin_anchor(host.state(), other, 1)) << "nothing was done yet";
  expect(host.request(), Reason::kTenant);
  ASSERT_TRUE(begin_anchor(host.state(), host.tenant.id(), 1));
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  EXPECT_EQ(begin_anchor(host.state(), other, 1).error().code, Code::kConflict);
  // The same tenant again forgets nothing.
  ASSERT_TRUE(begin_anchor(host.state(), host.tenant.id(), 1));
  EXPECT_EQ(host.run(request).reason(), Reason::kExecuted);
}

TEST_F(Refusal, OtherPolicyBytesThanTheOrderNames) {
  auto request = host.request();
  host.policy.limits.items = 400;
  request.policy = fixture::policy_bytes(host.policy);
  expect(request, Reason::kPolicyMismatch);
}

TEST_F(Refusal, AnActionItLacksOrTooManyObjects) {
  host.policy.limits.items = 3;
  expect(host.request(), Reason::kLimit);
  host.policy.limits.items = 100;
  // Nobody collects services.
  host.policy.responses[0].actions.push_back(
      {ActionKind::kCollect, {{model::Selector::Kind::kServicesMapping, {kByName}, {}}}});
  expect(host.request(), Reason::kCapability);
}

TEST_F(Refusal, TheOwnersConsentCanOnlyNarrow) {
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "deny = /usr/lib\n");
  expect(host.request(), Reason::kConsent);
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "items_max = 2\n");
  expect(host.request(), Reason::kLimit);
}

TEST_F(Refusal, AStopIsForgottenByActBeforeTheNextOrder) {
  model::ActRequest shown = host.request();
  shown.order.clear();
  shown.stops = {host.tenant.sign(model::Stop{.halt_all = true}, {"carol"})};
  EXPECT_EQ(host.run(shown).reason(), Reason::kNone);
  expect(host.request(), Reason::kStopped);  // which does not show it
}

TEST_F(Refusal, ATakenCoreTalksAroundTheOwnersClassAndTime) {
  const fs::path consent = fs::path(host.state()).parent_path() / "consent.conf";
  write_text(consent, "max_class = contain\n");
  expect(host.request(), Reason::kConsent);
  write_text(consent, "expires = 2020-01-01T00:00:00Z\n");
  expect(host.request(), Reason::kConsent);
}

TEST_F(Refusal, TheOwnersConsentReachesProcesses) {
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "deny = /opt/kit\n");
  host.policy.responses[0].actions.resize(1);  // only suspend
  expect(host.request(), Reason::kConsent);
}

TEST_F(Refusal, CoreWhichRunsBesideActIsNeverStopped) {
  // The monitor's other child with the monitor's program; here both are this test.
  const pid_t core = ::fork();
  if (core == 0) {
    ::pause();
    ::_exit(0);
  }
  host.find_process(core);
  host.dry_run = host.findings;
  expect(host.request(), Reason::kProtected);
  EXPECT_TRUE(host.is_alive(core));
  ::kill(core, SIGKILL);
  ::waitpid(core, nullptr, 0);
}

TEST_F(Refusal, AHaltedHostActsForNobodyButItsOwner) {
  const auto halt = fs::path(host.state()).parent_path() / "halt";
  write_text(halt, "");
  expect(host.request(), Reason::kHalted);
  fs::remove(halt);
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(halt, "");
  EXPECT_EQ(host.run(host.undo_request(request)).reason(), Reason::kHalted);
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Refusal, AnUndoOfWhatNeverHappened) {
  DocumentId never;
  never.value[0] = 5;
  auto request = host.request(host.undo_order(never), {"alice", "bob"});
  expect(request, Reason::kUndoUnknown);
}

}  // namespace
}  // namespace fleetsweep::act
