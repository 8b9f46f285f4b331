// Every kind of persistence: planted as a harmless look-alike beside all the others, found by the
// real scanner, removed by the real act, looked for again, removed again, and put back. The first
// table of docs/coverage.md is what came out; FLEETSWEEP_UPDATE_GOLDEN=1 writes it.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/plan/guard.h"
#include "tests/agent/act/real_scan.h"
#include "tests/host/cases.h"
#include "tests/host/planted.h"
#include "tests/host/score.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep::host {
namespace {

namespace fs = std::filesystem;
using act::ActHost;
using act::real_scan;
using model::HostState;

// Everything, so that each is a neighbour of each.
void plant(const ActHost& host) {
  for (const Neighbour& one : neighbours()) put(host, one.path, one.content, one.mode);
  for (const Case& one : cases()) {
    put(host, one.path, one.before, one.mode);
    if (!one.capability.empty())
      act::output_of("setcap " + one.capability + " " + host.at(one.path));
    if (one.link.empty()) continue;
    fs::create_directories(fs::path(host.at(one.link)).parent_path());
    fs::create_symlink(one.target, host.at(one.link));
  }
  fs::create_symlink("dotfiles/bash_profile", host.at("/home/alice/.bash_profile"));
}

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.insert(line);
  return lines;
}

// Paths of which anything differs, attributes and content.
std::set<std::string> changed(const std::string& before, const std::string& after) {
  std::set<std::string> paths;
  for (const std::string& line : difference(lines_of(before), lines_of(after)))
    paths.insert("/" + line.substr(0, line.find(' ')));
  return paths;
}

bool is_clean(const ActHost& host, const Case& one) {
  if (!one.link.empty() && fs::is_symlink(host.at(one.link))) return false;
  if (!one.after) return !fs::exists(host.at(one.path));
  return act::read_text(host.at(one.path)) == *one.after;
}

// What the real scanner finds of this case now.
std::vector<model::Finding> findings_of(const ActHost& host, const Case& one) {
  std::vector<model::Finding> found;
  for (model::Finding& finding : real_scan(host, host.policy).result.findings) {
    const auto& entry = std::get<model::PersistenceIdentity>(finding.identity);
    if (entry.kind == one.kind && entry.file.path == one.path) found.push_back(std::move(finding));
  }
  return found;
}

// On a host that holds them all, and holds them all again afterwards if it is undone. `order` is
// one that the host has not seen, and so is the one after it.
Score score(ActHost& host, const Case& one, model::Order order) {
  Score score;
  const std::string manifest = host.manifest(), contents = host.contents();
  host.findings = host.dry_run = findings_of(host, one);
  std::vector<std::uint32_t> lines;
  for (const model::Finding& finding : host.findings)
    lines.push_back(std::get<model::PersistenceIdentity>(finding.identity).line);
  score.detected = lines == one.lines;
  if (!score.detected) {
    score.note = fmt::format("found {} entries", lines.size());
    return score;
  }

  const auto request = host.request(order, {"alice", "bob"});
  const auto answer = host.run(request);
  auto differs = changed(contents, host.contents());
  if (one.only_reported) {
    score.reverted = score.idempotent = score.undone =
        answer.state() == HostState::kRefused && answer.reason() == model::Reason::kProtected &&
        host.manifest() == manifest;
    score.note = answer.done ? answer.done->detail : "";
    score.collateral = differs.size();
    return score;
  }
  score.reverted = answer.state() == HostState::kCleaned && is_clean(host, one);
  if (!score.reverted) score.note = answer.text();
  differs.erase(one.path);
  differs.erase(one.link);
  score.collateral = differs.size();
  for (const std::string& path : differs) score.note += " also changed: " + path;

  // Looked for again, and cleaned again.
  host.findings = findings_of(host, one);
  const std::string cleaned = host.manifest();
  ++order.nonce.value[0];
  const auto second = host.run(host.request(order, {"alice", "bob"}));
  score.idempotent =
      host.findings.empty() && host.manifest() == cleaned &&
      std::none_of(second.done->items.begin(), second.done->items.end(),
                   [](const auto& item) { return item.outcome == model::Outcome::kFailed; });
  if (!score.idempotent) score.note += " second: " + second.text();

  const auto undone = host.run(host.undo_request(request));
  score.undone = undone.state() == HostState::kUndone && host.manifest() == manifest;
  if (!score.undone) {
    score.note += " undo: " + undone.text();
    for (const std::string& path : changed(manifest, host.manifest())) score.note += " " + path;
  }
  return score;
}

