// Services that still run what was removed: the real act as on a whole host, with a systemd that
// speaks the real protocol and ends the service's process when it is told to restart it.

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "agent/act/service_manager.h"
#include "tests/agent/act/act_host.h"
#include "tests/agent/act/fake_manager.h"
#include "tests/agent/act/real_systemd.h"
#include "tests/agent/act/service_group.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

using How = FakeManager::How;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;
using model::Selector;
using Asked = std::vector<std::string>;

class RestartTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has a mount namespace";
    if (service_.unit().empty()) GTEST_SKIP() << "no cgroup can be made here";
    host_.emplace(beneath_);
    host_->infect();
    host_->be_whole_host();
    for (const auto& finding : host_->findings)
      if (const auto* found = std::get_if<model::ProcessIdentity>(&finding.identity))
        worker_ = found->pid;
    service_.take(worker_);
    model::Action restart{ActionKind::kRestart,
                          {{Selector::Kind::kServicesMapping, {kByName}, {}}}};
    restart.allow = {service_.unit()};
    act({{ActionKind::kQuarantine, {{Selector::Kind::kDetections, {kByName}, {}}}}, restart});
    asked_ = "TryRestartUnit " + service_.unit() + " replace";
  }
  void act(std::vector<model::Action> actions) {
    host_->policy.responses[0].actions = std::move(actions);
  }
  void add_action(ActionKind kind, std::uint16_t detection) {
    auto& actions = host_->policy.responses[0].actions;
    actions.insert(actions.begin(), {kind, {{Selector::Kind::kDetections, {detection}, {}}}});
  }
  void begin(How how) {
    systemd_.reset();
    systemd_.emplace(host_->at("/run/systemd/private"), how, std::vector<pid_t>{worker_});
  }
  // The one restart of the answer: what it says of itself.
  static model::ReceiptItem restart_in(const Answer& answer, std::string* words = nullptr) {
    for (std::size_t i = 0; answer.done && i < answer.done->items.size(); ++i)
      if (answer.done->items[i].action == ActionKind::kRestart) {
        if (words != nullptr) *words = answer.done->paths[i];
        return answer.done->items[i];
      }
    ADD_FAILURE() << "no restart in " << answer.text();
    return {};
  }

  std::string beneath_ = "/dev/shm";
  ServiceGroup service_;  // lives longer than its processes
  std::optional<ActHost> host_;
  std::optional<FakeManager> systemd_;
  pid_t worker_ = 0;
  std::string asked_;
};

TEST_F(RestartTest, AServiceThatStillRunsWhatWasRemovedIsNotRestarted) {
  begin(How::kDone);
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  std::string words;
  EXPECT_EQ(restart_in(answer, &words).outcome, Outcome::kDone) << answer.text();
  EXPECT_EQ(words, fmt::format("/opt/kit/worker: restart of {}, which has /opt/kit/worker loaded "
                               "(processes {})",
                               service_.unit(), worker_));
  EXPECT_EQ(answer.done->acted, 3u) << "two files and a service";
  EXPECT_EQ(systemd_->asked(), Asked{asked_}) << "and no unit had changed";
  EXPECT_FALSE(std::filesystem::exists(host_->at("/opt/kit/worker")));
}

TEST_F(RestartTest, UndoStartsItAgainOrSaysNothing) {
  begin(How::kDone);
  const std::string before = host_->manifest();
  const auto request = host_->request();
  ASSERT_EQ(host_->run(request).state(), HostState::kCleaned);
  systemd_->forget();
  const Answer undone = host_->run(host_->undo_request(request));
  ASSERT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(undone.done->detail,
            "services that were restarted run on, that is not undone: " + service_.unit());
  EXPECT_EQ(restart_in(undone).outcome, Outcome::kSkipped);
  EXPECT_EQ(systemd_->asked(), Asked{});
  EXPECT_EQ(host_->manifest(), before);
}

