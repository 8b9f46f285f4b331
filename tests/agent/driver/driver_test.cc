// The core process without its monitor, against a small controller over loopback CURVE.

#include "agent/driver/driver.h"

#include <nlohmann/json.hpp>

#include "agent/driver/run_core.h"
#include "tests/agent/monitor/agent_fixture.h"

namespace fleetsweep::agent {
namespace {

class DriverTest : public Agent {
 protected:
  void SetUp() override {
    Agent::SetUp();
    ASSERT_EQ(run_enrol(controller_.token()), 0);
    std::filesystem::create_directories(state() + "/core");
    policy_ = policy();
    dry_ =
        controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy_)), {"alice"}));
  }
  void TearDown() override {
    end_core();
    ::unsetenv("FLEETSWEEP_POISON");
    Agent::TearDown();
  }
  void start_core() {
    auto ends = runtime::Pipe::pair();
    ASSERT_TRUE(ends);
    core_ = ::fork();
    if (core_ == 0) {
      const CoreOptions options{.state = state(),
                                .root = root_,
                                .monitor_fd = ends->second.fd(),
                                .reconnect_min = std::chrono::milliseconds(50),
                                .reconnect_max = std::chrono::milliseconds(500)};
      ::_exit(run_core(options, event_log::EventLog(event_log::Level::kError)) ? 0 : 1);
    }
    monitor_.emplace(std::move(ends->first));
    ASSERT_TRUE(monitor_->send(model::LocalCommand{"resume", ""}));
  }
  void end_core() {
    if (core_ <= 0) return;
    ::kill(core_, SIGKILL);
    ::waitpid(core_, nullptr, 0);
    core_ = 0;
  }
  template <class T>
  bool hears() {
    const auto received = monitor_->try_receive();
    return received && *received && std::get_if<T>(&(*received)->message);
  }
  std::size_t deaths() {
    const auto store = open_store(state() + "/core/core.db");
    return (*store)->deaths()->size();
  }
  // Core dies of this document, at each attempt, of a real signal.
  void dies_of(const Digest& document, const std::function<void()>& meanwhile = {}) {
    ::setenv("FLEETSWEEP_POISON", document.hex().c_str(), 1);
    start_core();
    if (meanwhile) meanwhile();
    int status = 0;
    ASSERT_TRUE(
        controller_.serve_until([&] { return ::waitpid(core_, &status, WNOHANG) == core_; }));
    core_ = 0;
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
  }
  void dies_twice_of(const Digest& document, const std::function<void()>& meanwhile = {}) {
    for (int time = 0; time < 2; ++time) dies_of(document, meanwhile);
    start_core();
  }
  nlohmann::json ask(const std::string& verb, const std::string& argument = "") {
    EXPECT_TRUE(monitor_->send(model::LocalCommand{verb, argument}));
    nlohmann::json answer;
    EXPECT_TRUE(controller_.serve_until([&] {
      const auto received = monitor_->try_receive();
      const auto* reply =
          received && *received ? std::get_if<model::LocalReply>(&(*received)->message) : nullptr;
      if (reply) answer = nlohmann::json::parse(reply->json);
      return reply != nullptr;
    }));
    return answer;
  }

  model::Policy policy_;
  DocumentId dry_;
  pid_t core_ = 0;
  std::optional<runtime::Pipe> monitor_;
};

TEST_F(DriverTest, APolicyThatKillsCoreIsReadForEver) {
  dies_twice_of(crypto::sha256(fixture::policy_bytes(policy_)));
  ASSERT_TRUE(controller_.await(dry_, HostState::kRefused));
  EXPECT_EQ(controller_.receipts.size(), 1u);
  EXPECT_EQ(controller_.receipts.back().reason, model::Reason::kPoison);
}

// Read well, and then it kills whoever asks the gates about it.
TEST_F(DriverTest, AnOrderThatKillsItsJudgeIsJudgedForEver) {
  dies_twice_of(Digest{dry_.value});
  ASSERT_TRUE(controller_.await(dry_, HostState::kRefused));
  EXPECT_EQ(controller_.receipts.back().reason, model::Reason::kPoison);
  // Those after it are judged.
  controller_.submit(controller_.tenant.sign(
      shaped(fixture::dry_run(policy_), [](model::Order& order) { order.title = "after"; }),
      {"alice"}));
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
}

TEST_F(DriverTest, AnAccidentIsHeldAgainstThePolicyForEver) {
  dies_of(crypto::sha256(fixture::policy_bytes(policy_)));
  EXPECT_EQ(deaths(), 0u) << "counted by the next process";
  // This one lives, asks its monitor for a scan, and has time for its owner.
  ::unsetenv("FLEETSWEEP_POISON");
  start_core();
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
  ASSERT_TRUE(monitor_->send(model::LocalCommand{"status", ""}));
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::LocalReply>(); }));
  end_core();
  EXPECT_EQ(deaths(), 0u);
}

