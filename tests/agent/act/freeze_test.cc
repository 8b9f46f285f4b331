// Freeze first, with real processes: in cgroup v2, in the v1 freezer, and by signals where there is
// no cgroup. Twins that restart each other and put their file back are the case it is made for.

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "agent/act/hold.h"
#include "agent/act/ledger.h"
#include "agent/act/process.h"
#include "agent/act/vault.h"
#include "tests/agent/act/act_host.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;

enum class Way { kV2, kV1, kSignal };

// What must be out of sight for act to take this way; nothing if this machine does not have it.
std::optional<std::string> hide_for(Way way) {
  std::string mounts = read_text("/proc/self/mountinfo"), hide = "true";
  while (const auto mount = freezer_mount(mounts)) {
    if (way != Way::kSignal && mount->is_v2 == (way == Way::kV2)) return hide;
    hide += " && umount -l " + mount->path;
    std::string rest;
    std::istringstream lines(mounts);
    for (std::string line; std::getline(lines, line);)
      if (line.find(" " + mount->path + " ") == std::string::npos) rest += line + "\n";
    mounts = rest;
  }
  if (way == Way::kSignal) return hide;
  return std::nullopt;
}

// Where the groups of this way are; nothing: there are none.
std::optional<FreezerMount> mount_for(Way way) {
  std::istringstream lines(read_text("/proc/self/mountinfo"));
  for (std::string line; way != Way::kSignal && std::getline(lines, line);)
    if (const auto mount = freezer_mount(line); mount && mount->is_v2 == (way == Way::kV2))
      return mount;
  return std::nullopt;
}

