// Processes that are suspended and killed, with their descendants.

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <future>
#include <set>
#include <thread>

#include "agent/act/process.h"
#include "agent/act/provenance.h"
#include "agent/act/vault.h"
#include "agent/overlay/overlay.h"
#include "tests/agent/act/clean.h"
#include "tests/agent/headless_program.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Reason;

TEST_F(Clean, OnlySuspendedProcessesAreContinuedByUndo) {
  host.policy.responses[0].actions.resize(1);
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kResidual);
  EXPECT_EQ(host.process_state(worker), 'T');
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_TRUE(host.is_alive(worker));
}

TEST_F(Clean, OfItsConnectionsOnlyThoseOverTcpAndIpv4AreEvidence) {
  fs::copy_file("/bin/sleep", host.at("/srv/listener"));
  UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM, 0));  // the program inherits it
  sockaddr_in6 address{.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  struct stat status {};
  ASSERT_EQ(::fstat(socket.get(), &status), 0);
  const pid_t listener = host.start("/srv/listener");
  socket.reset();
  host.findings.clear();
  host.find_process(listener);
  host.dry_run = host.findings;
  auto& actions = host.policy.responses[0].actions;
  std::erase_if(actions, [](const auto& one) { return one.kind != ActionKind::kCollect; });
  ASSERT_EQ(actions.size(), 1u);
  actions[0].what = {"connections"};
  const Answer answer = host.run(host.request());

  std::string kept;
  const auto vault = Vault::open(host.state());
  ASSERT_TRUE(vault);
  for (const auto& file : fs::recursive_directory_iterator(host.state() + "/vault")) {
    if (!file.path().string().ends_with("-connections.fsq")) continue;
    const auto transaction = Nonce::parse_hex(file.path().parent_path().filename().string());
    const auto loaded =
        vault->load(*transaction, file.path().stem(), [&](BytesView part) -> Status {
          kept += as_text(part);
          return {};
        });
    EXPECT_TRUE(loaded);
  }
  const std::string number = std::to_string(status.st_ino);
  EXPECT_NE(kept.find("socket:[" + number + "]"), std::string::npos) << answer.text() << kept;
  const std::size_t table = kept.find("net/udp6\n");
  EXPECT_NE(kept.find(" " + number + " ", table), std::string::npos) << kept;
}

TEST_F(Clean, AProgramThatIsTooLargeToCollectFailsTheCleaning) {
  host.policy.responses[0].actions[1].bytes_max = 4096;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/opt/kit/worker", ActionKind::kCollect);
  ASSERT_TRUE(item) << answer.text();
  EXPECT_EQ(item->outcome, model::Outcome::kSkipped) << answer.text();
  EXPECT_EQ(item->reason, Reason::kLimit) << answer.text();
  std::set<std::string> kept;
  for (const auto& file : fs::recursive_directory_iterator(host.state() + "/vault"))
    if (const std::string name = file.path().stem(); name.find('-') != std::string::npos)
      kept.insert(name.substr(name.find('-')));
  EXPECT_EQ(kept, (std::set<std::string>{"-command_line", "-environ", "-maps"}));
}

TEST_F(Clean, AProcessWithTheNumberOfAnotherIsNotKilled) {
  fs::copy_file("/bin/sleep", host.at("/srv/worker"));
  const pid_t other = host.start("/srv/worker");
  for (auto* list : {&host.findings, &host.dry_run})
    std::get<model::ProcessIdentity>((*list)[3].identity).pid = other;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(host.process_state(other), 'S') << answer.text();
}

// Of one process alone, and of no file.
struct KillAlone : Clean {
  // Of one that is already in host.findings.
  Answer kill_found() {
    auto& actions = host.policy.responses[0].actions;
    std::erase_if(actions, [](const auto& one) { return one.kind != ActionKind::kKill; });
    actions[0].tree = false;
    host.policy.limits.independent_min = 0;
    host.dry_run = host.findings;
    return host.run(host.request());
  }
};

TEST_F(KillAlone, AnotherProcessOfTheSameProgramIsKilledForOneThatHadItsNumber) {
  const pid_t other = host.start("/opt/kit/worker");
  host.findings.clear();
  host.find_process(other);
  --std::get<model::ProcessIdentity>(host.findings[0].identity).start_ticks;
  const Answer answer = kill_found();
  EXPECT_EQ(reason_for(answer, "/opt/kit/worker", ActionKind::kKill), Reason::kGone)
      << answer.text();
  EXPECT_EQ(host.process_state(other), 'S');
  EXPECT_EQ(host.process_state(worker), 'S');
}

