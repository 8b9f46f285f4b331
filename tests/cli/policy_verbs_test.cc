// `fleetsweep policy`: what stands on standard output, and the exit code (docs/operating.md, 7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "cli/verbs/verbs.h"

namespace fleetsweep::cli {
namespace {

const std::string kGood = std::string(FS_SOURCE_DIR) + "/policies/catalog/lookalike/policy.yaml";

struct Outcome {
  int exit = 0;
  std::string out, err;
};

Outcome run(const std::string& verb, const std::string& file, bool json = false) {
  CLI::App app;
  Session session;
  session.console.json = json;
  add_policy_verbs(app, session);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  app.parse("policy " + verb + " " + file);
  Outcome outcome;
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.err = testing::internal::GetCapturedStderr();
  outcome.exit = session.exit;
  return outcome;
}

TEST(PolicyVerbs, APolicyWithMistakesIsRefusedInTwoWays) {
  const std::string bad = testing::TempDir() + "bad_policy.yaml";
  std::ofstream(bad) << "apiVersion: fleetsweep/v1\n";
  for (const char* verb : {"lint", "explain", "build"}) {
    EXPECT_EQ(run(verb, bad).exit, kUsage) << verb;
    EXPECT_EQ(run(verb, bad, true).exit, kUsage) << verb;
  }
  EXPECT_EQ(run("lint", kGood).exit, kDone);
}

TEST(PolicyVerbs, AFileThatIsNotThereSendsPeopleToCampaigns) {
  for (const char* verb : {"lint", "explain", "build"}) {
    const Outcome outcome = run(verb, "/no/such/policy.yaml");
    EXPECT_EQ(outcome.exit, kUsage) << verb;
    EXPECT_THAT(outcome.err, testing::HasSubstr("next:  give the path of a policy's YAML"));
  }
}

TEST(PolicyVerbs, AnEmptyLineEndsWhatIsPrinted) {
  for (const bool json : {false, true})
    for (const char* verb : {"lint", "explain"}) {
      const std::string out = run(verb, kGood, json).out;
      EXPECT_TRUE(out.ends_with("\n") && !out.ends_with("\n\n")) << verb << ":\n" << out;
    }
  const std::string kinsing = std::string(FS_SOURCE_DIR) + "/tests/policies/fixtures/kinsing.yaml";
  EXPECT_FALSE(run("lint", kinsing).out.ends_with("\n\n")) << "with warnings";
}

}  // namespace
}  // namespace fleetsweep::cli