struct Freeze : testing::TestWithParam<Way> {
  ActHost host;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for cgroups and mounts of its own";
    const auto hide = hide_for(GetParam());
    if (!hide) GTEST_SKIP() << "this machine does not have this freezer";
    host.infect();
    host.prefix = *hide;
    host.findings.resize(3);
  }

  std::vector<plan::Running> running() const { return running_processes(*Tree::open(host.root())); }
  std::string group_of(pid_t pid) const { return read_text(fmt::format("/proc/{}/cgroup", pid)); }
  bool is_held(pid_t pid) const {
    return group_of(pid).find("fleetsweep-hold-") != std::string::npos;
  }
  // Nothing of ours is left in the cgroups.
  void expect_no_hold() const {
    const auto ledger = Ledger::open(host.state() + "/journal");
    ASSERT_TRUE(ledger);
    for (const auto& transaction : ledger->history())
      EXPECT_EQ(output_of("find /sys/fs/cgroup -name fleetsweep-hold-" +
                          Vault::open(host.state())->name_of(transaction.id)),
                "");
  }

  // A shell that keeps its twin running and its file in place. The twin is the same program.
  void start_twins() {
    fs::copy_file("/bin/dash", host.at("/opt/kit/twin"));
    write_text(host.at("/opt/kit/copy"), read_text("/bin/dash"));
    fs::permissions(host.at("/opt/kit/copy"), fs::perms(0755));
    write_text(host.at("/opt/kit/loop"),
               "cd " + host.at("/opt/kit") +
                   "\n"
                   "echo $$ > pid.$1\n"
                   "> up.$1\n"
                   "while :; do\n"
                   "  other=$(( 3 - $1 ))\n"
                   "  [ -e twin ] || { cp -p copy twin.new && mv twin.new twin; }\n"
                   "  { read pid < pid.$other; } 2>/dev/null && [ -e /proc/$pid/exe ] ||\n"
                   "    { setsid ./twin ./loop $other </dev/null >/dev/null 2>&1 & wait_for=$!\n"
                   "      echo $wait_for > pid.$other; }\n"
                   "  read nothing < tick\n"
                   "done\n");
    // A clock that ticks: each loop waits for one, and forks nothing that could be missed.
    ASSERT_EQ(::mkfifo(host.at("/opt/kit/tick").c_str(), 0600), 0);
    clock_ = std::jthread([tick = host.at("/opt/kit/tick")](std::stop_token stop) {
      const int fd = ::open(tick.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
      while (!stop.stop_requested()) {
        (void)!::write(fd, "\n", 1);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      ::close(fd);
    });
    host.start("/opt/kit/twin", {host.at("/opt/kit/loop"), "1"});
    // Both say so themselves: a child that has not yet become its program looks like its parent.
    ASSERT_TRUE(until([&] {
      return fs::exists(host.at("/opt/kit/up.1")) && fs::exists(host.at("/opt/kit/up.2"));
    }));
  }
  void TearDown() override {
    for (const auto& one : running()) ::kill(one.process.pid, SIGKILL);
  }
  std::vector<pid_t> twins() const {
    std::vector<pid_t> pids;
    for (const auto& one : running())
      if (one.process.exe.path == "/opt/kit/twin" &&
          fs::exists(fmt::format("/proc/{}", one.process.pid)))
        pids.push_back(one.process.pid);
    return pids;
  }
  std::jthread clock_;
};

TEST_P(Freeze, ASuspendedFamilyIsHeldAndGivenBackToWhereItCameFrom) {
  fs::copy_file("/bin/dash", host.at("/opt/kit/shell"));
  const pid_t parent =
      host.start("/opt/kit/shell", {"-c", host.at("/opt/kit/worker") + " 1000 & " +
                                              host.at("/opt/kit/worker") + " 1000 & wait"});
  ASSERT_TRUE(until([&] { return plan::descendants(running(), parent).size() == 2; }));
  const auto children = plan::descendants(running(), parent);
  const std::string before = group_of(parent);
  host.findings.clear();
  host.find_file(kByHash, "/tmp/kit/evil");
  host.find_file(kByName, "/usr/lib/libevil.so");
  host.find_process(parent);
  host.dry_run = host.findings;
  host.policy.responses[0].actions.resize(1);

  const auto request = host.request();
  const Answer held = host.run(request);
  ASSERT_EQ(held.state(), HostState::kResidual) << held.text();
  EXPECT_NE(held.text().find("3 processes stay stopped until an undo lets them run again"),
            std::string::npos)
      << held.text();
  for (const pid_t pid : {parent, children[0].pid, children[1].pid}) {
    EXPECT_EQ(host.process_state(pid), 'T') << pid;
    EXPECT_EQ(is_held(pid), GetParam() != Way::kSignal) << group_of(pid);
  }
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  for (const pid_t pid : {parent, children[0].pid, children[1].pid}) {
    EXPECT_NE(host.process_state(pid), 'T') << pid;
    EXPECT_EQ(group_of(pid), before);
  }
  expect_no_hold();
}

TEST_P(Freeze, AProcessWhoseCgroupIsGoneGetsAnotherWithoutAWord) {
  const auto mount = mount_for(GetParam());
  if (!mount) GTEST_SKIP() << "a signal moves nobody";
  const std::string above = fmt::format("/fleetsweep-test-{}", ::getpid()), group = above + "/in";
  fs::create_directories(mount->path + group);
  const pid_t worker = host.start("/opt/kit/worker");
  std::ofstream(mount->path + group + "/cgroup.procs") << worker << std::flush;
  ASSERT_NE(group_of(worker).find(group), std::string::npos) << group_of(worker);
  host.findings.clear();
  host.find_file(kByHash, "/tmp/kit/evil");
  host.find_file(kByName, "/usr/lib/libevil.so");
  host.find_process(worker);
  host.dry_run = host.findings;
  host.policy.responses[0].actions.resize(1);
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kResidual);
  // As systemd removes a scope when the last of it has moved away.
  ASSERT_EQ(::rmdir((mount->path + group).c_str()), 0);
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_NE(undone.text().find(fmt::format("process {} runs on in the cgroup {}, for the one it "
                                           "was in is gone with its limits: {}",
                                           worker, above, group)),
            std::string::npos)
      << undone.text();
  EXPECT_NE(group_of(worker).find(above + "\n"), std::string::npos) << group_of(worker);
  ::kill(worker, SIGKILL);
  EXPECT_TRUE(until([&] { return ::rmdir((mount->path + above).c_str()) == 0; }));
}

