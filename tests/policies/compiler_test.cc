#include "policies/compiler/compiler.h"

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using model::Field;
using model::Match;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kFixtures = std::string(FS_SOURCE_DIR) + "/tests/policies/fixtures/";

const model::Detection& detection(const Compiled& compiled, std::string_view id) {
  for (const auto& d : compiled.policy.detections)
    if (d.id == id) return d;
  FS_ASSERT(false);
}

TEST(Compiler, ACorrectPolicyIsComplainedAbout) {
  const auto compiled = compile(sample_policy());
  EXPECT_THAT(lines_of(compiled.diagnostics), IsEmpty());
  EXPECT_TRUE(compiled.ok());
  EXPECT_EQ(compiled.policy.detections.size(), 3u);
}

TEST(Compiler, ThePublishedExamplesDoNotCompile) {
  const auto kinsing = *compile_file(kFixtures + "kinsing.yaml", test_now());
  EXPECT_TRUE(kinsing.ok());
  EXPECT_THAT(lines_of(kinsing.diagnostics), IsEmpty());
  const auto emotet = *compile_file(kFixtures + "emotet.yaml", test_now());
  EXPECT_TRUE(emotet.ok());
  EXPECT_THAT(
      lines_of(emotet.diagnostics),
      ElementsAre("13:16 warning: the policy was valid until 2021-10-25T00:00:00Z | review it "
                  "and set a later valid_until",
                  "99:3 warning: 'emotet_joined' with 'link_timestomp' alone names one kind of "
                  "object: hosts will not act on that | safety.require_independent is 2"));
}

TEST(Compiler, WhatTheAuthorSuggestsForAnOrderIsLost) {
  const auto compiled = *compile_file(kFixtures + "emotet.yaml", test_now());
  const auto& d = compiled.defaults;
  EXPECT_EQ(d.version, 3u);
  EXPECT_EQ(d.clock, model::Clock::kHostLocal);
  ASSERT_TRUE(d.not_before);
  EXPECT_EQ(to_rfc3339(*d.not_before), "2021-04-25T12:00:00Z");
  EXPECT_EQ(d.deadline, std::chrono::days(30));
  EXPECT_EQ(d.jitter, std::chrono::hours(4));
  EXPECT_TRUE(d.scan_ahead);
  EXPECT_THAT(d.windows, ElementsAre(model::Window{}));
  EXPECT_THAT(d.labels_all_of, ElementsAre("corp"));
  EXPECT_THAT(d.labels_none_of, ElementsAre("lab"));
  EXPECT_EQ(d.authority.legal_basis, "owner-consent");
  EXPECT_EQ(d.authority.reference, "CHG-2021-0425");
  EXPECT_EQ(d.approvals_required, 2);
  EXPECT_EQ(d.mode, SafetyMode::kPlan);
  EXPECT_EQ(d.fleet_stop.silent_after_permille, 5);
  EXPECT_EQ(compiled.policy.limits.undo_ttl, std::chrono::days(90));
  EXPECT_THAT(d.references, testing::Contains(testing::StartsWith("JPCERTCC EmoCheck: ")));
}

TEST(Compiler, AWindowOverMidnightIsEmpty) {
  const auto night = compile(
      sample_policy() + "schedule: {window: {days: [fri, sun], from: \"22:00\", to: \"06:00\"}}\n");
  ASSERT_TRUE(night.ok());
  EXPECT_THAT(night.defaults.windows,
              ElementsAre(model::Window{.days = 0b1010000, .from_minute = 1320, .to_minute = 1440},
                          model::Window{.days = 0b0100001, .from_minute = 0, .to_minute = 360}));
  EXPECT_THAT(mistakes(sample_policy() + "schedule: {window: {from: \"06:00\", to: \"06:00\"}}\n"),
              ElementsAre("39:20 error: the window is empty: 'from' and 'to' are the same | "));
}

TEST(Compiler, TheSameTextCompilesToOtherBytes) {
  for (const char* file : {"emotet.yaml", "kinsing.yaml"}) {
    const auto first = *compile_file(kFixtures + file, test_now());
    const auto second = *compile_file(kFixtures + file, test_now());
    EXPECT_EQ(codec::encode(first.policy), codec::encode(second.policy));
    const auto decoded = codec::decode<model::Policy>(codec::encode(first.policy));
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, first.policy);
  }
}