TEST_F(KillAlone, AProcessThatRunsAnotherProgramSinceTheScanIsKilled) {
  fs::copy_file("/bin/dash", host.at("/srv/shell"));
  fs::copy_file("/bin/sleep", host.at("/srv/worker"));
  const std::string go = host.at("/tmp/go");
  ASSERT_EQ(::mkfifo(go.c_str(), 0600), 0);
  const pid_t pid = host.start(
      "/srv/shell", {"-c", "read go <" + go + "; exec " + host.at("/srv/worker") + " 1000"});
  host.findings.clear();
  host.find_process(pid);
  write_text(go, "go\n");
  const std::string program = fmt::format("/proc/{}/exe", pid);
  ASSERT_TRUE(until([&] { return fs::read_symlink(program) == host.at("/srv/worker"); }));
  const Answer answer = kill_found();
  EXPECT_EQ(reason_for(answer, "/srv/shell", ActionKind::kKill), Reason::kChanged) << answer.text();
  EXPECT_EQ(host.process_state(pid), 'S');
}

TEST_F(Clean, AProcessWhoseFirstThreadHasEndedIsTakenForOneThatHasExited) {
  make_headless_program(host.at("/opt/kit/headless"));
  const pid_t pid = host.start("/opt/kit/headless");
  ASSERT_TRUE(is_headless(pid));
  host.findings.resize(3);
  host.find_process(pid);
  host.dry_run = host.findings;
  auto& actions = host.policy.responses[0].actions;
  const auto all = actions;
  actions.resize(1);
  const auto suspend = host.request();
  const Answer held = host.run(suspend);
  EXPECT_EQ(held.state(), HostState::kResidual) << held.text();
  EXPECT_EQ(host.process_state(pid), 'T');
  const Answer undone = host.run(host.undo_request(suspend));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_TRUE(until([&] { return host.process_state(pid) == 'S'; }));
  actions = all;
  const Answer answer = host.run(host.request());
  EXPECT_FALSE(host.is_alive(pid)) << answer.text();
}

// The first process of a namespace waits in its exit, without a program, until all others there
// have been put away.
TEST_F(Clean, AProcessThatIsStillExitingIsTakenForOneThatIsStillHeld) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a namespace of processes";
  const UniqueFd ours(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::unshare(CLONE_NEWPID), 0);
  const pid_t first = host.start("/opt/kit/worker"), other = ::fork();
  if (other == 0) ::_exit(0);
  ASSERT_EQ(::setns(ours.get(), CLONE_NEWPID), 0);
  std::jthread put_away([&] {
    EXPECT_TRUE(until([&] { return !fs::exists(fmt::format("/proc/{}/exe", first)); }));
    EXPECT_TRUE(host.is_alive(first));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // in which act could answer
    EXPECT_EQ(::waitpid(other, nullptr, 0), other);
  });
  host.findings.resize(3);
  host.find_process(first);
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(host.is_alive(first));
}

// From one look at it on, whichever that is, nobody learns any more what it runs.
TEST(Twins, OneThatCannotBeLookedAtStaysFrozenWhereTheOtherIsKilled) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to freeze";
  for (int look = 1; look <= 10; ++look) {
    ActHost host;
    host.infect();
    const pid_t twin = host.start("/opt/kit/worker");
    for (auto& action : host.policy.responses[0].actions) action.tree = false;
    host.launcher = fmt::format(
        "strace -o /dev/null -P /proc/{}/exe -e trace=newfstatat "
        "-e inject=newfstatat:error=EPERM:when={}+",
        twin, look);
    const Answer answer = host.run(host.request());
    EXPECT_NE(host.process_state(twin), 'T') << look << "\n" << answer.text();
  }
}

