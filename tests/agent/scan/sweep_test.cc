// Several policies in one walk: each is answered as if it had been alone.

#include "agent/scan/sweep.h"

#include <fstream>

#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "tests/agent/scan/tree.h"
#include "tests/wait.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::Match;
using model::ObjectKind;
using nlohmann::json;

model::Policy by_rule(const std::string& text) {
  model::Policy policy;
  policy.rules.push_back({.id = "r",
                          .source = "rule R { strings: $a = \"" + text + "\" condition: $a }",
                          .license = "Apache-2.0"});
  policy.detections.push_back({.id = "rule", .object = ObjectKind::kFile, .rule = 0});
  return policy;
}

TEST(Sweep, AFindingIsCountedUnderAnotherPolicy) {
  const model::Policy one = by_rule("LOOKALIKE"), two = by_rule("another");
  const model::Policy all[] = {one, two, one};
  const Sweep sweep(all);
  ASSERT_EQ(sweep.policy().detections.size(), 3u);
  EXPECT_EQ(sweep.policy().rules.size(), 2u) << "the same rule is there once";
  EXPECT_EQ(sweep.policy().detections[2].rule, sweep.policy().detections[0].rule);
  EXPECT_EQ(sweep.bit_of(2), Policies{4});
  std::vector<model::Finding> found(3);
  for (std::uint32_t i = 0; i < 3; ++i) found[i].number = i;
  found[0].detection = 1;
  found[1].detection = 2;
  found[2].detection = 2;
  found[2].joined = 1;
  EXPECT_TRUE(sweep.findings_of(0, found).empty());
  const auto own = sweep.findings_of(2, found);
  ASSERT_EQ(own.size(), 2u);
  EXPECT_EQ(own[1].detection, 0);
  EXPECT_EQ(own[1].number, 1u);
  EXPECT_EQ(own[1].joined, 0u);
}

TEST(Sweep, ANeighbourRaisesTheLimitOfAPolicy) {
  model::Policy slow = by_rule("LOOKALIKE"), fast = slow;
  slow.limits.cpu_percent = 10;
  slow.limits.iops = 300;
  fast.limits.cpu_percent = 50;
  fast.limits.iops = 0;  // none
  for (const auto& both : {std::vector{slow, fast}, std::vector{fast, slow}}) {
    const model::PolicyLimits limits = Sweep(both).policy().limits;
    EXPECT_EQ(limits.cpu_percent, 10u);
    EXPECT_EQ(limits.iops, 300u);
  }
}

class SweepTest : public TreeTest {
 protected:
  std::vector<json> scan_together(const std::vector<model::Policy>& policies) {
    std::string options;
    for (std::size_t i = 1; i < policies.size(); ++i) {
      const auto file = folder_ / ("policy" + std::to_string(i));
      const Bytes bytes = codec::encode(policies[i]);
      std::ofstream(file, std::ios::binary) << as_text(bytes);
      options += " --policy '" + file.string() + "'";
    }
    const json result = scan(policies[0], "", options);
    EXPECT_TRUE(result.is_array()) << result;
    return result;
  }

  // What must not depend on the company.
  static json essence(const json& result) {
    json kept;
    for (const char* key : {"reason", "scanned", "unscannable", "unscannable_paths", "verdicts"})
      kept[key] = result[key];
    std::set<std::string> findings;
    for (json finding : result["findings"]) {
      finding.erase("number");
      finding.erase("joined");
      findings.insert(finding.dump());
    }
    kept["findings"] = findings;
    return kept;
  }
};

TEST_F(SweepTest, APolicyIsAnsweredOtherwiseThanAlone) {
  Prng random(5);
  const std::vector<std::string> contents = {"hello\n",
                                             "LOOKALIKE",
                                             "#!/bin/sh\nLOOKALIKE another",
                                             "",
                                             "another",
                                             "\x7f"
                                             "ELF"};
  for (int i = 0; i < 30; ++i)
    write("/" + std::string(random.chance(0.5) ? "tmp" : "opt") + "/d" +
              std::to_string(random.below(3)) + "/f" + std::to_string(random.below(6)),
          contents[random.below(contents.size())]);
  write("/etc/crontab", "* * * * * root /tmp/d1/f1\n");
  const auto any = [&]() -> model::Policy {
    model::Policy policy;
    switch (random.below(5)) {
      case 0:
        policy = by_rule(random.chance(0.5) ? "LOOKALIKE" : "another");
        break;
      case 1:
        policy.detections.push_back(detection(
            "hash", ObjectKind::kFile,
            {is(Field::kFileSha256, sha256_hex(contents[random.below(contents.size())]))}));
        break;
      case 2:
        policy.detections.push_back(
            detection("name", ObjectKind::kFile,
                      {is(Field::kFileName, "f" + std::to_string(random.below(6)))}));
        policy.detections.push_back(
            detection("elf", ObjectKind::kFile, {is(Field::kFileMagic, "elf")}));
        policy.detections.back().for_each = 0;
        break;
      case 3:
        policy.detections.push_back(
            detection("cron", ObjectKind::kPersistence,
                      {is(Field::kPersistenceCommand, "/tmp/", Match::kContains)}));
        break;
      default:
        policy = by_rule("LOOKALIKE");
        policy.detections[0].scope.paths = {"/tmp/d1"};
        policy.detections.push_back(
            detection("other", ObjectKind::kFile, {is(Field::kFileName, "f2")}));
    }
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    return policy;
  };
  for (int round = 0; round < 8; ++round) {
    std::vector<model::Policy> policies;
    for (std::uint64_t i = 0; i < 2 + random.below(5); ++i) policies.push_back(any());
    const auto together = scan_together(policies);
    ASSERT_EQ(together.size(), policies.size());
    for (std::size_t i = 0; i < policies.size(); ++i)
      EXPECT_EQ(essence(together[i]), essence(scan(policies[i]))) << round << " " << i;
  }
}