// It stays a leaf of the tree: what comes after it is verified, and obeyed.
TEST_F(DriverTest, ALogEntryThatKillsCoreIsReadForEver) {
  const Bytes poison = controller_.tenant.sign(
      shaped(fixture::dry_run(policy_), [](model::Order& order) { order.title = "poison"; }),
      {"alice"});
  controller_.submit(poison);
  const DocumentId after = controller_.submit(controller_.tenant.sign(
      shaped(fixture::dry_run(policy_), [](model::Order& order) { order.title = "after"; }),
      {"alice"}));
  dies_twice_of(log::leaf_hash(poison));
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
  ASSERT_TRUE(controller_.serve_until([&] {
    return !controller_.receipts.empty() &&
           controller_.receipts.back().reason == model::Reason::kPoison;
  })) << controller_.last_words();
  EXPECT_TRUE(controller_.receipts.back().order.is_zero()) << "nobody can say which order it was";
  const nlohmann::json status = ask("status");
  ASSERT_EQ(status["refused_entries"].size(), 1u) << status;
  EXPECT_EQ(status["refused_entries"][0]["reason"], "poison");
  const std::string orders = status["orders"].dump();
  EXPECT_NE(orders.find(after.hex()), std::string::npos) << orders;
  EXPECT_EQ(orders.find(fixture::id_of(poison).hex()), std::string::npos) << orders;
  const auto size = status["log_size"];
  // And so after another start, when the store's entries are read.
  end_core();
  start_core();
  const nlohmann::json again = ask("status");
  EXPECT_EQ(again["log_size"], size);
  EXPECT_EQ(again["refused_entries"][0]["reason"], "poison");
}

TEST_F(DriverTest, AStopFileThatKillsCoreIsReadForEver) {
  const Bytes stop =
      controller_.tenant.sign(model::Stop{.halt_all = true, .reason = "drill"}, {"carol"});
  const auto offer = [&] {
    ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
    ASSERT_TRUE(monitor_->send(model::LocalCommand{"stop", to_text(stop)}));
  };
  dies_twice_of(crypto::sha256(stop), offer);
  const nlohmann::json answer = ask("stop", to_text(stop));
  EXPECT_EQ(answer["taken"], "refused") << answer;
  EXPECT_NE(answer["detail"].get<std::string>().find("poison"), std::string::npos) << answer;
}

// Nobody listens to it any more: the scan notices when it says how far it is.
TEST_F(DriverTest, AStoppedScanIsHeardToItsEnd) {
  start_core();
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
  auto ends = runtime::Pipe::pair();
  ASSERT_TRUE(ends);
  runtime::Pipe& scan = ends->first;
  {
    const runtime::Pipe core = std::move(ends->second);
    ASSERT_TRUE(monitor_->send(model::ChildStarted{.child = model::Child::kScan}, core.fd()));
  }
  ASSERT_TRUE(controller_.serve_until([&] {
    const auto received = scan.try_receive();
    return received && *received && std::get_if<model::ScanRequest>(&(*received)->message);
  }));
  const Bytes stop =
      controller_.tenant.sign(model::Stop{.halt_all = true, .reason = "drill"}, {"carol"});
  EXPECT_EQ(ask("stop", to_text(stop))["taken"], "taken");
  EXPECT_TRUE(controller_.serve_until([&] { return !scan.try_receive(); })) << "still open";
  ASSERT_TRUE(controller_.await(dry_, HostState::kRefused));
  EXPECT_EQ(controller_.receipts.back().reason, model::Reason::kStopped);
}

TEST_F(DriverTest, AStopThatComesWhileActIsBeingStartedIsLost) {
  Job job;
  job.order.value.fill(7);
  job.phase = Phase::kActing;
  job.mode = model::Mode::kApply;
  ASSERT_TRUE((*open_store(state() + "/core/core.db"))->commit({PutJob{job}}));
  start_core();
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
  const Bytes stop =
      controller_.tenant.sign(model::Stop{.halt_all = true, .reason = "drill"}, {"carol"});
  EXPECT_EQ(ask("stop", to_text(stop))["taken"], "taken");
  auto ends = runtime::Pipe::pair();
  ASSERT_TRUE(ends);
  runtime::Pipe& act = ends->first;
  {
    const runtime::Pipe core = std::move(ends->second);
    ASSERT_TRUE(monitor_->send(model::ChildStarted{.child = model::Child::kAct}, core.fd()));
  }
  std::vector<model::LocalMessage> heard;
  EXPECT_TRUE(controller_.serve_until([&] {
    const auto received = act.try_receive();
    if (received && *received) heard.push_back((*received)->message);
    return heard.size() == 2;
  }));
  ASSERT_EQ(heard.size(), 2u);
  const auto* request = std::get_if<model::ActRequest>(&heard[0]);
  ASSERT_NE(request, nullptr);
  EXPECT_TRUE(request->resume);
  const auto* command = std::get_if<model::LocalCommand>(&heard[1]);
  ASSERT_NE(command, nullptr);
  EXPECT_EQ(command->verb, "stop");
}

TEST_F(DriverTest, AStopFileIsForgottenByTheNextProcess) {
  start_core();
  ASSERT_TRUE(controller_.serve_until([&] { return hears<model::StartChild>(); }));
  const Bytes stop =
      controller_.tenant.sign(model::Stop{.halt_all = true, .reason = "drill"}, {"carol"});
  EXPECT_EQ(ask("stop", to_text(stop))["taken"], "taken");
  EXPECT_EQ(ask("stop", to_text(stop))["taken"], "known");
  end_core();  // kill -9
  start_core();
  const nlohmann::json status = ask("status");
  EXPECT_EQ(status["stops"], nlohmann::json::array({"halts everything: drill"}));
}

}  // namespace
}  // namespace fleetsweep::agent
