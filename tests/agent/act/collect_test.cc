// What goes into the vault as evidence, of what is left where it is.

#include <filesystem>

#include "agent/act/vault.h"
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
  host.findings = {{by_socket, 0, model::Finding::kNoJoin, connection, ""}};
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

}  // namespace
}  // namespace fleetsweep::act