// The owner's word is about a program that has nothing of it loaded, and would end all the same.
TEST_F(RestartTest, ARestartEndsWhatTheOwnerKeeps) {
  begin(How::kDone);
  std::filesystem::create_directories(host_->at("/srv/db"));
  std::filesystem::copy_file("/bin/sleep", host_->at("/srv/db/server"));
  const pid_t server = host_->start("/srv/db/server");
  service_.take(server);
  // Not started beneath act's root, its program has the path that the test sees.
  write_text(host_->state() + "/../consent.conf", "deny = " + host_->at("/srv/db") + "\n");
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  std::string words;
  EXPECT_EQ(restart_in(answer, &words).outcome, Outcome::kFound);
  EXPECT_NE(words.find("a process of it is not to be ended: "), std::string::npos) << words;
  EXPECT_EQ(systemd_->asked(), Asked{});
  EXPECT_TRUE(host_->is_alive(server));
}

TEST_F(RestartTest, ARestartThatFailedIsASuccess) {
  begin(How::kFails);
  const Answer answer = host_->run(host_->request());
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kIo);
  EXPECT_EQ(answer.done->detail, fmt::format("systemd: restart {0}: failed; systemctl status {0} "
                                             "says why",
                                             service_.unit()));
  EXPECT_EQ(restart_in(answer).outcome, Outcome::kFailed);
  EXPECT_FALSE(std::filesystem::exists(host_->at("/opt/kit/worker"))) << "the files are gone";
}

TEST_F(RestartTest, WhatAServiceLeavesRunningIsForgotten) {
  begin(How::kLingers);
  const Answer answer = host_->run(host_->request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(restart_in(answer).outcome, Outcome::kDone);
  EXPECT_EQ(
      answer.done->detail,
      fmt::format("processes of restarted services live on with what was removed, end them by "
                  "hand: {}: {}",
                  service_.unit(), worker_));
}

TEST_F(RestartTest, AServiceThatEndedMeanwhileIsRestarted) {
  begin(How::kDone);
  add_action(ActionKind::kKill, kByProcess);
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = restart_in(answer);
  EXPECT_EQ(item.outcome, Outcome::kSkipped);
  EXPECT_EQ(item.reason, Reason::kGone);
  EXPECT_EQ(systemd_->asked(), Asked{});
}

TEST_F(RestartTest, AServiceKeepsAFileThatSomebodyElseRemoved) {
  begin(How::kDone);
  std::filesystem::remove(host_->at("/opt/kit/worker"));
  const Answer answer = host_->run(host_->request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.item("/opt/kit/worker", ActionKind::kQuarantine)->reason, Reason::kGone);
  EXPECT_EQ(restart_in(answer).outcome, Outcome::kDone) << answer.text();
  EXPECT_EQ(systemd_->asked(), Asked{asked_});
}

TEST_F(RestartTest, AServiceKeepsAFileThatSomebodyElseRemovedWhileItWasCopied) {
  begin(How::kDone);
  // Of the library a copy and two names, then the copy of the program.
  const Answer answer = host_->run_racing(host_->request(), "performed:4", [&] {
    EXPECT_TRUE(std::filesystem::remove(host_->at("/opt/kit/worker")));
  });
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.item("/opt/kit/worker", ActionKind::kQuarantine)->reason, Reason::kGone);
  EXPECT_EQ(restart_in(answer).outcome, Outcome::kDone) << answer.text();
  EXPECT_EQ(systemd_->asked(), Asked{asked_});
}