// It waits for a child that has its memory: no signal but SIGKILL reaches it.
TEST_P(Freeze, OneWhoCannotBeFrozenKeepsAllOfItsFamilyAlive) {
  const std::string program = host.at("/opt/kit/waiter");
  write_text(program + ".c",
             "#include <unistd.h>\n"
             "int main(void) {\n"
             "  if (vfork() == 0) for (;;) pause();\n"
             "  for (;;) pause();\n"
             "}\n");
  output_of("cc -w -o " + program + " " + program + ".c");
  const pid_t parent = host.start("/opt/kit/waiter");
  ASSERT_TRUE(until([&] { return plan::descendants(running(), parent).size() == 1; }));
  const pid_t child = plan::descendants(running(), parent)[0].pid;
  ASSERT_TRUE(until([&] { return host.process_state(parent) == 'D'; }));
  host.findings.clear();
  host.find_file(kByHash, "/tmp/kit/evil");
  host.find_file(kByName, "/usr/lib/libevil.so");
  host.find_process(parent);
  host.dry_run = host.findings;
  auto& actions = host.policy.responses[0].actions;
  actions.resize(1);
  if (GetParam() == Way::kSignal) {
    const Answer held = host.run(host.request());
    EXPECT_EQ(held.reason(), model::Reason::kTimeout) << held.text();
    EXPECT_TRUE(host.is_alive(parent) && host.is_alive(child));
  }
  actions[0].kind = ActionKind::kKill;
  const Answer killed = host.run(host.request());
  EXPECT_EQ(killed.state(), HostState::kCleaned) << killed.text();
  EXPECT_FALSE(host.is_alive(parent));
  EXPECT_FALSE(host.is_alive(child));
  if (GetParam() == Way::kSignal) {  // which freezer takes it, the kernel's version decides
    EXPECT_NE(killed.text().find("could be frozen before they were killed"), std::string::npos)
        << killed.text();
  }
  expect_no_hold();
}

TEST_P(Freeze, AChildOfAnotherProgramStaysFrozenWhenItsParentIsKilled) {
  fs::copy_file("/bin/dash", host.at("/opt/kit/shell"));
  const pid_t parent =
      host.start("/opt/kit/shell", {"-c", host.at("/opt/kit/shell") + " -c '" +
                                              host.at("/opt/kit/worker") + " 1000 & wait' & wait"});
  const auto family = [&] { return plan::descendants(running(), parent); };
  ASSERT_TRUE(until([&] {
    const auto now = family();
    return now.size() == 2 && now[1].exe.path == "/opt/kit/worker";
  }));
  const pid_t between = family()[0].pid, leaf = family()[1].pid;
  host.findings.clear();
  host.find_file(kByHash, "/tmp/kit/evil");
  host.find_file(kByName, "/usr/lib/libevil.so");
  host.find_process(parent);
  host.dry_run = host.findings;
  host.policy.responses[0].actions[1].kind = ActionKind::kKill;  // without a word on its tree
  host.policy.responses[0].actions.resize(2);

  // Somebody ends the one between them meanwhile, which the v1 freezer does not let happen.
  const auto request = host.request();
  const auto orphan = [&] {
    EXPECT_EQ(is_held(leaf), GetParam() != Way::kSignal);
    if (GetParam() == Way::kV1) return;
    ::kill(between, SIGKILL);
    EXPECT_TRUE(until([&] { return !host.is_alive(between); }));
  };
  const Answer killed = host.run_racing(request, "performed:1", orphan);
  EXPECT_EQ(killed.state(), HostState::kCleaned) << killed.text();
  for (const pid_t pid : {parent, between, leaf}) EXPECT_EQ(host.process_state(pid), 0) << pid;
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  expect_no_hold();
}

