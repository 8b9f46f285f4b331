// Each family of the catalogue on its own look-alikes: found, cleaned, looked for again, undone.
// The near-misses beside them are the collateral, which must be none.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "policies/compiler/compiler.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "tests/agent/catalog/plant.h"

namespace fleetsweep::catalog {
namespace {

using act::ActHost;
using act::Answer;

model::Policy compiled(const std::string& family) {
  const auto result = compiler::compile_file(
      std::string(FS_SOURCE_DIR) + "/policies/catalog/" + family + "/policy.yaml",
      std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  FS_ASSERT(result.has_value() && result->ok());
  return result->policy;
}

// What the real fleetsweep-scan says of the host, as it says it to core.
model::ScanDone scanned(const ActHost& host, const model::Policy& policy) {
  auto both = runtime::Pipe::pair();
  FS_ASSERT(both.has_value());
  int key[2];
  EXPECT_EQ(::pipe2(key, O_CLOEXEC), 0);
  EXPECT_EQ(::write(key[1], host.mac_key.data(), host.mac_key.size()),
            static_cast<ssize_t>(host.mac_key.size()));
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int pipe_end = ::fcntl(both->second.fd(), F_DUPFD, 10);
    const int key_end = ::fcntl(key[0], F_DUPFD, 10);
    ::dup2(pipe_end, 3);
    ::dup2(key_end, 4);
    ::execl(FS_BINARY_DIR "/fleetsweep-scan", "fleetsweep-scan", "--root", host.root().c_str(),
            nullptr);
    ::_exit(127);
  }
  ::close(key[0]);
  ::close(key[1]);
  (void)runtime::Pipe(std::move(both->second));
  model::ScanRequest request;
  request.policy = codec::encode(policy);
  request.facts = {.os = "linux", .kernel = "6.1.0"};
  EXPECT_TRUE(both->first.send(request));
  model::ScanDone done;
  for (bool waits = true; waits;) {
    auto received = both->first.receive(std::chrono::seconds(120));
    EXPECT_TRUE(received) << "no answer";
    if (!received) break;
    if (auto* end = std::get_if<model::ScanDone>(&received->message)) {
      done = std::move(*end);
      waits = false;
    }
  }
  ::waitpid(pid, nullptr, 0);
  EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
  return done;
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
  bool verified = false, idempotent = false, undone = false;
};

class CatalogClean : public testing::TestWithParam<const char*> {
 protected:
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

  void print(const std::string& family) const {
    std::printf(
        "%-18s detected %zu of %zu, reverted %zu of %zu, collateral %zu of %zu, verified %s, "
        "idempotent %s, undone %s\n",
        family.c_str(), score_.detected, score_.planted, score_.reverted, score_.to_go,
        score_.collateral, score_.near_misses, score_.verified ? "yes" : "NO",
        score_.idempotent ? "yes" : "NO", score_.undone ? "yes" : "NO");
  }

  ActHost host_;
  std::vector<Planted> planted_;
  Score score_;
};

TEST_P(CatalogClean, AFamilyIsMissedOrTakesItsNeighbourWithIt) {
  const std::string family = GetParam();
  const model::Policy policy = compiled(family);
  planted_ = plant(family, host_);
  for (const Planted& one : planted_) {
    score_.to_go += one.expected == Expected::kGoes;
    ++(one.expected == Expected::kStays ? score_.near_misses : score_.planted);
  }
  host_.policy = policy;
  const std::string before = host_.manifest();

  const model::ScanDone dry_run = scanned(host_, policy);
  look(dry_run.result.findings);
  const bool only_reports = policy.verify.expect_none_of.empty();
  EXPECT_EQ(acts_upon(policy, dry_run.result.verdicts), !only_reports);
  if (!only_reports) {
    const auto request = request_for(dry_run, host_.order());
    const Answer cleaned = host_.run(request);
    EXPECT_EQ(cleaned.state(), model::HostState::kCleaned) << cleaned.text();
    count_what_went();

    const model::ScanDone again = scanned(host_, policy);
    score_.verified = !acts_upon(policy, again.result.verdicts);
    EXPECT_TRUE(score_.verified) << "a rescan finds it again";

    const std::string after = host_.manifest();
    model::Order second = host_.order();
    second.schedule.not_after += Seconds(1);
    if (score_.verified) host_.run(request_for(again, second));
    score_.idempotent = host_.manifest() == after;
    EXPECT_TRUE(score_.idempotent) << "the second cleaning changed something";

    const Answer undone = host_.run(host_.undo_request(request));
    EXPECT_EQ(undone.state(), model::HostState::kUndone) << undone.text();
  } else {
    score_.verified = score_.idempotent = true;
    count_what_went();
  }
  score_.undone = host_.manifest() == before;
  EXPECT_EQ(host_.manifest(), before);
  print(family);
}

INSTANTIATE_TEST_SUITE_P(Families, CatalogClean,
                         testing::Values("lookalike", "eicar", "kinsing", "xorddos", "perfctl",
                                         "outlaw", "bpfdoor", "xz-backdoor", "web-shells",
                                         "mirai-like", "coinminer-generic"));

}  // namespace
}  // namespace fleetsweep::catalog