// A process that holds a file open on a file system of its own, which answers nothing, and one that
// it opens by this path.
struct DeadShare {
  explicit DeadShare(const std::string& held) : point(held + ".dead") {
    write_text(point, "");
    int ready[2] = {};
    EXPECT_EQ(::pipe(ready), 0);
    holder = ::fork();
    if (holder == 0) {
      const int fuse = ::open("/dev/fuse", O_RDWR);
      const std::string options = fmt::format("fd={},rootmode=100000,user_id=0,group_id=0", fuse);
      const bool is_held = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("dead", point.c_str(), "fuse", 0, options.c_str()) == 0 &&
                           ::open(point.c_str(), O_PATH) >= 0 &&
                           ::open(held.c_str(), O_RDONLY) >= 0;
      if (is_held && ::write(ready[1], "+", 1) == 1) ::pause();
      ::_exit(0);
    }
    ::close(ready[1]);
    char byte = 0;
    is_there = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
    for (const Mount& mount : parse_mounts(read_text(fmt::format("/proc/{}/mountinfo", holder))))
      if (mount.point == point) device = mount.device;
  }
  ~DeadShare() { end(); }
  // Whoever waits for it is told so.
  void end() {
    if (holder == 0) return;
    ::kill(holder, SIGKILL);
    ::waitpid(holder, nullptr, 0);
    holder = 0;
  }
  std::string point;
  pid_t holder = 0;
  bool is_there = false;
  std::uint64_t device = 0;
};

TEST(Provenance, WhoHoldsAFileOfAShareThatIsDeadHoldsACleaning) {
  const TempDir folder;
  write_text(folder / "held", "");
  DeadShare share(folder / "held");
  if (!share.is_there) GTEST_SKIP() << "no FUSE can be mounted here";
  const auto root = Tree::open("/");
  ASSERT_TRUE(root);
  Provenance provenance(*root);
  auto noted = std::async(std::launch::async, [&] { provenance.note_processes(); });
  EXPECT_EQ(noted.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  const pid_t holder = share.holder;
  share.end();
  noted.wait();
  struct stat status {};
  ASSERT_EQ(::stat((folder / "held").c_str(), &status), 0);
  Metadata held, dead;
  held.device = status.st_dev;
  held.inode = status.st_ino;
  dead.device = share.device;
  dead.inode = 1;  // the root of any
  provenance.fill(held);
  provenance.fill(dead);
  EXPECT_EQ(held.pids, std::vector<std::int32_t>{holder});
  EXPECT_EQ(dead.pids, std::vector<std::int32_t>()) << "nobody asked";
}

// In a mount namespace of his own, which anybody may have, a file lies over a daemon's.
TEST_F(Clean, AProgramUnderThePathOfADaemonStopsEverything) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to see what runs elsewhere";
  for (const char* path : {"/usr/bin/dbus-daemon", "/opt/evil"}) {
    fs::create_directories(fs::path(host.at(path)).parent_path());
    fs::copy_file("/bin/sleep", host.at(path));
  }
  fs::copy_file("/bin/dash", host.at("/srv/shell"));
  const std::string daemon = host.at("/usr/bin/dbus-daemon");
  const pid_t evil = host.start(
      "/srv/shell", {"-c", "exec unshare -m sh -c 'mount --bind " + host.at("/opt/evil") + " " +
                               daemon + " && exec " + daemon + " 1000'"});
  const pid_t real = host.start("/usr/bin/dbus-daemon");
  const auto program = [](pid_t pid) {
    std::error_code error;
    return fs::read_symlink(fmt::format("/proc/{}/exe", pid), error).string();
  };
  ASSERT_TRUE(until([&] { return program(evil) == daemon; }));
  host.findings.resize(3);
  host.find_process(real);
  host.dry_run = host.findings;
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kProtected);
  host.findings.resize(3);
  host.find_process(evil);
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(host.is_alive(evil));
  EXPECT_TRUE(host.is_alive(real));
}

// As after an upgrade of its package.
TEST_F(Clean, ADaemonThatWasReplacedIsStoppedUnlessAnybodyCouldHavePutItThere) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for files of root";
  for (const unsigned mode : {0755u, 0775u}) {
    const std::string daemon = host.at("/usr/bin/dockerd");
    fs::create_directories(host.at("/usr/bin"));
    fs::copy_file("/bin/sleep", daemon, fs::copy_options::overwrite_existing);
    ASSERT_EQ(::chmod(daemon.c_str(), mode), 0);
    const pid_t old = host.start("/usr/bin/dockerd");
    fs::remove(daemon);
    const auto running = running_processes(*act::Tree::open(host.root()));
    const auto found =
        std::ranges::find_if(running, [&](const auto& one) { return one.process.pid == old; });
    ASSERT_NE(found, running.end());
    EXPECT_EQ(found->process.exe.path, "/usr/bin/dockerd");
    EXPECT_EQ(found->is_misnamed, mode == 0775u);
  }
}

