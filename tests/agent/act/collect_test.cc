// What goes into the vault as evidence, of what is left where it is.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/act/vault.h"
#include "protocol/base/unique_fd.h"
#include "tests/agent/act/clean.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

using model::ActionKind;

std::set<std::string> kept_in(const std::string& state) {
  std::set<std::string> contents;
  const auto vault = Vault::open(state);
  EXPECT_TRUE(vault);
  for (const auto& file : std::filesystem::recursive_directory_iterator(state + "/vault")) {
    if (!file.is_regular_file()) continue;
    const auto transaction = Nonce::parse_hex(file.path().parent_path().filename().string());
    std::string content;
    EXPECT_TRUE(vault->load(*transaction, file.path().stem(), [&](BytesView part) -> Status {
      content += as_text(part);
      return {};
    }));
    contents.insert(content);
  }
  return contents;
}

TEST_F(Clean, EvidenceOfAFileALineOrAUnitIsLost) {
  const std::string line = "*/5 * * * * root /tmp/kit/evil >/dev/null";
  const std::string unit = "/etc/systemd/system/evil.service";
  host.findings.clear();
  host.find_file(kByName, "/usr/lib/libevil.so");
  host.find_line(kByCron, model::PersistenceKind::kCron, "/etc/crontab", line);
  host.find_unit(unit);
  host.dry_run = host.findings;
  host.policy.responses[0].actions = {
      {ActionKind::kCollect,
       {{model::Selector::Kind::kDetections, {kByName, kByCron, kByUnit}, {}}}}};
  const std::string before = host.manifest();
  const Answer answer = host.run(host.request());
  EXPECT_EQ(kept_in(host.state()),
            (std::set{read_text(host.at("/usr/lib/libevil.so")), line, read_text(host.at(unit))}))
      << answer.text();
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, WhatIsKeptOfAProcessIsWhatAnotherOneIs) {
  ::setenv("FLEETSWEEP_KNOWN", "by this value", 1);
  const pid_t pid = host.start("/opt/kit/worker", {"1000", "0.25"});
  ::unsetenv("FLEETSWEEP_KNOWN");
  ASSERT_TRUE(until([&] { return host.process_state(pid) == 'S'; }));
  host.findings.clear();
  host.find_process(pid);
  host.dry_run = host.findings;
  auto& actions = host.policy.responses[0].actions;
  std::erase_if(actions, [](const auto& one) { return one.kind != ActionKind::kCollect; });
  const Answer answer = host.run(host.request());
  const auto in_proc = [&](const char* name) {
    return read_text(fmt::format("/proc/{}/{}", pid, name));
  };
  const std::string variables = in_proc("environ"), maps = in_proc("maps");
  EXPECT_NE(variables.find(std::string("FLEETSWEEP_KNOWN=by this value") + '\0'),
            std::string::npos);
  EXPECT_NE(maps.find(host.at("/opt/kit/worker")), std::string::npos);
  using namespace std::string_literals;
  EXPECT_EQ(kept_in(host.state()), (std::set{read_text(host.at("/opt/kit/worker")),
                                             "program\0"
                                             "1000\0"
                                             "0.25\0"s,
                                             variables, maps}))
      << answer.text();
}

TEST_F(Clean, AConnectionLeavesNoTrace) {
  model::Detection detection;
  detection.id = "by_socket";
  detection.object = model::ObjectKind::kNetworkTraffic;
  const auto by_socket = static_cast<std::uint16_t>(host.policy.detections.size());
  host.policy.detections.push_back(detection);
  host.policy.verdicts[0].condition.detections.push_back(by_socket);
  model::ConnectionIdentity connection;
  connection.local_address = "192.0.2.2";
  connection.local_port = 50000;
  connection.remote_address = "192.0.2.66";
  connection.remote_port = 8080;
  connection.protocol = "tcp";
  connection.pid = worker;
  host.findings = {{by_socket, 0, model::Finding::kNoJoin, connection, {}}};
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  host.policy.responses[0].actions = {
      {ActionKind::kCollect, {{model::Selector::Kind::kDetections, {by_socket}, {}}}}};
  const Answer answer = host.run(host.request());
  EXPECT_EQ(kept_in(host.state()),
            std::set{fmt::format("192.0.2.2:50000 -> 192.0.2.66:8080 by process {}", worker)})
      << answer.text();
}