TEST_F(RestartTest, AFileThatStaysIsLoadedAgainOrTheReasonIsAnothers) {
  begin(How::kDone);
  // A name that nobody finds; and of the other file no more than its time.
  std::filesystem::create_hard_link(host_->at("/opt/kit/worker"), host_->root() + "/../elsewhere");
  host_->scan();
  host_->dry_run = host_->findings;
  const auto request = host_->request();
  write_text(host_->at("/usr/lib/libevil.so"), "changed since");
  const Answer answer = host_->run(request);
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.item("/usr/lib/libevil.so", ActionKind::kQuarantine)->reason, Reason::kChanged);
  EXPECT_EQ(restart_in(answer).outcome, Outcome::kFailed);
  EXPECT_EQ(restart_in(answer).reason, Reason::kHardLinks) << answer.text();
  EXPECT_EQ(systemd_->asked(), Asked{});
  EXPECT_TRUE(host_->is_alive(worker_));
}

TEST_F(RestartTest, AFileThatIsBackIsLoadedAgain) {
  begin(How::kDone);
  const Answer answer = host_->run_racing(host_->request(), "performed:5", [&] {
    EXPECT_FALSE(std::filesystem::exists(host_->at("/opt/kit/worker")));
    std::filesystem::copy_file("/bin/sleep", host_->at("/opt/kit/worker"));
  });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(restart_in(answer).reason, Reason::kChanged);
  EXPECT_NE(answer.done->detail.find("/opt/kit/worker is still there"), std::string::npos);
  EXPECT_EQ(systemd_->asked(), Asked{});
}

TEST_F(RestartTest, ACrashAfterTheRestartMakesNobodySureThatItHappened) {
  begin(How::kDone);
  auto request = host_->request();
  // Two names of one library and a program: the restart is the sixth operation.
  ASSERT_FALSE(host_->run(request, "performed:6").done);
  EXPECT_EQ(systemd_->asked(), Asked{asked_});
  request.resume = true;
  const Answer resumed = host_->run(request);
  ASSERT_EQ(resumed.state(), HostState::kCleaned) << resumed.text();
  EXPECT_EQ(restart_in(resumed).outcome, Outcome::kDone);
  EXPECT_EQ(systemd_->asked(), (Asked{asked_, asked_})) << "once more, and once only";
  EXPECT_EQ(host_->run(request).state(), HostState::kCleaned);
  EXPECT_EQ(systemd_->asked().size(), 2u);
}

TEST_F(RestartTest, SystemdKeepsAUnitThatIsGoneFromTheDisk) {
  begin(How::kDone);
  add_action(ActionKind::kRemove, kByUnit);
  const std::string before = host_->manifest();
  const auto request = host_->request();
  const Answer answer = host_->run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(systemd_->asked(), (Asked{"Reload", asked_})) << "before anything is started again";
  systemd_->forget();
  const Answer undone = host_->run(host_->undo_request(request));
  ASSERT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(systemd_->asked(), Asked{"Reload"});
  EXPECT_EQ(host_->manifest(), before);
}

TEST_F(RestartTest, SystemdStartsAgainWhatWasKilled) {
  begin(How::kDone);
  host_->find_file(kByName, "/etc/systemd/system/evil2.service");
  host_->dry_run = host_->findings;
  add_action(ActionKind::kRemove, kByUnit);
  add_action(ActionKind::kKill, kByProcess);
  // Of the unit its link, a copy and itself: the fourth operation is the kill.
  const Answer answer = host_->run_racing(host_->request(), "performed:4", [&] {
    EXPECT_FALSE(host_->is_alive(worker_));
    EXPECT_EQ(systemd_->asked(), Asked{"Reload"}) << "before the kill";
  });
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(systemd_->asked(), (Asked{"Reload", "Reload"})) << "of the unit that went after it";
}

TEST_F(RestartTest, AGeneratorThatIsDisabledMakesItsUnitsOnceMore) {
  begin(How::kDone);
  const std::string generator = "/usr/lib/systemd/system-generators/evil";
  write_text(host_->at(generator), "harmless content of a look-alike");
  std::filesystem::permissions(host_->at(generator), std::filesystem::perms(0755));
  host_->find_unit(generator);
  std::get<model::PersistenceIdentity>(host_->findings.back().identity).kind =
      model::PersistenceKind::kSystemdGenerator;
  host_->findings.erase(host_->findings.end() - 2);  // the unit
  host_->dry_run = host_->findings;
  act({{ActionKind::kDisable, {{Selector::Kind::kDetections, {kByUnit}, {}}}}});
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.item(generator, ActionKind::kDisable)->outcome, Outcome::kDone);
  EXPECT_EQ(systemd_->asked(), Asked{"Reload"});
}