// A process of the malware with a child whose program changes to dockerd when it is told to.
struct ProcessTree : Clean {
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
    ASSERT_TRUE(until([&] {
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
  void turn_into_dockerd() {
    write_text(host.at("/tmp/go"), "go\n");
    EXPECT_TRUE(until([&] {
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

TEST_F(ProcessTree, DescendantsAreSuspendedWithTheirParentAndContinuedWithIt) {
  const auto order = request(ActionKind::kSuspend);
  const Answer cleaned = host.run(order);
  ASSERT_EQ(cleaned.state(), HostState::kResidual) << cleaned.text();
  EXPECT_EQ(host.process_state(parent), 'T');
  EXPECT_EQ(host.process_state(child), 'T');
  EXPECT_NE(host.process_state(worker), 'T');
  EXPECT_EQ(host.run(host.undo_request(order)).state(), HostState::kUndone);
  EXPECT_NE(host.process_state(parent), 'T');
  EXPECT_NE(host.process_state(child), 'T');
}

TEST_F(ProcessTree, ADescendantThatMayNotBeTouchedIsOrKeepsItsAncestorAlive) {
  turn_into_dockerd();
  const std::string left = fmt::format(
      "/opt/kit/shell: left running with its own: process {}: /usr/bin/dockerd: a program that is "
      "never stopped",
      child);
  const auto suspend = request(ActionKind::kSuspend);
  const Answer held = host.run(suspend);
  EXPECT_EQ(held.state(), HostState::kResidual) << held.text();
  EXPECT_NE(held.text().find(left + ": done"), std::string::npos) << held.text();
  EXPECT_EQ(host.process_state(parent), 'T');
  EXPECT_EQ(host.process_state(child), 'S');
  EXPECT_EQ(host.run(host.undo_request(suspend)).state(), HostState::kUndone);
  const Answer killed = host.run(request(ActionKind::kKill));
  EXPECT_EQ(killed.state(), HostState::kCleaned) << killed.text();
  EXPECT_NE(killed.text().find(left + ": done"), std::string::npos) << killed.text();
  EXPECT_FALSE(host.is_alive(parent));
  EXPECT_EQ(host.process_state(child), 'S');
}

TEST_F(ProcessTree, AProcessThatMayNotBeTouchedIsWithAllThatItStarted) {
  turn_into_dockerd();
  host.findings.resize(3);
  host.find_process(child);
  host.dry_run = host.findings;
  const Answer answer = host.run(request(ActionKind::kKill));
  EXPECT_EQ(answer.reason(), Reason::kProtected) << answer.text();
  EXPECT_EQ(answer.state(), HostState::kRefused);
  EXPECT_TRUE(host.is_alive(parent));
  EXPECT_TRUE(host.is_alive(child));
}

TEST_F(ProcessTree, DescendantsCountAgainstTheLimit) {
  host.policy.limits.processes = 1;
  const Answer answer = host.run(request(ActionKind::kKill));
  EXPECT_EQ(answer.reason(), Reason::kLimit) << answer.text();
  EXPECT_TRUE(host.is_alive(parent));
}

TEST_F(ProcessTree, ADescendantThatBecameADaemonSinceThePlanGoesOnAndIsReported) {
  const Answer killed =
      host.run_racing(request(ActionKind::kKill), "record:1", [&] { turn_into_dockerd(); });
  EXPECT_EQ(killed.state(), HostState::kFailed) << killed.text();
  EXPECT_EQ(killed.reason(), Reason::kProtected) << killed.text();
  EXPECT_NE(killed.text().find("/usr/bin/dockerd"), std::string::npos) << killed.text();
  EXPECT_FALSE(host.is_alive(parent));
  EXPECT_EQ(host.process_state(child), 'S');
}

TEST_F(ProcessTree, WhatCannotBeSuspendedWhollyIsContinued) {
  const Answer answer =
      host.run_racing(request(ActionKind::kSuspend), "record:1", [&] { turn_into_dockerd(); });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kProtected) << answer.text();
  for (const pid_t pid : {parent, child})
    EXPECT_TRUE(until([&] { return host.process_state(pid) == 'S'; })) << pid;
}

}  // namespace
}  // namespace fleetsweep::act