TEST_P(Freeze, TwinsThatRestartEachOtherAndPutTheirFileBackAreBeaten) {
  ASSERT_NO_FATAL_FAILURE(start_twins());
  // First that they are what they look like: one dies, or the file goes, and both are back.
  const pid_t victim = twins().front();
  ::kill(victim, SIGKILL);
  fs::remove(host.at("/opt/kit/twin"));
  ASSERT_TRUE(until([&] {
    const auto now = twins();
    return now.size() >= 2 && std::find(now.begin(), now.end(), victim) == now.end() &&
           fs::exists(host.at("/opt/kit/twin"));
  }));
  // All run the file that lies there now. An old one goes when a new one is there to start it
  // again, which a child that has not yet become its program is not.
  const auto inode_of = [](const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
  };
  ASSERT_TRUE(until([&] {
    const auto now = twins();
    const auto runs_old = [&](pid_t pid) {
      return inode_of(fmt::format("/proc/{}/exe", pid)) != inode_of(host.at("/opt/kit/twin"));
    };
    const auto old = std::find_if(now.begin(), now.end(), runs_old);
    if (old != now.end() && !std::all_of(now.begin(), now.end(), runs_old)) ::kill(*old, SIGKILL);
    return old == now.end() && now.size() >= 2;
  }));

  // The scan found the file and one of the two, which another one has replaced since.
  const pid_t found = twins().front();
  host.findings.clear();
  host.find_file(kByHash, "/opt/kit/twin");
  host.find_file(kByName, "/usr/lib/libevil.so");
  host.find_file(kByName, "/opt/kit/copy");
  host.find_process(found);
  host.dry_run = host.findings;
  ::kill(found, SIGKILL);
  ASSERT_TRUE(until([&] {
    const auto now = twins();
    return now.size() >= 2 && std::find(now.begin(), now.end(), found) == now.end();
  }));

  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.item("/opt/kit/twin", ActionKind::kKill)->outcome, model::Outcome::kDone)
      << answer.text();
  EXPECT_EQ(answer.item("/opt/kit/twin", ActionKind::kQuarantine)->outcome, model::Outcome::kDone);
  EXPECT_NE(answer.text().find(" processes were stopped that the scan had not found"),
            std::string::npos)
      << answer.text();
  EXPECT_TRUE(twins().empty());
  EXPECT_FALSE(fs::exists(host.at("/opt/kit/twin")));
  expect_no_hold();
}

TEST_P(Freeze, ADeadActLeavesNobodyHeldOnceItsOrderGoesNoFurther) {
  if (GetParam() == Way::kSignal) GTEST_SKIP() << "crash_test.cc has it";
  host.scan();
  const pid_t worker = std::get<model::ProcessIdentity>(host.findings[3].identity).pid;
  const std::string before = group_of(worker);
  auto request = host.request();
  host.prefix = "export FLEETSWEEP_FAULT=frozen:1 && " + host.prefix;
  ASSERT_FALSE(host.run(request, "frozen:1").done);
  ASSERT_TRUE(is_held(worker)) << group_of(worker);
  write_text(fs::path(host.state()).parent_path() / "halt", "");
  request.resume = true;
  host.prefix = *hide_for(GetParam());
  EXPECT_EQ(host.run(request).reason(), model::Reason::kHalted);
  EXPECT_EQ(group_of(worker), before);
  EXPECT_TRUE(host.is_alive(worker));
  expect_no_hold();
}

INSTANTIATE_TEST_SUITE_P(Everywhere, Freeze, testing::Values(Way::kV2, Way::kV1, Way::kSignal),
                         [](const auto& info) {
                           return info.param == Way::kV2   ? "InCgroupV2"
                                  : info.param == Way::kV1 ? "InTheV1Freezer"
                                                           : "BySignals";
                         });

}  // namespace
}  // namespace fleetsweep::act