// The same with `disable`: what nothing turns off is refused, and everything else stays where it is
// and is put back. A unit is found again without its links: other units can still ask for it.
Disabling score_disabling(ActHost& host, const Case& one, const model::Order& order) {
  Disabling score;
  const std::string manifest = host.manifest(), contents = host.contents();
  host.findings = host.dry_run = findings_of(host, one);
  if (host.findings.empty()) return {false, mark(false), "not found"};
  const auto& entry = std::get<model::PersistenceIdentity>(host.findings.front().identity);
  const model::Disabling by = plan::disabling_of(entry);

  const auto request = host.request(order, {"alice", "bob"});
  const auto answer = host.run(request);
  if (one.only_reported || by == model::Disabling::kNone) {
    score.word = one.only_reported ? "reported only" : "no: remove it";
    const model::Reason why =
        one.only_reported ? model::Reason::kProtected : model::Reason::kCapability;
    score.good = answer.state() == HostState::kRefused && host.manifest() == manifest &&
                 (answer.reason() == why || by == model::Disabling::kNone);
    if (!score.good) score.note = answer.text();
    return score;
  }
  auto differs = changed(contents, host.contents());
  const bool is_done = answer.state() == HostState::kCleaned && host.manifest() != manifest;
  if (!is_done) score.note = answer.text();
  differs.erase(one.path);
  differs.erase(one.link);
  for (const std::string& path : differs) score.note += " also changed: " + path;
  const bool is_off = fs::exists(host.at(one.path)) &&
                      (by == model::Disabling::kLinks ? !fs::is_symlink(host.at(one.link))
                                                      : findings_of(host, one).empty());
  if (!is_off) score.note += " still starts, or is gone";
  const auto undone = host.run(host.undo_request(request));
  const bool is_back = undone.state() == HostState::kUndone && host.manifest() == manifest;
  if (!is_back) {
    score.note += " undo: " + undone.text();
    for (const std::string& path : changed(manifest, host.manifest())) score.note += " " + path;
  }
  score.good = is_done && differs.empty() && is_off && is_back;
  score.word = mark(score.good);
  return score;
}

// "kind path:line", which neighbours have too if they are found.
std::string entry_of(model::PersistenceKind kind, const std::string& path, std::uint32_t line) {
  return fmt::format("{} {}:{}", name(kind), path, line);
}

TEST(Coverage, AFindingOfANeighbourIsNotNoticed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: set-uid programs and capabilities";
  ActHost host;
  host.policy = marked();
  plant(host);
  std::set<std::string> planted, found;
  for (const Case& one : cases())
    for (const std::uint32_t line : one.lines) planted.insert(entry_of(one.kind, one.path, line));
  const auto done = real_scan(host, host.policy);
  for (const model::Finding& finding : done.result.findings) {
    const auto& entry = std::get<model::PersistenceIdentity>(finding.identity);
    found.insert(entry_of(entry.kind, entry.file.path, entry.line));
  }
  EXPECT_EQ(found, planted);
  EXPECT_EQ(done.result.findings.size(), planted.size());
}

TEST(Coverage, AKindOfPersistenceIsMissedHalfRemovedOrTakesSomethingElseAlong) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: owners, set-uid programs and capabilities";
  ActHost host;
  host.policy = marked();
  plant(host);
  model::Order order = host.order();
  const std::vector<Case> all = cases();
  std::vector<Row> rows;
  for (const Case& one : all) {
    rows.push_back({one.kind, one.what, one.only_reported, score(host, one, order)});
    order.nonce.value[0] += 2;
    EXPECT_TRUE(rows.back().score.is_removed_and_back())
        << name(one.kind) << ", " << one.what << ": " << rows.back().score.note;
  }
  host.policy.responses[0].actions[0].kind = model::ActionKind::kDisable;
  order = host.order();
  order.nonce.value[1] = 1;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Disabling& disabling = rows[i].score.disabling = score_disabling(host, all[i], order);
    ++order.nonce.value[0];
    EXPECT_TRUE(disabling.good) << name(all[i].kind) << ", " << all[i].what << ": "
                                << disabling.note;
  }
  const std::string measured = table(rows, false);
  std::printf("%s\n", measured.c_str());

  EXPECT_EQ(test::measured("docs/coverage.md", "tests/host", measured), measured)
      << "FLEETSWEEP_UPDATE_GOLDEN=1 writes what was measured";
}

}  // namespace
}  // namespace fleetsweep::host
