// Every kind of persistence of a volume of Windows, as coverage_test.cc does it for Linux. What a
// hive says afterwards is compared with one that never held the look-alike, value by value. The
// second table of docs/coverage.md is what came out.

#include <filesystem>
#include <fstream>

#include "agent/hive/hive.h"
#include "agent/plan/guard.h"
#include "tests/agent/act/real_scan.h"
#include "tests/host/planted.h"
#include "tests/host/score.h"
#include "tests/host/windows_cases.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep::host {
namespace {

namespace fs = std::filesystem;
using act::ActHost;
using model::HostState;
using Lines = std::set<std::string>;

// Each file; of a hive each key and value.
void tell(const std::string& path, const Bytes& content, Lines& lines) {
  const auto hive = hive::Hive::open(content);
  if (!hive) {
    lines.insert(path + ": " + to_hex(content));
    return;
  }
  hive->walk(hive->root(), [&](hive::Cell key, const std::string& name) {
    lines.insert(path + ": [" + name + "]");
    hive->each_value(key, [&](hive::Value& value) {
      hive->load(value);
      lines.insert(fmt::format("{}: [{}] {} = {} {}", path, name, value.name,
                               hive::type_name(value.type), to_hex(value.data)));
      return true;
    });
    return hive::Hive::Next::kGoOn;
  });
}

Lines lines_of(const Volume& volume) {
  Lines lines;
  for (const auto& [path, content] : volume.contents()) tell(path, content, lines);
  return lines;
}

Lines lines_of(const ActHost& host) {
  Lines lines;
  for (const auto& entry : fs::recursive_directory_iterator(host.root()))
    if (entry.is_regular_file())
      tell(entry.path().string().substr(host.root().size()),
           to_bytes(test::read_file(entry.path().string())), lines);
  return lines;
}

std::vector<model::Finding> findings_of(const ActHost& host, const WindowsCase& one) {
  std::vector<model::Finding> found;
  for (model::Finding& finding : act::real_scan(host, host.policy).result.findings) {
    const auto& entry = std::get<model::PersistenceIdentity>(finding.identity);
    if (entry.kind == one.kind &&
        (entry.name + " " + entry.command).find(one.marker) != std::string::npos)
      found.push_back(std::move(finding));
  }
  return found;
}

// As on Linux; `order` is one that the host has not seen, and so is the one after it.
Score score(ActHost& host, const WindowsCase& one, model::Order order) {
  Score score;
  const std::string manifest = host.manifest();
  const Lines infected = lines_of(host), healthy = lines_of(windows_volume(&one));
  host.findings = host.dry_run = findings_of(host, one);
  score.detected = host.findings.size() == 1;
  if (!score.detected) {
    score.note = fmt::format("found {} entries", host.findings.size());
    return score;
  }

  const auto request = host.request(order, {"alice", "bob"});
  const auto answer = host.run(request);
  // What differs from a volume that never held it is the look-alike's, or somebody else's.
  const Lines planted = difference(infected, healthy), left = difference(lines_of(host), healthy);
  for (const std::string& line : left)
    if (!planted.contains(line)) {
      ++score.collateral;
      score.note += " also changed: " + line;
    }
  score.reverted = answer.state() == HostState::kCleaned && left.size() == score.collateral;
  if (!score.reverted) score.note += answer.text();

  host.findings = findings_of(host, one);
  const std::string cleaned = host.manifest();
  ++order.nonce.value[0];
  const auto second = host.run(host.request(order, {"alice", "bob"}));
  score.idempotent =
      host.findings.empty() && host.manifest() == cleaned && second.done &&
      std::none_of(second.done->items.begin(), second.done->items.end(),
                   [](const auto& item) { return item.outcome == model::Outcome::kFailed; });
  if (!score.idempotent) score.note += " second: " + second.text();

  const auto undone = host.run(host.undo_request(request));
  score.undone = undone.state() == HostState::kUndone && host.manifest() == manifest;
  if (!score.undone) score.note += " undo: " + undone.text();
  return score;
}

// A service gets another Start and is found no more; an order to disable anything else is refused.
Disabling score_disabling(ActHost& host, const WindowsCase& one, const model::Order& order) {
  Disabling score;
  const std::string manifest = host.manifest();
  const Lines infected = lines_of(host);
  host.findings = host.dry_run = findings_of(host, one);
  if (host.findings.empty()) return {false, mark(false), "not found"};
  const auto& entry = std::get<model::PersistenceIdentity>(host.findings.front().identity);

  const auto request = host.request(order, {"alice", "bob"});
  const auto answer = host.run(request);
  score.note = answer.text();
  if (plan::disabling_of(entry) == model::Disabling::kNone) {
    score.word = "no: remove it";
    score.good = answer.state() == HostState::kRefused &&
                 answer.reason() == model::Reason::kCapability && host.manifest() == manifest;
    return score;
  }
  const Lines changed = difference(infected, lines_of(host));
  const bool is_only_start =
      changed.size() == 2 && std::all_of(changed.begin(), changed.end(), [](const auto& line) {
        return line.find("] Start = REG_DWORD ") != std::string::npos;
      });
  const bool is_off = findings_of(host, one).empty();
  const auto undone = host.run(host.undo_request(request));
  score.good = answer.state() == HostState::kCleaned && is_only_start && is_off &&
               undone.state() == HostState::kUndone && host.manifest() == manifest;
  score.note += " undo: " + undone.text();
  score.word = mark(score.good);
  return score;
}

class WindowsCoverage : public testing::Test {
 protected:
  WindowsCoverage() {
    host_.policy = marked();
    host_.policy.platform = model::Platform::kWindows;
    for (const auto& [path, content] : windows_volume(nullptr).contents())
      put(host_, path, to_text(content));
  }
  ActHost host_;
};

TEST_F(WindowsCoverage, AFindingOfANeighbourIsNotNoticed) {
  std::string found;
  const auto findings = act::real_scan(host_, host_.policy).result.findings;
  for (const model::Finding& finding : findings)
    found += std::get<model::PersistenceIdentity>(finding.identity).entry + "\n";
  EXPECT_EQ(findings.size(), windows_cases().size()) << found;
}

TEST_F(WindowsCoverage, AKindOfPersistenceIsMissedHalfRemovedOrTakesSomethingElseAlong) {
  model::Order order = host_.order();
  std::vector<Row> rows;
  for (const WindowsCase& one : windows_cases()) {
    rows.push_back({one.kind, one.what, false, score(host_, one, order)});
    order.nonce.value[0] += 2;
    EXPECT_TRUE(rows.back().score.is_removed_and_back())
        << name(one.kind) << ", " << one.what << ": " << rows.back().score.note;
  }
  host_.policy.responses[0].actions[0].kind = model::ActionKind::kDisable;
  order = host_.order();
  order.nonce.value[1] = 1;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Disabling& disabling = rows[i].score.disabling =
        score_disabling(host_, windows_cases()[i], order);
    ++order.nonce.value[0];
    EXPECT_TRUE(disabling.good) << rows[i].what << ": " << disabling.note;
  }
  const std::string measured = table(rows, true);
  std::printf("%s\n", measured.c_str());
  EXPECT_EQ(test::measured("docs/coverage.md", "tests/host of Windows", measured), measured)
      << "FLEETSWEEP_UPDATE_GOLDEN=1 writes what was measured";
}

}  // namespace
}  // namespace fleetsweep::host