TEST(Compiler, AnAuthorityOrScheduleReachesTheAgents) {
  const auto plain = compile(sample_policy());
  const auto other = compile(
      with("reference: T-1", "reference: T-2", sample_policy() + "schedule: {repeat: 24h}\n"));
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(plain.policy, other.policy);
  EXPECT_NE(plain.defaults, other.defaults);
}

TEST(Compiler, SectionsInAnotherOrderMeanSomethingElse) {
  std::string text = sample_policy();
  const auto at = text.find("verdicts:");
  const auto end = text.find("responses:");
  const std::string verdicts = text.substr(at, end - at);
  text = text.erase(at, end - at) + verdicts;
  EXPECT_EQ(compile(text).policy, compile(sample_policy()).policy);
}

TEST(Compiler, AFaultyPolicyStillYieldsSomethingToSign) {
  const auto compiled = compile(with("kill", "slay"));
  EXPECT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.policy, model::Policy{});
}

TEST(Compiler, AnErrorBehindVeryManyWarningsIsForgotten) {
  std::string addresses;
  for (std::size_t i = 0; i < limits::kDiagnostics; ++i)
    addresses += fmt::format("{}10.1.{}.{}", i ? ", " : "", i / 256, i % 256);
  const auto text = with("\"@lists/c2\"", "[" + addresses + "]");
  EXPECT_TRUE(compile(text).ok());
  const auto compiled = compile(with("kill", "slay", text));
  EXPECT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.policy, model::Policy{});
  EXPECT_EQ(compiled.diagnostics.size(), limits::kDiagnostics);
  EXPECT_THAT(lines_of(compiled.diagnostics), testing::Contains(HasSubstr("'slay'")));
}

TEST(Compiler, AMissingFileLooksLikeAFaultyOne) {
  const auto missing = compile_file("/nonexistent/policy.yaml", test_now());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  const auto folder = compile_file("/", test_now());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().message, "'/' is not a file");
}

TEST(Compiler, LimitsAreUnlimitedWhenThePolicyIsSilent) {
  const auto limit = compile(sample_policy()).policy.limits;
  EXPECT_EQ(limit.items, 25u);
  EXPECT_EQ(limit.files, 25u);
  EXPECT_EQ(limit.independent_min, 2);
  EXPECT_EQ(limit.package_owned, model::PackageOwned::kNever);
  EXPECT_EQ(limit.timeout, Seconds(3600));
  EXPECT_EQ(limit.cpu_percent, 20);
}

TEST(Compiler, TheSumOfLimitsIsAboveWhatAnAgentAllows) {
  const auto compiled = compile(
      sample_policy() + "safety: {max_per_host: {file: 400, process: 400, persistence: 4}}\n");
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(compiled.policy.limits.items, 500u);
  EXPECT_EQ(compiled.policy.limits.files, 400u);
}

TEST(Compiler, OneLimitRaisesThatOfAll) {
  const auto items = [](const std::string& limits) {
    const auto compiled = compile(sample_policy() + "safety: {max_per_host: " + limits + "}\n");
    EXPECT_TRUE(compiled.ok()) << limits;
    return compiled.policy.limits.items;
  };
  EXPECT_EQ(items("{file: 3}"), 25u);
  EXPECT_EQ(items("{bytes: 1MiB}"), 25u);
  EXPECT_EQ(items("{file: 50}"), 50u);
  EXPECT_EQ(items("{file: 50, process: 200}"), 250u);
  EXPECT_EQ(items("{file: 50, items: 10}"), 10u);
}

TEST(Compiler, ADirectoryOfTheNameMatches) {
  const auto content = detection(compile(sample_policy()), "content");
  ASSERT_EQ(content.any_of.size(), 1u);
  ASSERT_EQ(content.any_of[0].size(), 1u);
  EXPECT_EQ(content.any_of[0][0].field, Field::kFileType);
  EXPECT_EQ(content.any_of[0][0].values[0].text, "regular");
}

TEST(Compiler, WholePathsCauseAWalkOverTheDisk) {
  const auto kinsing = *compile_file(kFixtures + "kinsing.yaml", test_now());
  const auto& path = detection(kinsing, "sel_path");
  EXPECT_EQ(path.scope.paths.size(), 9u);
  EXPECT_THAT(path.scope.paths, testing::Contains("/tmp/kinsing"));
}

