// Processes that are suspended and killed, with their descendants.

#include <sys/stat.h>

#include "agent/act/process.h"
#include "tests/agent/act/clean.h"
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

TEST_F(Clean, AProcessWithTheNumberOfAnotherIsNotKilled) {
  fs::copy_file("/bin/sleep", host.at("/srv/worker"));
  const pid_t other = host.start("/srv/worker");
  for (auto* list : {&host.findings, &host.dry_run})
    std::get<model::ProcessIdentity>((*list)[3].identity).pid = other;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(host.process_state(other), 'S') << answer.text();
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

TEST_F(Tree, DescendantsAreSuspendedWithTheirParentAndContinuedWithIt) {
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

}  // namespace
}  // namespace fleetsweep::act