TEST_F(RestartTest, WhereSystemdIsNotReachedChangedUnitsAreASilentSuccess) {
  act({{ActionKind::kRemove, {{Selector::Kind::kDetections, {kByUnit}, {}}}}});
  const std::string advice = "units have changed: run systemctl daemon-reload";
  for (const bool has_systemd : {false, true}) {
    if (has_systemd) std::filesystem::create_directories(host_->at("/run/systemd/system"));
    host_->scan();
    host_->dry_run = host_->findings;
    model::Order order = host_->order();
    order.title = has_systemd ? "with systemd" : "without";
    const auto request = host_->request(order, {"alice", "bob"});
    const Answer answer = host_->run(request);
    EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
    EXPECT_EQ(answer.done->detail, has_systemd ? advice : "");
    const Answer undone = host_->run(host_->undo_request(request));
    EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
    EXPECT_EQ(undone.done->detail, has_systemd ? advice : "");
  }
}

// On its line whoever took act over could have the first process start any program.
TEST_F(RestartTest, ALineToSystemdStaysOpenThatNothingNeeds) {
  begin(How::kDone);
  const auto comes_to = [&](std::size_t lines) {
    return until([&] { return systemd_->lines() == lines; });
  };
  const auto restart = host_->policy.responses[0].actions[1];
  const auto take = host_->policy.responses[0].actions[0];
  const model::Action remove{ActionKind::kRemove, {{Selector::Kind::kDetections, {kByUnit}, {}}}};
  struct Case {
    std::vector<model::Action> actions;
    std::size_t lines, lines_of_undo;
  };
  for (const Case& one : {Case{{take, restart}, 1, 0}, Case{{take}, 0, 0}, Case{{remove}, 1, 1}}) {
    act(one.actions);
    host_->findings.clear();
    host_->find_file(kByHash, "/tmp/kit/evil");
    host_->find_file(kByName, "/opt/kit/worker");
    host_->find_unit("/etc/systemd/system/evil.service");
    host_->dry_run = host_->findings;
    model::Order order = host_->order();
    order.title = std::to_string(one.actions.size()) + std::to_string(one.lines);
    const auto request = host_->request(order, {"alice", "bob"});
    const Answer answer =
        host_->run_racing(request, "performed:1", [&] { EXPECT_TRUE(comes_to(one.lines)); });
    EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
    EXPECT_TRUE(comes_to(0));
    const Answer undone = host_->run_racing(host_->undo_request(request), "undone:1",
                                            [&] { EXPECT_TRUE(comes_to(one.lines_of_undo)); });
    EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
    EXPECT_TRUE(comes_to(0));
  }
}

TEST_F(RestartTest, UnitsThatSystemdDoesNotReadAreASuccess) {
  begin(How::kNoReload);
  add_action(ActionKind::kRemove, kByUnit);
  const auto request = host_->request();
  const Answer answer = host_->run(request);
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.done->detail,
            "systemd: read the units anew: no memory for units: run systemctl daemon-reload");
  EXPECT_EQ(restart_in(answer).outcome, Outcome::kDone) << "the rest goes on";
  // The next undo tells it again.
  EXPECT_EQ(host_->run(host_->undo_request(request)).state(), HostState::kFailed);
  begin(How::kDone);
  model::Order again = host_->undo_order(fixture::id_of(request.order));
  again.title = "once more";
  const Answer undone = host_->run(host_->request(again, {"alice", "bob"}));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(systemd_->asked(), Asked{"Reload"});
}

