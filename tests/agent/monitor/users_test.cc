// As root, each process is what its job needs and no more.

#include <map>

#include "protocol/runtime/sandbox/sandbox.h"
#include "tests/agent/monitor/agent_fixture.h"

namespace fleetsweep::agent {
namespace {

constexpr unsigned kCoreUser = 64001, kParserUser = 64002;

// A line of /proc/PID/status after its name; empty when the process is gone.
std::string status_of(pid_t pid, const std::string& field) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  return "";
}

std::string four(unsigned id) {
  return fmt::format("{0}\t{0}\t{0}\t{0}", id);
}

struct Users : Agent {
  void SetUp() override {
    Agent::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "only root starts processes as other users";
    // Work for the parser, so that there is time to look at it.
    for (int i = 0; i < 40; ++i) {
      const std::string path = fmt::format("{}/var/tmp/big-{}", root_, i);
      std::ofstream(path) << i;
      std::filesystem::resize_file(path, 8 << 20);
    }
    more_options_ = {"--core-user", std::to_string(kCoreUser), "--parser-user",
                     std::to_string(kParserUser)};
  }
  // Of the agent's processes the one with this user; 0: none now.
  pid_t process_of(unsigned user) const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const pid_t pid = std::stoi(name);
      if (status_of(pid, "Uid") == four(user) && is_ours(pid)) return pid;
    }
    return 0;
  }
  bool is_ours(pid_t pid) const {
    for (int generation = 0; generation < 4 && pid > 1; ++generation) {
      if (pid == agent_->pid()) return true;
      const std::string parent = status_of(pid, "PPid");
      pid = parent.empty() ? 0 : std::stoi(parent);
    }
    return false;
  }
};

TEST_F(Users, CoreAndParserHaveUsersOfTheirOwnAndNoPrivilegeAndTheWholeWorkIsDone) {
  enrol_and_start();
  const pid_t core = core_pid();
  ASSERT_GT(core, 0);
  EXPECT_EQ(status_of(core, "Uid"), four(kCoreUser));
  EXPECT_EQ(status_of(core, "Gid"), four(kCoreUser));
  EXPECT_EQ(status_of(core, "Groups"), " ");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_EQ(status_of(core, set), "0000000000000000") << set;
  EXPECT_EQ(status_of(core, "NoNewPrivs"), "1");
  EXPECT_EQ(status_of(agent_->pid(), "Uid"), four(0));

  const model::Policy policy = this->policy();
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy)), {"alice"}));
  std::map<std::string, std::string> seen;
  ASSERT_TRUE(controller_.serve_until([&] {
    const pid_t parser = process_of(kParserUser);
    // Confined once its filter is there; before that it has not been handed a file.
    if (parser > 0 && status_of(parser, "Seccomp") == "2")
      for (const char* field : {"Uid", "Gid", "Groups", "CapPrm", "CapEff", "NoNewPrivs"})
        seen[field] = status_of(parser, field);
    return !seen["CapEff"].empty();
  })) << "no parser was seen";
  EXPECT_EQ(seen["Uid"], four(kParserUser));
  EXPECT_EQ(seen["Gid"], four(kParserUser));
  EXPECT_EQ(seen["Groups"], " ");
  EXPECT_EQ(seen["CapPrm"], "0000000000000000");
  EXPECT_EQ(seen["CapEff"], "0000000000000000");
  EXPECT_EQ(seen["NoNewPrivs"], "1");

  ASSERT_TRUE(controller_.await(dry, HostState::kFound));
  EXPECT_EQ(controller_.receipts.back().sandbox, runtime::landlock_abi() > 0
                                                     ? model::SandboxLevel::kFull
                                                     : model::SandboxLevel::kReduced);
  const DocumentId apply = controller_.submit(
      controller_.tenant.sign(shaped(fixture::apply(policy, dry)), {"alice", "bob"}));
  ASSERT_TRUE(controller_.await(apply, HostState::kVerified));
  EXPECT_FALSE(std::filesystem::exists(bad_file()));
  const DocumentId undo =
      controller_.submit(controller_.tenant.sign(shaped(fixture::undo(apply)), {"alice", "bob"}));
  ASSERT_TRUE(controller_.await(undo, HostState::kUndone));

  // What each may read afterwards.
  const auto owner_and_mode = [&](const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat((state() + path).c_str(), &status), 0) << path;
    return fmt::format("{} {:o}", status.st_uid, status.st_mode & 07777);
  };
  EXPECT_EQ(owner_and_mode("/act"), "0 700");
  EXPECT_EQ(owner_and_mode("/act/anchor").substr(0, 2), "0 ");
  EXPECT_EQ(owner_and_mode("/identity.key"), fmt::format("{} 600", kCoreUser));
  EXPECT_EQ(owner_and_mode("/core"), fmt::format("{} 700", kCoreUser));
  EXPECT_EQ(owner_and_mode("/core/core.db").substr(0, 6), fmt::format("{} ", kCoreUser));
}