// A process with a long environment and with memory that cannot be read.
TEST_F(SweepTest, APolicyHearsWhatAnotherMissesOfAProcess) {
  write("/helper.c", R"(
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>
int main() {
  int file = memfd_create("x", 0);
  if (mmap(0, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) == MAP_FAILED) return 1;
  return pause();
})");
  fs::create_directories(at("/opt"));
  const std::string make =
      "cc -o '" + at("/opt/lookalike").string() + "' '" + at("/helper.c").string() + "'";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const auto name = [](int i) { return "FLEETSWEEP_" + std::to_string(i); };
  for (int i = 0; i < 5000; ++i) ::setenv(name(i).c_str(), "", 1);
  const pid_t pid = start_program("/opt/lookalike");
  for (int i = 0; i < 5000; ++i) ::unsetenv(name(i).c_str());
  const std::string maps = "/proc/" + std::to_string(pid) + "/maps";
  ASSERT_TRUE(until([&] {
    std::ifstream file(maps);
    return std::string{std::istreambuf_iterator<char>(file), {}}.find("memfd:") !=
           std::string::npos;
  }));
  model::Policy names, environment, memory;
  names.detections = {
      detection("d", ObjectKind::kProcess, {is(Field::kProcessName, "none of this name")})};
  environment.detections = {
      detection("d", ObjectKind::kProcess, {is(Field::kProcessEnvironmentNames, "NOT_THERE")})};
  memory = by_rule("none of this text");
  memory.detections = {
      detection("d", ObjectKind::kProcess, {is(Field::kProcessExePath, "/opt/lookalike")})};
  memory.detections[0].rule = 0;
  const auto results = scan_together({names, environment, memory});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0]["partial"], 0) << results[0].dump(1);
  ASSERT_EQ(results[1]["partial"], 1) << results[1].dump(1);
  EXPECT_NE(results[1]["partial_paths"].dump().find("/environ: only 4096"), std::string::npos);
  ASSERT_EQ(results[2]["partial"], 1) << results[2].dump(1);
  EXPECT_NE(results[2]["partial_paths"].dump().find("memory of process"), std::string::npos);
}

TEST_F(SweepTest, APolicyThatFindsTooMuchTakesTheOthersAlong) {
  for (const char* folder : {"/a", "/b"}) write(std::string(folder) + "/mark", "LOOKALIKE");
  model::Policy narrow = by_rule("LOOKALIKE");
  narrow.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  model::Policy wide = narrow;
  narrow.limits.rows = 1;
  const auto results = scan_together({narrow, wide});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0]["reason"], "limit");
  EXPECT_TRUE(results[0]["findings"].empty());
  EXPECT_EQ(results[1]["reason"], "none");
  EXPECT_EQ(results[1]["findings"].size(), 2u);
}

TEST_F(SweepTest, AMalformedOrUnfitPolicyTakesTheOthersAlong) {
  write("/evil", "LOOKALIKE");
  model::Policy broken = by_rule("x");
  broken.rules[0].source = "rule {";
  model::Policy pattern;
  pattern.detections.push_back(
      detection("d", ObjectKind::kFile, {is(Field::kFileName, "(?!x)", Match::kRegex)}));
  model::Policy foreign = by_rule("LOOKALIKE");
  foreign.platform = model::Platform::kWindows;
  const auto done = scan_together({broken, by_rule("LOOKALIKE"), pattern, foreign});
  ASSERT_EQ(done.size(), 4u);
  EXPECT_EQ(done[0]["reason"], "malformed");
  EXPECT_EQ(done[2]["reason"], "malformed");
  EXPECT_EQ(done[3]["reason"], "platform");
  EXPECT_EQ(done[1]["reason"], "none");
  EXPECT_EQ(files(done[1]), std::set<std::string>{"rule /evil"});
}

}  // namespace
}  // namespace fleetsweep::scan
