// Told to stop while it runs: nothing new begins, and what is done can be undone.

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::HostState;
using model::Reason;

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

}  // namespace
}  // namespace fleetsweep::act