// A library that a service got into by LD_PRELOAD, as a rootkit of ld.so.preload gets into all.
TEST_F(RestartTest, TheRealSystemdUnderstandsNothingOfIt) {
  if (!RealSystemd::is_installed()) GTEST_SKIP() << "systemd is not installed";
  systemd_.reset();
  const std::string library = host_->at("/usr/lib/libevil.so");
  write_text(library,
             read_text(std::filesystem::canonical("/lib64/ld-linux-x86-64.so.2").parent_path() /
                       "libdl.so.2"));
  host_->scan();
  host_->dry_run = host_->findings;
  const RealSystemd systemd(host_->at("/run"), "/bin/sleep 1000", "LD_PRELOAD=" + library);
  const auto maps = [](pid_t pid) { return read_text(fmt::format("/proc/{}/maps", pid)); };
  const pid_t old = systemd.main_process();
  ASSERT_TRUE(until([&] { return maps(old).find(library) != std::string::npos; }));
  host_->policy.responses[0].actions[1].allow = {systemd.unit()};
  add_action(ActionKind::kRemove, kByUnit);

  const auto request = host_->request();
  const Answer answer = host_->run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  std::size_t done = 0;
  for (const auto& item : answer.done->items)
    done += item.action == ActionKind::kRestart && item.outcome == Outcome::kDone;
  EXPECT_EQ(done, 1u) << answer.text();
  const pid_t now = systemd.main_process();
  EXPECT_NE(now, old);
  EXPECT_FALSE(host_->is_alive(old));
  EXPECT_EQ(maps(now).find("libevil"), std::string::npos) << maps(now);
  EXPECT_EQ(host_->run(host_->undo_request(request)).state(), HostState::kUndone);

  // A service that does not run any more is not started because somebody wanted it restarted.
  ::kill(now, SIGKILL);
  ASSERT_TRUE(until([&] { return !systemd.is_up(); }));
  auto manager = ServiceManager::open(host_->at("/run/systemd/private"));
  ASSERT_TRUE(manager) << manager.error().detail;
  const auto restarted = manager->restart(systemd.unit());
  EXPECT_TRUE(restarted) << restarted.error().detail;
  EXPECT_FALSE(systemd.is_up());
}

// What systemd-run makes is as much in systemd's memory as any unit.
TEST_F(RestartTest, ATransientUnitStartsAgainWhatWasKilled) {
  if (!RealSystemd::is_installed()) GTEST_SKIP() << "systemd is not installed";
  systemd_.reset();
  const RealSystemd systemd(host_->at("/run"), "/bin/sleep 1000", "A=b");
  ASSERT_NE(systemd.main_process(), 0);
  const std::string unit = fmt::format("fs-test-again-{}.service", ::getpid());
  const std::string environment = "XDG_RUNTIME_DIR=" + host_->at("/run") + " ";
  output_of(environment + "systemd-run --user --quiet --unit=" + unit +
            " -p DefaultDependencies=no -p Restart=always -p RestartSec=10ms sleep 1000");
  const auto process = [&] {
    const std::string shown =
        output_of(environment + "systemctl --user show --value -p MainPID " + unit);
    return shown.empty() ? 0 : std::stoi(shown);
  };
  const auto comes_back = [&] {
    const pid_t killed = process();
    ::kill(killed, SIGKILL);
    const auto is_another = [&] {
      const pid_t now = process();
      return now != 0 && now != killed;
    };
    return until(is_another, std::chrono::seconds(3));
  };
  ASSERT_NE(process(), 0);
  ASSERT_TRUE(comes_back());

  std::erase_if(host_->findings, [](const auto& one) { return one.detection == kByUnit; });
  host_->find_unit("/run/systemd/transient/" + unit);
  host_->dry_run = host_->findings;
  act({{ActionKind::kRemove, {{Selector::Kind::kDetections, {kByUnit}, {}}}}});
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->detail, "");
  ASSERT_NE(process(), 0);
  EXPECT_FALSE(comes_back());
  output_of(environment + "systemctl --user stop " + unit);
}

