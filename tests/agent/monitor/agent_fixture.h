#pragma once

// A host with the real agent on it, all four processes, and a small controller over loopback CURVE.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/local/control.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/monitor/controller.h"
#include "tests/agent/no_pressure.h"
#include "tests/agent/process.h"
#include "tests/wait.h"

namespace fleetsweep::agent {

using model::HostState;

class Agent : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fleetsweep-agent-XXXXXX";
    ASSERT_TRUE(::mkdtemp(name));
    folder_ = name;
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));  // core passes through
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
  std::string binary() const { return programs_ + "/fleetsweep-agent"; }

  int run_enrol(const std::string& token) { return run_enrol(std::vector<std::string>{token}); }
  int run_enrol(const std::vector<std::string>& token) {
    std::vector<std::string> words = {binary(),    "enrol",
                                      "--connect", controller_.enrol_address(),
                                      "--agents",  controller_.agent_address(),
                                      "--state",   state(),
                                      "--root",    root_};
    words.insert(words.end(), token.begin(), token.end());
    Process enrol(words, folder_ + "/log");
    EXPECT_TRUE(controller_.serve_until([&] { return !enrol.is_running(); }));
    return enrol.exit_code();
  }
  // Its root it knows from its enrolment.
  void start_agent() {
    std::vector<std::string> words = {binary(),          "run",  "--state",         state(),
                                      "--reconnect-min", "50ms", "--reconnect-max", "500ms"};
    words.insert(words.end(), more_options_.begin(), more_options_.end());
    agent_ = std::make_unique<Process>(words, folder_ + "/log");
  }
  void enrol_and_start() {
    ASSERT_EQ(run_enrol(controller_.token()), 0);
    start_agent();
    ASSERT_TRUE(controller_.serve_until([&] { return controller_.hellos > 0; }));
  }
  model::LocalReply tell(const std::string& verb, const std::string& argument = "") {
    auto reply = command(state(), {verb, argument}, kPatience);
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
  // The order that cleaned what a dry run found.
  DocumentId clean(const model::Policy& policy) {
    const DocumentId dry =
        controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy)), {"alice"}));
    EXPECT_TRUE(controller_.await(dry, HostState::kFound));
    const DocumentId apply = controller_.submit(
        controller_.tenant.sign(shaped(fixture::apply(policy, dry)), {"alice", "bob"}));
    EXPECT_TRUE(controller_.await(apply, HostState::kVerified));
    return apply;
  }
  // pid of the process whose parent is the monitor and which runs `core`.
  pid_t core_pid() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::ifstream stat(entry.path() / "stat");
      std::string pid, comm, mode, parent;
      stat >> pid >> comm >> mode >> parent;
      if (parent != std::to_string(agent_->pid())) continue;
      // By getline, which bears that the process ends between open and read; an iterator throws.
      std::ifstream line(entry.path() / "cmdline");
      for (std::string word; std::getline(line, word, '\0');)
        if (word == "core") return std::stoi(pid);
    }
    return 0;
  }

  static constexpr const char* kBad = "a harmless look-alike\n";
  std::string folder_;
  std::string root_;
  std::string programs_ = FS_BINARY_DIR;
  Timestamp now_ = timestamp(::time(nullptr));
  Controller controller_{now_};
  std::unique_ptr<Process> agent_;
  std::vector<std::string> more_options_;
};

}  // namespace fleetsweep::agent
