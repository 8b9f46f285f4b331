// The real agent, all four processes, against a small controller over loopback CURVE.

#include "agent/local/enrol.h"
#include "tests/agent/monitor/agent_fixture.h"

namespace fleetsweep::agent {
namespace {

TEST_F(Agent, FindsCleansVerifiesAndUndoes) {
  enrol_and_start();
  const model::Policy policy = this->policy();
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy)), {"alice"}));
  ASSERT_TRUE(controller_.await(dry, HostState::kFound));
  EXPECT_EQ(controller_.receipts.back().matched, 1u);
  EXPECT_NE(controller_.receipts.back().sandbox, model::SandboxLevel::kNone);
  EXPECT_TRUE(std::filesystem::exists(bad_file())) << "a dry run touches nothing";

  const DocumentId apply = controller_.submit(
      controller_.tenant.sign(shaped(fixture::apply(policy, dry)), {"alice", "bob"}));
  ASSERT_TRUE(controller_.await(apply, HostState::kCleaned));
  EXPECT_FALSE(std::filesystem::exists(bad_file()));
  EXPECT_TRUE(std::filesystem::exists(root_ + "/var/tmp/innocent"));
  ASSERT_TRUE(controller_.await(apply, HostState::kVerified));

  const DocumentId undo =
      controller_.submit(controller_.tenant.sign(shaped(fixture::undo(apply)), {"alice", "bob"}));
  ASSERT_TRUE(controller_.await(undo, HostState::kUndone));
  std::ifstream back(bad_file());
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(back)), {}), kBad);
  // One chain of receipts, nothing twice.
  for (std::size_t i = 0; i < controller_.receipts.size(); ++i)
    EXPECT_EQ(controller_.receipts[i].seq, i + 1);
}

TEST_F(Agent, OwnerUndoesAloneAndHaltsAndAsksWhy) {
  enrol_and_start();
  const model::Policy policy = this->policy();
  const DocumentId apply = clean(policy);
  EXPECT_THAT(tell("why", apply.hex()).json, testing::HasSubstr("verified"));

  EXPECT_TRUE(tell("undo", apply.hex()).ok);
  EXPECT_TRUE(std::filesystem::exists(bad_file()));
  ASSERT_TRUE(controller_.await(apply, HostState::kUndone));
  EXPECT_TRUE(controller_.receipts.back().local);

  EXPECT_TRUE(tell("halt").ok);
  EXPECT_TRUE(std::filesystem::exists(state() + "/halt"));
  const DocumentId again = controller_.submit(controller_.tenant.sign(
      shaped(fixture::dry_run(policy), [](model::Order& order) { order.nonce.value.fill(5); }),
      {"alice"}));
  ASSERT_TRUE(controller_.await(again, HostState::kRefused));
  EXPECT_EQ(controller_.receipts.back().reason, model::Reason::kHalted);
  EXPECT_THAT(tell("status").json, testing::HasSubstr("\"halted\":true"));
  EXPECT_TRUE(tell("resume").ok);
  EXPECT_TRUE(controller_.await(again, HostState::kFound));
}

TEST_F(Agent, OwnerIsNotToldWhatAnUndoCouldNotPutBack) {
  const std::string edited = root_ + "/var/tmp/edited", lost = root_ + "/var/tmp/lost/lookalike";
  std::filesystem::create_directories(root_ + "/var/tmp/lost");
  for (const std::string& file : {edited, lost}) std::ofstream(file) << kBad;
  enrol_and_start();
  const DocumentId apply = clean(policy());

  std::ofstream(edited) << "the owner's own\n";
  std::filesystem::remove(root_ + "/var/tmp/lost");
  const auto undo = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {binary(), "undo", apply.hex(), "--state", state()};
    words.insert(words.end(), more.begin(), more.end());
    Process owner(words, folder_ + "/undo");
    EXPECT_TRUE(controller_.serve_until([&] { return !owner.is_running(); }));
    EXPECT_EQ(owner.exit_code(), 1);
    std::ifstream log(folder_ + "/undo");
    std::string said((std::istreambuf_iterator<char>(log)), {});
    std::filesystem::remove(folder_ + "/undo");
    return said;
  };
  const std::string left =
      "/var/tmp/edited: conflict (another file is there), /var/tmp/lost/lookalike: gone (its "
      "folder is missing)";
  EXPECT_THAT(undo({}), testing::AllOf(testing::HasSubstr("1 put back, 2 not: " + left),
                                       testing::HasSubstr("\nnext: "),
                                       testing::HasSubstr("fleetsweep-agent undo " + apply.hex())));
  EXPECT_TRUE(std::filesystem::exists(bad_file()));
  ASSERT_TRUE(controller_.await(apply, HostState::kFailed));
  EXPECT_EQ(controller_.receipts.back().acted, 1u);
  EXPECT_THAT(tell("why", apply.hex()).json, testing::HasSubstr(left));
  EXPECT_THAT(
      undo({"--json"}),
      testing::AllOf(testing::HasSubstr(R"("acted":1,)"),
                     testing::HasSubstr(R"("path":"/var/tmp/edited","reason":"conflict")"),
                     testing::HasSubstr(R"("reason":"gone","why":"its folder is missing")")));
}