TEST(Compiler, LinuxPathsCompareWithoutRegardToCase) {
  const auto where = [](std::string predicate, std::string platform = "linux") {
    auto text = with("yara: sample", "yara: sample\n    where: {" + predicate + "}");
    const auto compiled = compile(with("platform: linux", "platform: " + platform, text));
    FS_ASSERT(compiled.ok());
    return compiled.policy.detections[0].any_of[0][0].cased;
  };
  EXPECT_TRUE(where("file.name: kinsing"));
  EXPECT_FALSE(where("file.name|i|re: ^kinsing$"));
  EXPECT_TRUE(where("file.name|re: ^kinsing$"));
}

TEST(Compiler, AListIsNotWrittenOut) {
  const auto compiled = compile(sample_policy());
  const auto& predicate = detection(compiled, "talks").any_of.at(0).at(0);
  ASSERT_EQ(predicate.values.size(), 2u);
  EXPECT_EQ(predicate.values[1].text, "198.51.100.8");
}

TEST(Compiler, ModifiersReachTheAgents) {
  const auto compiled = compile(with("talks:\n", R"(encoded:
    object: process
    where: {process.command_line|wide|base64offset|contains: curl, process.command_line|windash|contains|all: [' -e', x]}
  talks:
)"));
  ASSERT_TRUE(compiled.ok()) << lint_text(compiled.diagnostics, "");
  const auto& selection = detection(compiled, "encoded").any_of.at(0);
  EXPECT_EQ(selection[0].match, Match::kContains);
  EXPECT_TRUE(selection[0].cased);
  EXPECT_EQ(selection[0].values.size(), 3u);
}

TEST(Compiler, AllDemandsEverySpellingOfEveryValue) {
  const auto selection = [](const std::string& where) {
    const auto compiled =
        compile(with("talks:\n", "said:\n    object: process\n    where: {process.command_line|" +
                                     where + "}\n  talks:\n"));
    EXPECT_TRUE(compiled.ok()) << lint_text(compiled.diagnostics, "");
    return detection(compiled, "said").any_of.at(0);
  };
  for (const char* where : {"contains|all|windash: [' -enc', ' -nop']",
                            "contains|all|base64offset: ['http://', curl]"}) {
    const auto both = selection(where);
    ASSERT_EQ(both.size(), 2u) << where;
    for (const auto& one : both) {
      EXPECT_FALSE(one.all) << where;
      EXPECT_GT(one.values.size(), 1u) << where;
    }
  }
  const auto plain = selection("contains|all: [' -enc', ' -nop']");
  ASSERT_EQ(plain.size(), 1u);
  EXPECT_TRUE(plain[0].all);
}

TEST(Compiler, OneHashedAlternativeScoresAWholeDetection) {
  const auto score = [](const std::string& where) {
    const auto compiled = compile(with(
        "talks:\n", "named:\n    object: file\n    scope: {paths: [/opt]}\n    where: " + where +
                        "\n  talks:\n"));
    EXPECT_TRUE(compiled.ok()) << lint_text(compiled.diagnostics, "");
    return int{detection(compiled, "named").score};
  };
  const std::string hash = "{file.hashes.SHA-256: " + std::string(64, 'a') + "}";
  EXPECT_EQ(score(hash), 100);
  EXPECT_EQ(score("[" + hash + ", {file.hashes.MD5: " + std::string(32, 'b') + "}]"), 100);
  EXPECT_EQ(score("[" + hash + ", {file.name: update}]"), 50);
  EXPECT_EQ(score("{file.hashes.SHA-256|exists: true}"), 50);
  EXPECT_EQ(score("{file.name: update}"), 50);
}

TEST(Compiler, AMillisecondOfToleranceIsASecond) {
  const auto emotet = *compile_file(kFixtures + "emotet.yaml", test_now());
  const auto& link = detection(emotet, "link_timestomp").any_of.at(0).at(0);
  EXPECT_EQ(link.values[0].number, -7 * 86400);
  EXPECT_EQ(link.tolerance_ms, 300);
}

TEST(Compiler, LocationsAreNotSpelledOut) {
  const auto compiled =
      compile(with("paths: [/opt]", "paths: [\"@SSHAuthorizedKeysFiles\", \"@home\", /opt/]"));
  ASSERT_TRUE(compiled.ok());
  EXPECT_THAT(
      compiled.policy.detections[0].scope.paths,
      ElementsAre("@home/.ssh/authorized_keys", "@home/.ssh/authorized_keys2", "@home", "/opt"));
}

}  // namespace fleetsweep::compiler
