// The real agent, all four processes, against a small controller over loopback CURVE.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/local/control.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/monitor/controller.h"

extern char** environ;

namespace fleetsweep::agent {
namespace {

using model::HostState;

class Process {
 public:
  Process(std::vector<std::string> arguments, const std::string& output) {
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {1, 2})
      posix_spawn_file_actions_addopen(&actions, fd, output.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    EXPECT_EQ(::posix_spawn(&pid_, raw[0], &actions, nullptr, raw.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
  }
  ~Process() {
    if (is_running()) ::kill(pid_, SIGKILL);
    if (!status_) ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool is_running() {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
    return !status_;
  }
  int exit_code() const { return status_ && WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -1; }

 private:
  pid_t pid_ = 0;
  std::optional<int> status_;
};

class Agent : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fleetsweep-agent-XXXXXX";
    ASSERT_TRUE(::mkdtemp(name));
    folder_ = name;
    root_ = folder_ + "/root";
    std::filesystem::create_directories(root_ + "/var/tmp/.x");
    std::filesystem::create_directories(root_ + "/etc");
    std::ofstream(root_ + "/etc/hostname") << "host-1\n";
    std::ofstream(bad_file()) << kBad;
    std::ofstream(root_ + "/var/tmp/innocent") << "just a file\n";
  }
  void TearDown() override {
    agent_.reset();
    if (HasFailure()) {
      std::ifstream log(folder_ + "/log");
      std::cerr << controller_.last_words() << "\n" << log.rdbuf();
    }
    std::filesystem::remove_all(folder_);
  }
  std::string bad_file() const { return root_ + "/var/tmp/.x/lookalike"; }
  std::string state() const { return folder_ + "/state"; }
  std::string binary() const { return std::string(FS_BINARY_DIR) + "/fleetsweep-agent"; }

  int run_enrol(const std::string& token) {
    Process enrol({binary(), "enrol", token, "--connect", controller_.enrol_address(), "--agents",
                   controller_.agent_address(), "--state", state(), "--root", root_},
                  folder_ + "/log");
    EXPECT_TRUE(controller_.serve_until([&] { return !enrol.is_running(); }));
    return enrol.exit_code();
  }
  void start_agent() {
    agent_ = std::make_unique<Process>(
        std::vector<std::string>{binary(), "run", "--state", state(), "--root", root_,
                                 "--reconnect-min", "50ms", "--reconnect-max", "500ms"},
        folder_ + "/log");
  }
  void enrol_and_start() {
    ASSERT_EQ(run_enrol(controller_.token()), 0);
    start_agent();
    ASSERT_TRUE(controller_.serve_until([&] { return controller_.hellos > 0; }));
  }
  model::LocalReply tell(const std::string& verb, const std::string& argument = "") {
    auto reply = command(state(), {verb, argument}, std::chrono::seconds(30));
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : model::LocalReply{};
  }
  template <class Change>
  model::Order shaped(model::Order order, Change change) const {
    order.schedule.not_before = now_ - Seconds(60);
    order.schedule.not_after = now_ + fixture::kDay;
    change(order);
    return order;
  }
  model::Order shaped(model::Order order) const {
    return shaped(std::move(order), [](model::Order&) {});
  }
  model::Policy policy() {
    model::Policy policy = fixture::hash_policy();
    model::Detection& detection = policy.detections[0];
    detection.scope.paths = {"/var/tmp"};
    detection.any_of[0][0].values[0].text = crypto::sha256(as_bytes(kBad)).hex();
    policy.verify.rescans = {Seconds(0), Seconds(1)};
    controller_.add_policy(fixture::policy_bytes(policy));
    return policy;
  }
  // pid of the process whose parent is the monitor and which runs `core`.
  pid_t core_pid() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream stat(entry.path() / "stat");
      std::string pid, comm, mode, parent;
      stat >> pid >> comm >> mode >> parent;
      std::ifstream line(entry.path() / "cmdline");
      std::string words((std::istreambuf_iterator<char>(line)), {});
      const std::string core("\0core\0", 6);
      if (parent == std::to_string(agent_->pid()) && words.find(core) != std::string::npos)
        return std::stoi(pid);
    }
    return 0;
  }

  static constexpr const char* kBad = "a harmless look-alike\n";
  std::string folder_;
  std::string root_;
  Timestamp now_ = timestamp(::time(nullptr));
  Controller controller_{now_};
  std::unique_ptr<Process> agent_;
};

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
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy)), {"alice"}));
  ASSERT_TRUE(controller_.await(dry, HostState::kFound));
  const DocumentId apply = controller_.submit(
      controller_.tenant.sign(shaped(fixture::apply(policy, dry)), {"alice", "bob"}));
  ASSERT_TRUE(controller_.await(apply, HostState::kVerified));
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

TEST_F(Agent, RefusedEnrolmentSaysWhyAndLeavesNoEnrolment) {
  controller_.enrol_error = "the token was used 1 time(s), which is all";
  EXPECT_EQ(run_enrol(controller_.token()), 1);
  std::ifstream log(folder_ + "/log");
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(log)), {}),
              testing::HasSubstr("used 1 time"));
  EXPECT_FALSE(std::filesystem::exists(state() + "/enrolment"));
}

TEST_F(Agent, MistypedTokenIsSaidBeforeAnybodyIsAsked) {
  std::string token = controller_.token();
  token[10] = token[10] == 'a' ? 'b' : 'a';
  EXPECT_EQ(run_enrol(token), 1);
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