TEST_F(Agent, HaltFileMadeByHandIsHeededAndItsRemovalToo) {
  enrol_and_start();
  const auto says = [&](const char* text) {
    return tell("status").json.find(text) != std::string::npos;
  };
  // As a link to a share that is down.
  std::filesystem::create_symlink("/nowhere/halt", state() + "/halt");
  ASSERT_TRUE(controller_.serve_until([&] { return says("\"halted\":true"); }));
  const DocumentId dry = controller_.submit(
      controller_.tenant.sign(shaped(fixture::dry_run(this->policy())), {"alice"}));
  ASSERT_TRUE(controller_.await(dry, HostState::kRefused));
  EXPECT_EQ(controller_.receipts.back().reason, model::Reason::kHalted);
  std::filesystem::remove(state() + "/halt");
  EXPECT_TRUE(controller_.await(dry, HostState::kFound));
}

TEST_F(Agent, CoreThatIsKilledComesBackAndForgetsNothing) {
  enrol_and_start();
  const model::Policy policy = this->policy();
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy)), {"alice"}));
  ASSERT_TRUE(controller_.await(dry, HostState::kFound));
  const unsigned hellos = controller_.hellos;
  const pid_t core = core_pid();
  ASSERT_GT(core, 0);
  ::kill(core, SIGKILL);
  ASSERT_TRUE(controller_.serve_until([&] { return controller_.hellos > hellos; }));
  const DocumentId apply = controller_.submit(
      controller_.tenant.sign(shaped(fixture::apply(policy, dry)), {"alice", "bob"}));
  ASSERT_TRUE(controller_.await(apply, HostState::kVerified));
  EXPECT_EQ(controller_.receipts.size(), 3u) << "the dry run was not reported twice";
}

// A child of `parent` in this state ("T": stopped) and of this name; 0: none.
pid_t child_of(pid_t parent, const std::string& state, const std::string& called) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    std::string pid, comm, mode;
    pid_t of = 0;
    stat >> pid >> comm >> mode >> of;
    if (of == parent && mode == state && comm == "(" + called + ")") return std::stoi(name);
  }
  return 0;
}

// An agent whose act has stopped itself between an intent and its done.
class AgentInMidStep : public Agent {
 protected:
  void SetUp() override {
    Agent::SetUp();
    const std::string libexec = folder_ + "/libexec";
    std::filesystem::create_directories(libexec);
    const std::string programs = FS_BINARY_DIR;
    std::filesystem::create_symlink(programs + "/fleetsweep-scan", libexec + "/fleetsweep-scan");
    std::filesystem::create_symlink(programs + "/fleetsweep-act-faults",
                                    libexec + "/fleetsweep-act");
    more_options_ = {"--libexec", libexec};
    ASSERT_EQ(::setenv("FLEETSWEEP_PAUSE", "performed:1", 1), 0);
    enrol_and_start();
    ASSERT_EQ(::unsetenv("FLEETSWEEP_PAUSE"), 0);
    const model::Policy policy = this->policy();
    const DocumentId dry =
        controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy)), {"alice"}));
    ASSERT_TRUE(controller_.await(dry, HostState::kFound));
    apply_ = controller_.submit(
        controller_.tenant.sign(shaped(fixture::apply(policy, dry)), {"alice", "bob"}));
    ASSERT_TRUE(controller_.serve_until(
        [&] { return (act_ = child_of(agent_->pid(), "T", "fleetsweep-act")) != 0; }));
  }
  void expect_cleaned_and_undone() {
    ASSERT_TRUE(controller_.await(apply_, HostState::kVerified));
    EXPECT_FALSE(std::filesystem::exists(bad_file()));
    EXPECT_TRUE(tell("undo", apply_.hex()).ok);
    EXPECT_TRUE(std::filesystem::exists(bad_file()));
  }

  pid_t act_ = 0;
  DocumentId apply_;
};

TEST_F(AgentInMidStep, KilledWithAllItsProcessesItFinishesAfterTheRestart) {
  const pid_t core = core_pid();
  ::kill(agent_->pid(), SIGKILL);
  ::kill(act_, SIGKILL);
  ASSERT_TRUE(controller_.serve_until(
      [&] { return !agent_->is_running() && ::kill(core, 0) != 0 && ::kill(act_, 0) != 0; }));
  start_agent();
  expect_cleaned_and_undone();
}