// A root on btrfs, where /proc/PID/maps and stat(2) do not name the same device, and a process that
// sees it as its own.
class RestartOnBtrfs : public RestartTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root mounts";
    const std::string image = folder_ / "image";
    beneath_ = folder_ / "mounted";
    std::filesystem::create_directories(beneath_);
    is_mounted_ = output_of("{ truncate -s 200M " + image + " && mkfs.btrfs " + image +
                            " >/dev/null" + " && mount -o loop " + image + " " + beneath_ +
                            " && echo yes; } 2>/dev/null || true") == "yes\n";
    if (!is_mounted_) GTEST_SKIP() << "no btrfs can be mounted here";
    RestartTest::SetUp();
    if (IsSkipped()) return;
    ::kill(worker_, SIGKILL);
    worker_ = start_inside();
    ASSERT_NE(worker_, 0);
    service_.take(worker_);
  }
  void TearDown() override {
    systemd_.reset();
    if (worker_ != 0) ::kill(worker_, SIGKILL);
    until([&] { return worker_ == 0 || !host_->is_alive(worker_); });
    host_.reset();
    if (is_mounted_) output_of("umount " + beneath_);
  }
  // It is at work before it is shut in, for its loader lies outside.
  pid_t start_inside() {
    int started[2] = {};
    EXPECT_EQ(::pipe(started), 0);
    const pid_t keeper = ::fork();
    if (keeper == 0) {
      const char* const root = host_->root().c_str();
      pid_t inside = 0;
      if (::unshare(CLONE_NEWNS) == 0 &&
          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
          ::mount(root, root, nullptr, MS_BIND, nullptr) == 0 && ::chdir(root) == 0)
        inside = host_->start("/opt/kit/worker");
      const std::string maps = fmt::format("/proc/{}/maps", inside);
      until([&] {
        return inside == 0 || (read_text(maps).find("/libc.so") != std::string::npos &&
                               host_->process_state(inside) == 'S');
      });
      if (inside == 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
          ::umount2(".", MNT_DETACH) != 0 || ::write(started[1], &inside, sizeof inside) < 0)
        ::_exit(1);
      ::_exit(0);
    }
    ::waitpid(keeper, nullptr, 0);
    ::close(started[1]);
    pid_t inside = 0;
    if (::read(started[0], &inside, sizeof inside) != sizeof inside) inside = 0;
    ::close(started[0]);
    return inside;
  }
  TempDir folder_;
  bool is_mounted_ = false;
};

TEST_F(RestartOnBtrfs, AServiceThatStillRunsWhatWasRemovedIsNotRestarted) {
  begin(How::kDone);
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  std::string words;
  EXPECT_EQ(restart_in(answer, &words).outcome, Outcome::kDone) << answer.text();
  EXPECT_TRUE(words.ends_with(fmt::format("(processes {})", worker_))) << words;
  EXPECT_EQ(systemd_->asked(), Asked{asked_});
  EXPECT_EQ(answer.done->detail, "");
}

TEST_F(RestartOnBtrfs, WhatAServiceLeavesRunningIsForgotten) {
  begin(How::kLingers);
  const Answer answer = host_->run(host_->request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_TRUE(answer.done->detail.ends_with(fmt::format("{}: {}", service_.unit(), worker_)))
      << answer.done->detail;
}

TEST_F(RestartTest, WithoutSystemdACleaningFailsOrSaysNothing) {
  const Answer answer = host_->run(host_->request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  std::string words;
  EXPECT_EQ(restart_in(answer, &words).outcome, Outcome::kFound);
  EXPECT_TRUE(words.ends_with(
      fmt::format("the policy means it to be restarted, but no systemd runs this host: systemctl "
                  "restart {}",
                  service_.unit())))
      << words;
  EXPECT_TRUE(host_->is_alive(worker_));
}

}  // namespace
}  // namespace fleetsweep::act
