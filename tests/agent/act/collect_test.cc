// What goes into the vault as evidence, of what is left where it is.

#include <filesystem>

#include "agent/act/vault.h"
#include "tests/agent/act/clean.h"

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

}  // namespace
}  // namespace fleetsweep::act