TEST_F(AgentInMidStep, ActThatOutlivesItsKilledMonitorIsWaitedForByTheNextOne) {
  ::kill(agent_->pid(), SIGKILL);
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  start_agent();
  ASSERT_TRUE(
      controller_.serve_until([&] { return child_of(agent_->pid(), "S", "fleetsweep-act") != 0; }));
  ::kill(act_, SIGCONT);
  expect_cleaned_and_undone();
}

TEST_F(Agent, TerminationEndsAllProcessesAndRemovesTheSocket) {
  enrol_and_start();
  const pid_t core = core_pid();
  ::kill(agent_->pid(), SIGTERM);
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  EXPECT_EQ(agent_->exit_code(), 0);
  EXPECT_NE(::kill(core, 0), 0);
  EXPECT_FALSE(std::filesystem::exists(state() + "/control.sock"));
}

TEST_F(Agent, CoreDiesWithItsMonitor) {
  enrol_and_start();
  const pid_t core = core_pid();
  ASSERT_GT(core, 0);
  ::kill(agent_->pid(), SIGKILL);
  EXPECT_TRUE(controller_.serve_until([&] { return ::kill(core, 0) != 0; }));
}

TEST_F(Agent, IsNotEnrolledTwice) {
  ASSERT_EQ(run_enrol(controller_.token()), 0);
  EXPECT_EQ(run_enrol(controller_.token()), 1);
}

TEST_F(Agent, EnrolledForAMountedImageItLooksIntoTheHostThatHoldsIt) {
  enrol_and_start();
  const pid_t core = core_pid();
  ASSERT_GT(core, 0);
  std::ifstream line("/proc/" + std::to_string(core) + "/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(line, word, '\0');) words.push_back(word);
  const auto root = std::find(words.begin(), words.end(), "--root");
  ASSERT_NE(root, words.end());
  EXPECT_EQ(*(root + 1), root_);
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy())), {"alice"}));
  EXPECT_TRUE(controller_.await(dry, HostState::kFound)) << "it lies in the image alone";
}

TEST_F(Agent, ClonedImageRunsUnderTheIdentityOfItsTwin) {
  std::ofstream(root_ + "/etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
  ASSERT_EQ(run_enrol(controller_.token()), 0);
  std::ofstream(root_ + "/etc/machine-id") << "fedcba9876543210fedcba9876543210\n";
  start_agent();
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  EXPECT_EQ(agent_->exit_code(), 1);
  EXPECT_EQ(run_enrol(controller_.token()), 1);
  EXPECT_EQ(controller_.hellos, 0u) << "nobody was spoken to";
  std::ifstream log(folder_ + "/log");
  const std::string said((std::istreambuf_iterator<char>(log)), {});
  EXPECT_THAT(said, testing::HasSubstr("was enrolled on another machine"));
  EXPECT_THAT(said, testing::HasSubstr("fleetsweep-agent enrol --token-file"));
  // On its own machine it goes on.
  std::ofstream(root_ + "/etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
  start_agent();
  EXPECT_TRUE(controller_.serve_until([&] { return controller_.hellos > 0; }));
}

TEST_F(Agent, WhatWasTakenIsLostWithAnAgentThatDoesNotStart) {
  std::ofstream(root_ + "/etc/machine-id") << "0123456789abcdef0123456789abcdef\n";
  enrol_and_start();
  const DocumentId apply = clean(policy());
  const auto undo = [&](const std::string& order, const std::string& state) {
    const std::string words = folder_ + "/undo";
    std::filesystem::remove(words);
    Process owner({binary(), "undo", order, "--offline", "--state", state}, words);
    EXPECT_TRUE(controller_.serve_until([&] { return !owner.is_running(); }));
    std::ifstream log(words);
    return std::pair(owner.exit_code(), std::string((std::istreambuf_iterator<char>(log)), {}));
  };
  EXPECT_THAT(undo(apply.hex(), state()),
              testing::Pair(1, testing::HasSubstr("leave out --offline")));
  ::kill(agent_->pid(), SIGTERM);
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));

  std::ofstream(root_ + "/etc/machine-id") << "fedcba9876543210fedcba9876543210\n";
  start_agent();
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  EXPECT_EQ(agent_->exit_code(), 1);
  std::ifstream log(folder_ + "/log");
  EXPECT_THAT(
      std::string((std::istreambuf_iterator<char>(log)), {}),
      testing::HasSubstr("`fleetsweep-agent undo ORDER --offline --state " + state() + "`"));

  const std::string moved = folder_ + "/moved";
  std::filesystem::rename(state(), moved);
  EXPECT_THAT(undo(apply.hex(), folder_),
              testing::Pair(1, testing::HasSubstr("no order was carried out with this state")));
  for (const char* order : {"00000000", "0"})
    EXPECT_THAT(undo(order, moved), testing::Pair(1, testing::HasSubstr(order)));
  EXPECT_FALSE(std::filesystem::exists(bad_file()));
  EXPECT_THAT(undo(apply.hex().substr(0, 12), moved),
              testing::Pair(0, testing::HasSubstr("1 put back")));
  std::ifstream back(bad_file());
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(back)), {}), kBad);
}

