// Each family of the catalogue on its own look-alikes: found, cleaned, looked for again, undone.
// The near-misses beside them are the collateral, which must be none. The second table of
// docs/coverage.md is what came out; FLEETSWEEP_UPDATE_GOLDEN=1 writes it.

#include <cstdio>
#include <filesystem>

#include "agent/plan/binding.h"
#include "policies/compiler/compiler.h"
#include "protocol/base/assert.h"
#include "tests/agent/act/real_scan.h"
#include "tests/agent/catalog/plant.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep::catalog {
namespace {

using act::ActHost;
using act::Answer;
using act::real_scan;

model::Policy compiled(const std::string& family) {
  const auto result = compiler::compile_file(
      std::string(FS_SOURCE_DIR) + "/policies/catalog/" + family + "/policy.yaml",
      std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  FS_ASSERT(result.has_value() && result->ok());
  return result->policy;
}

bool acts_upon(const model::Policy& policy, const std::vector<std::uint16_t>& verdicts) {
  const auto& gone = policy.verify.expect_none_of;
  return std::any_of(verdicts.begin(), verdicts.end(), [&](std::uint16_t verdict) {
    return std::find(gone.begin(), gone.end(), verdict) != gone.end();
  });
}

// One row of the table: N of M each.
struct Score {
  std::size_t planted = 0, detected = 0;
  std::size_t to_go = 0, reverted = 0;
  std::size_t near_misses = 0, collateral = 0;
  bool only_reports = false, verified = false, idempotent = false, undone = false;
};

class Cleaning {
 public:
  explicit Cleaning(const std::string& family) : policy_(compiled(family)) {
    planted_ = plant(family, policy_.platform, host_);
    for (const Planted& one : planted_) {
      score_.to_go += one.expected == Expected::kGoes;
      ++(one.expected == Expected::kStays ? score_.near_misses : score_.planted);
    }
    host_.policy = policy_;
    score_.only_reports = policy_.verify.expect_none_of.empty();
  }

  // A failure of the test for each thing that went wrong.
  Score score() {
    const std::string before = host_.manifest();
    const model::ScanDone dry_run = real_scan(host_, policy_);
    look(dry_run.result.findings);
    EXPECT_EQ(acts_upon(policy_, dry_run.result.verdicts), !score_.only_reports);
    if (score_.only_reports) {
      score_.verified = score_.idempotent = true;
      count_what_went();
    } else {
      clean_twice_and_undo(dry_run);
    }
    score_.undone = host_.manifest() == before;
    EXPECT_EQ(host_.manifest(), before);
    return score_;
  }

 private:
  void clean_twice_and_undo(const model::ScanDone& dry_run) {
    const auto request = request_for(dry_run, host_.order());
    const Answer cleaned = host_.run(request);
    EXPECT_EQ(cleaned.state(), model::HostState::kCleaned) << cleaned.text();
    count_what_went();

    const model::ScanDone again = real_scan(host_, policy_);
    score_.verified = !acts_upon(policy_, again.result.verdicts);
    EXPECT_TRUE(score_.verified) << "a rescan finds it again";

    const std::string after = host_.manifest();
    model::Order second = host_.order();
    second.schedule.not_after += Seconds(1);
    if (score_.verified) host_.run(request_for(again, second));
    score_.idempotent = host_.manifest() == after;
    EXPECT_TRUE(score_.idempotent) << "the second cleaning changed something";

    const Answer undone = host_.run(host_.undo_request(request));
    EXPECT_EQ(undone.state(), model::HostState::kUndone) << undone.text();
  }

  void look(const std::vector<model::Finding>& findings) {
    for (const Planted& one : planted_) {
      const bool found = one.is_found_in(findings);
      if (one.expected == Expected::kStays) {
        EXPECT_FALSE(found) << "a near-miss is found: " << one.described();
        continue;
      }
      score_.detected += found;
      EXPECT_TRUE(found) << "not found: " << one.described();
    }
  }

  void count_what_went() {
    for (const Planted& one : planted_) {
      const bool gone = one.is_gone_from(host_);
      if (one.expected == Expected::kGoes) {
        score_.reverted += gone || one.shape == Shape::kGhost;
        EXPECT_TRUE(gone) << "still there: " << one.described();
      } else {
        score_.collateral += gone && one.shape != Shape::kGhost;
        EXPECT_TRUE(!gone || one.shape == Shape::kGhost) << "gone: " << one.described();
      }
    }
  }

  model::ActRequest request_for(const model::ScanDone& done, const model::Order& order) {
    host_.findings = done.result.findings;
    host_.dry_run = done.result.findings;
    model::ActRequest request = host_.request(order, {"alice", "bob"});
    request.verdicts = done.result.verdicts;
    return request;
  }

  model::Policy policy_;
  ActHost host_;
  std::vector<Planted> planted_;
  Score score_;
};

std::string row(const std::string& family, const Score& score) {
  const auto mark = [](bool good) { return good ? "yes" : "**no**"; };
  return fmt::format(
      "| `{}` | {} of {} | {} | {} of {} | {} | {} | {} |\n", family, score.detected, score.planted,
      score.only_reports ? "reported only" : fmt::format("{} of {}", score.reverted, score.to_go),
      score.collateral, score.near_misses, mark(score.verified), mark(score.idempotent),
      mark(score.undone));
}

TEST(CatalogClean, AFamilyIsMissedOrTakesItsNeighbourWithIt) {
  std::string measured =
      "| policy | detected | cleaned | collateral | verified | idempotent | undone |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const char* family :
       {"bpfdoor", "coinminer-generic", "eicar", "exchange-web-shells", "kinsing", "lookalike",
        "mirai-like", "outlaw", "perfctl", "web-shells", "xorddos", "xz-backdoor"}) {
    SCOPED_TRACE(family);
    measured += row(family, Cleaning(family).score());
  }
  std::printf("%s\n", measured.c_str());
  EXPECT_EQ(test::measured("docs/coverage.md", "tests/agent/catalog", measured), measured)
      << "FLEETSWEEP_UPDATE_GOLDEN=1 writes what was measured";
}

// A script of cron is a file, and an entry; a line of a file in cron.d stands in that file.
TEST(CatalogClean, AFileThatIsItsOwnEntryIsTwoWitnesses) {
  constexpr struct {
    const char *family, *path, *text;
  } kAlone[] = {{"xorddos", "/etc/cron.hourly/gcc.sh", "#!/bin/sh\necho look-alike\n"},
                {"perfctl", "/etc/cron.daily/perfclean", "#!/bin/sh\necho the owner's\n"},
                {"perfctl", "/etc/cron.d/perfclean", "0 3 * * * root /opt/perf/bin/perfclean\n"}};
  for (const auto& one : kAlone) {
    SCOPED_TRACE(one.path);
    ActHost host;
    const model::Policy policy = compiled(one.family);
    std::filesystem::create_directories(std::filesystem::path(host.at(one.path)).parent_path());
    act::write_text(host.at(one.path), one.text);
    std::filesystem::permissions(host.at(one.path), std::filesystem::perms(0755));
    const model::ScanDone done = real_scan(host, policy);
    EXPECT_GE(done.result.findings.size(), 1u);
    EXPECT_FALSE(acts_upon(policy, done.result.verdicts));
  }
}

// As on a real host: the bot wiped the owner's key.
TEST(CatalogClean, ABotThatLeftRootItsOwnKeyAloneIsNotCleanedAtAll) {
  ActHost host;
  host.policy = compiled("outlaw");
  plant("outlaw", host.policy.platform, host);
  const std::string keys = host.at("/root/.ssh/authorized_keys");
  act::write_text(keys, "ssh-rsa AAAALOOKALIKE mdrfckr\n");
  const model::ScanDone before = real_scan(host, host.policy);
  host.findings = host.dry_run = before.result.findings;
  model::ActRequest request = host.request();
  request.verdicts = before.result.verdicts;
  const Answer cleaned = host.run(request);
  EXPECT_EQ(cleaned.state(), model::HostState::kResidual) << cleaned.text();
  EXPECT_NE(cleaned.text().find("root would have no key to log in with"), std::string::npos)
      << cleaned.text();
  EXPECT_EQ(act::read_text(keys), "ssh-rsa AAAALOOKALIKE mdrfckr\n");
  std::size_t left = 0;
  for (const model::Finding& finding : real_scan(host, host.policy).result.findings) {
    const auto* entry = std::get_if<model::PersistenceIdentity>(&finding.identity);
    EXPECT_TRUE(entry && entry->kind == model::PersistenceKind::kAuthorizedKey)
        << plan::object_key(finding.identity);
    ++left;
  }
  EXPECT_EQ(left, 1u) << "the key is found again";
}

// Lines have no identity of their own: put back unchanged they are what they were. That act took
// them away is what tells that somebody put them back.
TEST(CatalogClean, WhatActRemovedIsNotKnownAgainWhenItIsPutBack) {
  for (const char* family : {"kinsing", "outlaw"}) {
    SCOPED_TRACE(family);
    ActHost host;
    host.policy = compiled(family);
    plant(family, host.policy.platform, host);
    act::output_of("cp -a " + host.root() + " " + host.root() + ".saved");
    const model::ScanDone before = real_scan(host, host.policy);
    host.findings = host.dry_run = before.result.findings;
    model::ActRequest request = host.request();
    request.verdicts = before.result.verdicts;
    const Answer cleaned = host.run(request);
    ASSERT_EQ(cleaned.state(), model::HostState::kCleaned) << cleaned.text();
    act::output_of("chattr -Rf -i " + host.root() + "; cp -a --remove-destination " + host.root() +
                   ".saved/. " + host.root());
    std::size_t lines = 0, files = 0;
    for (const model::Finding& finding : real_scan(host, host.policy).result.findings) {
      const auto* entry = std::get_if<model::PersistenceIdentity>(&finding.identity);
      lines += entry && !entry->entry.empty();
      files += std::holds_alternative<model::FileIdentity>(finding.identity);
      const auto& removed = cleaned.done->removed;
      EXPECT_NE(std::ranges::find(removed, plan::object_digest(finding.identity)), removed.end())
          << plan::object_key(finding.identity);
    }
    EXPECT_GT(lines, 0u);
    EXPECT_GT(files, 0u);
  }
}

}  // namespace
}  // namespace fleetsweep::catalog