TEST_F(Users, WithoutAWordAboutItCoreIsAUserOfItsOwnAndTheAgentStartsAgain) {
  more_options_.clear();
  enrol_and_start();
  pid_t core = core_pid();
  EXPECT_EQ(status_of(core, "Uid"), four(65521));
  EXPECT_EQ(status_of(core, "CapEff"), "0000000000000000");
  EXPECT_EQ(status_of(core, "Seccomp"), "2");
  ::kill(agent_->pid(), SIGTERM);
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  // Once more as it is, and once as root, who takes the files back and keeps no capability.
  for (const unsigned user : {65521u, 0u}) {
    if (user == 0) more_options_ = {"--core-user", "root"};
    const unsigned hellos = controller_.hellos;
    start_agent();
    ASSERT_TRUE(controller_.serve_until([&] { return controller_.hellos > hellos; }));
    core = core_pid();
    EXPECT_EQ(status_of(core, "Uid"), four(user));
    EXPECT_EQ(status_of(core, "CapEff"), "0000000000000000");
    EXPECT_EQ(status_of(core, "CapPrm"), "0000000000000000");
    EXPECT_EQ(status_of(core, "NoNewPrivs"), "1");
    EXPECT_EQ(status_of(core, "Seccomp"), "2");
    if (user == 0) break;
    ::kill(agent_->pid(), SIGTERM);
    ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  }
  // A core that is root is said in each receipt, whatever the parser reached.
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy())), {"alice"}));
  ASSERT_TRUE(controller_.await(dry, HostState::kFound));
  EXPECT_EQ(controller_.receipts.back().sandbox, model::SandboxLevel::kReduced);
}

TEST_F(Users, FolderThatCoreCannotPassThroughIsNamedBeforeAnythingStarts) {
  ASSERT_EQ(run_enrol(controller_.token()), 0);
  std::filesystem::permissions(folder_, std::filesystem::perms(0700));
  start_agent();
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  EXPECT_EQ(agent_->exit_code(), 1);
  std::ifstream log(folder_ + "/log");
  EXPECT_THAT(std::string((std::istreambuf_iterator<char>(log)), {}),
              testing::HasSubstr("chmod o+x " + folder_));
}

TEST_F(Users, ProgramsInAFolderThatCoreCannotPassThroughRunAllTheSame) {
  more_options_.clear();
  programs_ = folder_ + "/programs";
  std::filesystem::create_directory(programs_);
  for (const char* name : {"/fleetsweep-agent", "/fleetsweep-scan", "/fleetsweep-act"})
    std::filesystem::copy_file(FS_BINARY_DIR + std::string(name), programs_ + name);
  std::filesystem::permissions(programs_, std::filesystem::perms(0700));
  enrol_and_start();
  EXPECT_EQ(status_of(core_pid(), "Uid"), four(65521));
  const DocumentId dry =
      controller_.submit(controller_.tenant.sign(shaped(fixture::dry_run(policy())), {"alice"}));
  EXPECT_TRUE(controller_.await(dry, HostState::kFound));
}

TEST_F(Users, AForeignFileUnderCoresNameIsNotGivenAway) {
  ASSERT_EQ(run_enrol(controller_.token()), 0);
  const std::string precious = folder_ + "/precious";
  std::ofstream(precious) << "root's own";
  std::filesystem::create_directories(state() + "/core");
  std::filesystem::create_hard_link(precious, state() + "/core/core.db");
  start_agent();
  ASSERT_TRUE(controller_.serve_until([&] { return !agent_->is_running(); }));
  EXPECT_NE(agent_->exit_code(), 0);
  struct stat status {};
  ASSERT_EQ(::stat(precious.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0u);
}

}  // namespace
}  // namespace fleetsweep::agent