TEST_F(Agent, OwnerTakesANewTransportKeyAndTheOldOneIsUsedAgain) {
  enrol_and_start();
  const CurveKey first = controller_.last_key;
  EXPECT_THAT(tell("rekey").json, testing::HasSubstr(first.hex()));
  ASSERT_TRUE(controller_.serve_until([&] { return controller_.last_key != first; }));
  const CurveKey second = controller_.last_key;
  const unsigned hellos = controller_.hellos;
  ASSERT_TRUE(controller_.serve_until([&] {
    return tell("status").json.find("\"transport_key\":\"" + second.hex()) != std::string::npos;
  }));
  ::kill(agent_->pid(), SIGTERM);
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  start_agent();
  ASSERT_TRUE(controller_.serve_until([&] { return controller_.hellos > hellos; }));
  EXPECT_EQ(controller_.last_key, second) << "after a restart, too";
}

TEST_F(Agent, RefusedEnrolmentSaysWhyAndLeavesNoEnrolment) {
  controller_.enrol_error = "the token was used 1 time(s), which is all";
  EXPECT_EQ(run_enrol(controller_.token()), 1);
  std::ifstream log(folder_ + "/log");
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(log)), {}),
              testing::HasSubstr("used 1 time"));
  EXPECT_FALSE(std::filesystem::exists(state() + "/enrolment"));
}

TEST_F(Agent, TenantWithTheLongestRootChainEnrolsAHost) {
  controller_.grow_root_chain(limits::kRootChain);
  ASSERT_EQ(run_enrol(controller_.token()), 0);
  EXPECT_GT(std::filesystem::file_size(state() + "/enrolment"), 2 * limits::kReceiveAgentBytes);
}

TEST_F(Agent, EnrolmentAnswerThatCannotBeReadIsSaidAtOnce) {
  controller_.enrol_noise = to_bytes("not a message");
  EXPECT_EQ(run_enrol(controller_.token()), 1);
  std::ifstream log(folder_ + "/log");
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(log)), {}),
              testing::HasSubstr("the answer cannot be read: message: 13 bytes"));
}

TEST_F(Agent, MistypedTokenIsSaidBeforeAnybodyIsAsked) {
  std::string token = controller_.token();
  token[10] = token[10] == 'a' ? 'b' : 'a';
  EXPECT_EQ(run_enrol(token), 1);
}

// A command line can be read by every process of a host. The file may be a Kubernetes secret, which
// is a symbolic link.
TEST_F(Agent, TokenNeedNotStandOnTheCommandLine) {
  const std::string file = folder_ + "/token";
  std::ofstream(folder_ + "/data") << controller_.token() << "\n";
  std::filesystem::create_symlink("data", file);
  EXPECT_EQ(run_enrol({"--token-file", file, controller_.token()}), 2) << "which of the two?";
  EXPECT_EQ(run_enrol(std::vector<std::string>{}), 2);
  EXPECT_EQ(run_enrol(std::vector<std::string>{"--token-file", folder_ + "/none"}), 1);
  EXPECT_EQ(run_enrol(std::vector<std::string>{"--token-file", file}), 0);
}

TEST_F(Agent, AnAddressToEnrolAtIsSaidToBeWhatItIsNot) {
  const auto says = [&](const std::string& connect) {
    EnrolOptions options;
    options.token = controller_.token();
    options.state = state();
    options.connect = connect;
    const auto enrolled = enrol(options);
    return enrolled ? "enrolled" : enrolled.error().message;
  };
  for (const char* wrong : {"127.0.0.1:7601", "tcp://7601", "tcp://:7601",
                            "tcp://host:", "tcp://host:0", "tcp://host:65536", "tcp://host:76o1"})
    EXPECT_THAT(says(wrong), testing::HasSubstr("expected tcp://HOST:PORT")) << wrong;
  EXPECT_THAT(says("tcp://127.0.0.1:1"), testing::HasSubstr("below 1 there is none"));
  EXPECT_FALSE(std::filesystem::exists(state()));
}

TEST_F(Agent, RunWithoutEnrolmentSaysWhatToDo) {
  std::filesystem::create_directories(state());
  start_agent();
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  EXPECT_EQ(agent_->exit_code(), 1);
  std::ifstream log(folder_ + "/log");
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(log)), {}),
              testing::HasSubstr("fleetsweep-agent enrol"));
}

}  // namespace
}  // namespace fleetsweep::agent