TEST_F(Clean, AFileThatIsTooLargeToCollectIsCollectedOrFailsTheRest) {
  host.findings.resize(2);
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  host.policy.responses[0].actions = {
      {ActionKind::kCollect, {{model::Selector::Kind::kDetections, {kByHash, kByName}, {}}}}};
  host.policy.responses[0].actions[0].bytes_max = 4096;
  const Answer answer = host.run(host.request());
  const auto item = answer.item("/usr/lib/libevil.so", ActionKind::kCollect);
  ASSERT_TRUE(item) << answer.text();
  EXPECT_EQ(item->outcome, model::Outcome::kSkipped) << answer.text();
  EXPECT_EQ(item->reason, model::Reason::kLimit) << answer.text();
  EXPECT_EQ(kept_in(host.state()), std::set{read_text(host.at("/tmp/kit/evil"))});
}

TEST_F(Clean, EvidenceTakesTheRoomOfWhatIsCleaned) {
  const std::string program(1 << 20, '\0');
  const std::string path = "/opt/kit/large";
  std::filesystem::copy_file(host.at("/opt/kit/worker"), host.at(path));
  std::ofstream(host.at(path), std::ios::app | std::ios::binary) << program;
  std::vector<pid_t> workers;
  for (int i = 0; i < 6; ++i) workers.push_back(host.start(path, {"1000"}));
  host.findings.clear();
  host.find_file(kByName, path);
  for (const pid_t one : workers) host.find_process(one);
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  host.policy.verdicts[0].condition.detections = {kByName, kByProcess};
  const model::Selector processes{model::Selector::Kind::kDetections, {kByProcess}, {}};
  model::Action collect, kill, quarantine;
  collect.kind = ActionKind::kCollect;
  collect.select = {processes};
  collect.what = {"exe", "environ"};
  kill.kind = ActionKind::kKill;
  kill.select = {processes};
  quarantine.kind = ActionKind::kQuarantine;
  quarantine.select = {{model::Selector::Kind::kDetections, {kByName}, {}}};
  host.policy.responses[0].actions = {collect, kill, quarantine};
  // For the program once, and a little more.
  write_text(host.state() + "/vault.quota", std::to_string(program.size() + (128 << 10)));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), model::HostState::kCleaned) << answer.text();
  EXPECT_FALSE(std::filesystem::exists(host.at(path)));
  for (const pid_t one : workers) EXPECT_EQ(host.process_state(one), 0);
  unsigned skipped = 0;
  for (const auto& item : answer.done->items)
    skipped += item.action == ActionKind::kCollect && item.outcome == model::Outcome::kSkipped &&
               item.reason == model::Reason::kVaultFull;
  EXPECT_EQ(skipped, workers.size()) << answer.text();
}

TEST_F(Clean, TheConnectionsOfOthersAreKeptAsThoseOfAProcess) {
  const auto listener = [] {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));  // without CLOEXEC: who is started has it
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local), 0);
    EXPECT_EQ(::listen(socket.get(), 1), 0);
    return socket;
  };
  const auto number_of = [](const UniqueFd& socket) {
    struct stat status {};
    EXPECT_EQ(::fstat(socket.get(), &status), 0);
    return std::to_string(status.st_ino);
  };
  UniqueFd its = listener();
  const pid_t pid = host.start("/opt/kit/worker", {"1000"});
  const UniqueFd another = listener();
  host.findings.clear();
  host.find_process(pid);
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  model::Action collect;
  collect.kind = ActionKind::kCollect;
  collect.select = {{model::Selector::Kind::kDetections, {kByProcess}, {}}};
  collect.what = {"connections"};
  host.policy.responses[0].actions = {collect};
  const Answer answer = host.run(host.request());
  const auto kept = kept_in(host.state());
  ASSERT_EQ(kept.size(), 1u) << answer.text();
  const std::string& text = *kept.begin();
  EXPECT_NE(text.find("socket:[" + number_of(its) + "]"), std::string::npos) << text;
  EXPECT_NE(text.find("0100007F:"), std::string::npos) << text;
  EXPECT_NE(text.find(" " + number_of(its) + " "), std::string::npos) << text;
  EXPECT_EQ(text.find(number_of(another)), std::string::npos) << text;
}

TEST_F(Clean, OneProgramIsKeptForEachProcessThatRunsIt) {
  std::vector<pid_t> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(host.start("/opt/kit/worker", {"1000"}));
  host.findings.clear();
  for (const pid_t one : workers) host.find_process(one);
  host.dry_run = host.findings;
  host.policy.limits.independent_min = 0;
  model::Action collect;
  collect.kind = ActionKind::kCollect;
  collect.select = {{model::Selector::Kind::kDetections, {kByProcess}, {}}};
  collect.what = {"exe"};
  host.policy.responses[0].actions = {collect};
  const Answer answer = host.run(host.request());
  for (const auto& item : answer.done->items)
    EXPECT_EQ(item.outcome, model::Outcome::kDone) << answer.text();
  unsigned kept = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(host.state() + "/vault"))
    kept += file.is_regular_file();
  EXPECT_EQ(kept, 1u);
}

}  // namespace
}  // namespace fleetsweep::act
