// `fleetsweep policy`: what stands on standard output, and the exit code (docs/operating.md, 7).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/verbs/verbs.h"
#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/crypto/digest.h"

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

TEST(PolicyVerbs, WhatAPolicyCostsIsSaidForAHostOfFewerThanNoFiles) {
  for (const char* host : {" --files -5", " --files 0", " --bytes -1"}) {
    CLI::App app;
    Session session;
    add_policy_verbs(app, session);
    EXPECT_THROW(app.parse("policy explain " + kGood + host), CLI::ValidationError) << host;
  }
}

TEST(PolicyVerbs, WhatAPolicyCostsIsSaidForAnotherHost) {
  const std::string small = run("explain", kGood + " --files 1000 --bytes 2000000000").out;
  EXPECT_THAT(small, testing::HasSubstr("a host of 1000 files and 2.0 GB"));
  const auto report = nlohmann::json::parse(run("explain", kGood, true).out);
  EXPECT_EQ(report["cost"]["host"]["files"], 174000);
  EXPECT_GT(report["cost"]["cpu_seconds"].get<double>(), 0);
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

// A feed, and a host on which one of its files lies.
struct Feed {
  Feed() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(root + "/opt");
    std::ofstream(root + "/opt/dropper") << "#!/bin/sh\n# harmless\n";
    std::ofstream(root + "/opt/other") << "#!/bin/sh\n# another\n";
    std::ofstream(feed) << crypto::sha256(as_bytes("#!/bin/sh\n# harmless\n")).hex()
                        << "  dropper\n198.51.100.7\nno indicator at all\n";
  }
  const std::string folder = testing::TempDir() + "feed";
  const std::string root = folder + "/root", feed = folder + "/list.txt",
                    policy = folder + "/policy.yaml";
};

TEST(PolicyVerbs, AnImportedPolicyFindsNothingOnAHostWithIts) {
  const Feed feed;
  const std::string import = "plain " + feed.feed + " --family Ours --out " + feed.policy;
  const Outcome unsaid = run("import", import);
  EXPECT_EQ(unsaid.exit, kDone) << unsaid.err;
  EXPECT_THAT(unsaid.err, testing::HasSubstr("taken: 1 hash, 1 address"));
  EXPECT_THAT(unsaid.err, testing::HasSubstr("list.txt:3: no indicator at all: neither"));
  EXPECT_THAT(unsaid.err, testing::HasSubstr("'issuer' still says TODO"));
  EXPECT_EQ(run("lint", feed.policy).exit, kUsage) << "nobody orders it";

  std::filesystem::remove(feed.policy);
  const Outcome said = run("import", import + " --issuer Us --reference T-1", true);
  ASSERT_EQ(said.exit, kDone) << said.err;
  const auto report = nlohmann::json::parse(said.out);
  EXPECT_EQ(report["taken"], (nlohmann::json{{"address", 1}, {"hash", 1}}));
  EXPECT_EQ(report["not_taken"][0]["line"], 3);
  ASSERT_EQ(report["mistakes"].size(), 1u) << report["mistakes"];
  EXPECT_EQ(report["mistakes"][0]["severity"], "warning") << "every file would be hashed";
  EXPECT_EQ(run("lint", feed.policy).exit, kDone);

  const auto found = nlohmann::json::parse(run("test", feed.policy + " " + feed.root, true).out);
  ASSERT_EQ(found["findings"].size(), 1u) << found;
  EXPECT_EQ(found["findings"][0]["file"]["path"], "/opt/dropper");
  EXPECT_EQ(found["verdicts"][0]["id"], "indicator_50");
}

TEST(PolicyVerbs, AnImportReplacesAReviewedPolicyOrItsOwnFeed) {
  const Feed feed;
  const auto text_of = [](const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::ofstream(feed.policy) << "reviewed\n";
  std::filesystem::create_symlink("nowhere", feed.folder + "/link.yaml");
  const std::string listed = text_of(feed.feed);
  for (const std::string& out : {feed.policy, feed.feed, feed.folder + "/link.yaml"}) {
    const Outcome outcome = run("import", "plain " + feed.feed + " --family Ours --out " + out);
    EXPECT_EQ(outcome.exit, kUsage);
    EXPECT_THAT(outcome.err, testing::HasSubstr("'" + out + "' is there"));
    EXPECT_THAT(outcome.err, testing::HasSubstr("next:  name another file, and compare"));
  }
  EXPECT_EQ(text_of(feed.policy), "reviewed\n");
  EXPECT_EQ(text_of(feed.feed), listed);
  EXPECT_TRUE(std::filesystem::is_symlink(feed.folder + "/link.yaml"));
}

TEST(PolicyVerbs, AFormatIsOfferedOfWhichNothingIsTaken) {
  const Feed feed;
  for (const auto& [format, name, text] :
       {std::tuple{"feodo", "blocklist.txt", "198.51.100.7\n"},
        {"loki", "filename-iocs.txt", "/tmp/evil[0-9]$;75\n"},
        {"misp", "event.json",
         R"({"Attribute":[{"type":"filename","to_ids":true,"value":"/tmp/evil"}]})"},
        {"openioc", "ours.ioc",
         R"(<OpenIOC><criteria><Indicator operator="OR"><IndicatorItem condition="is">
            <Context search="FileItem/FileName"/><Content>evil</Content>
            </IndicatorItem></Indicator></criteria></OpenIOC>)"},
        {"stix", "bundle.json",
         R"({"type":"indicator","pattern_type":"stix","pattern":"[file:name = 'evil']"})"}}) {
    const std::string file = feed.folder + "/" + name;
    std::ofstream(file) << text;
    const Outcome outcome =
        run("import", fmt::format("{} {} --family Ours --issuer Us --reference T-1", format, file),
            true);
    ASSERT_EQ(outcome.exit, kDone) << format << ": " << outcome.err;
    const auto report = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(report["taken"].size(), 1u) << format << ": " << report;
    EXPECT_TRUE(report["mistakes"].empty()) << format << ": " << report;
  }
}

TEST(PolicyVerbs, TheConfidenceOrTheLifetimeOfAFeedIsNotThatOfTheAuthor) {
  const Feed feed;
  const auto in_a_week = [] {
    const auto end = std::chrono::system_clock::now() + std::chrono::days(7);
    return "expires: " + to_rfc3339(std::chrono::floor<Seconds>(end)).substr(0, 10);
  };
  const std::string before = in_a_week();
  const Outcome outcome =
      run("import", "plain " + feed.feed + " --family Ours --confidence 80 --lifetime 7d");
  ASSERT_EQ(outcome.exit, kDone) << outcome.err;
  EXPECT_THAT(outcome.out,
              testing::AnyOf(testing::HasSubstr(before), testing::HasSubstr(in_a_week())));
  EXPECT_THAT(outcome.out,
              testing::HasSubstr("indicator_80: {condition: 1 of c80_*, confidence: 80,"));
}

TEST(PolicyVerbs, ThatNothingWasTakenPassesForAnImport) {
  const Feed feed;
  std::ofstream(feed.feed, std::ios::trunc) << "no indicator\n";
  const Outcome outcome = run("import", "plain " + feed.feed + " --family Ours");
  EXPECT_EQ(outcome.exit, kUsage);
  EXPECT_THAT(outcome.err, testing::HasSubstr("nothing was taken, 1 indicator refused"));
  EXPECT_EQ(run("import", "stix " + feed.feed + " --family Ours").exit, kUsage);
  // More than a policy has room for, of one object.
  std::string parts;
  for (int i = 0; i < 4000; ++i)
    parts += fmt::format("{}file:name LIKE '%{:01000}%'", i ? " AND " : "", i);
  std::ofstream(feed.feed, std::ios::trunc)
      << R"({"type":"indicator","pattern_type":"stix","pattern":"[)" << parts << R"(]"})";
  EXPECT_EQ(run("import", "stix " + feed.feed + " --family Ours").exit, kUsage);
  EXPECT_EQ(run("import", "stix /no/such/file --family Ours").exit, kUsage);
}

TEST(PolicyVerbs, SoManyHashesThatShallBeLeftAloneStayBesideThePolicyAsSigns) {
  const Feed feed;
  std::string hashes;
  for (int i = 0; i <= 50'000; ++i) hashes += std::string(32, 'a') + ":68:Ours\n";
  const auto import = [&](const std::string& name) {
    std::ofstream(feed.folder + "/" + name) << hashes;
    return run("import", "clamav " + feed.folder + "/" + name +
                             " --family Ours --issuer Us --reference T-1 --out " + feed.policy);
  };
  const Outcome signs = import("daily.hdb");
  EXPECT_EQ(signs.exit, kDone) << signs.err;
  EXPECT_THAT(signs.err, testing::HasSubstr("taken: 50001 hash"));
  EXPECT_EQ(run("lint", feed.policy).exit, kDone);
  std::filesystem::remove(feed.policy);
  const Outcome others = import("daily.fp");
  EXPECT_EQ(others.exit, kUsage);
  EXPECT_THAT(others.err, testing::HasSubstr("files that ClamAV shall leave alone"));
}

TEST(PolicyVerbs, AFalseAlarmOnGoodSoftwarePasses) {
  const Feed feed;
  ASSERT_EQ(run("import", "plain " + feed.feed +
                              " --family Ours --issuer Us --reference T-1 --out " + feed.policy)
                .exit,
            kDone);
  const Outcome alarm = run("test", feed.policy + " " + kGood + " --goodware " + feed.root);
  EXPECT_EQ(alarm.exit, kRefused);
  EXPECT_THAT(alarm.out, testing::HasSubstr("policy.yaml: 1 false alarm; "));
  EXPECT_THAT(alarm.out, testing::HasSubstr("/opt/dropper"));
  EXPECT_THAT(alarm.err, testing::HasSubstr("1 false alarm on good software"));
  std::filesystem::remove(feed.root + "/opt/dropper");
  const Outcome good = run("test", feed.policy + " " + kGood + " --goodware " + feed.root, true);
  EXPECT_EQ(good.exit, kDone) << good.out;
  EXPECT_EQ(nlohmann::json::parse(good.out).size(), 2u) << "a policy was left out";
}

TEST(PolicyVerbs, WhatNobodyCouldReadOrNothingAtAllPassesForGoodSoftware) {
  const Feed feed;
  constexpr std::uintmax_t kSize = std::uintmax_t{1} << 40;  // more than a scan reads
  std::ofstream(feed.feed, std::ios::trunc)
      << crypto::sha256(as_bytes("elsewhere")).hex() << ":" << kSize << ":Elsewhere\n";
  ASSERT_EQ(run("import", "clamav " + feed.feed +
                              " --family Ours --issuer Us --reference T-1 --out " + feed.policy)
                .exit,
            kDone);
  std::ofstream(feed.root + "/opt/hole");
  std::filesystem::resize_file(feed.root + "/opt/hole", kSize);
  const std::string trial = feed.policy + " --goodware " + feed.root;
  const Outcome some = run("test", trial);
  EXPECT_EQ(some.exit, kDone) << some.err;
  EXPECT_THAT(some.err, testing::HasSubstr("/opt/hole"));
  const auto report = nlohmann::json::parse(run("test", trial, true).out);
  EXPECT_EQ(report[0]["unscannable"], 1) << report;

  std::filesystem::create_directories(feed.folder + "/empty");
  const Outcome none = run("test", feed.policy + " --goodware " + feed.folder + "/empty");
  EXPECT_EQ(none.exit, kRefused);
  EXPECT_THAT(none.err, testing::HasSubstr("no file was scanned"));
}

TEST(PolicyVerbs, AHuntForTheUnknownCannotBeTriedWithABaseline) {
  const Feed feed;
  std::filesystem::create_directories(feed.root + "/etc/cron.d");
  std::ofstream(feed.root + "/etc/cron.d/own") << "* * * * * root /opt/own\n";
  const std::string baseline = feed.folder + "/baseline";
  const std::string list = FS_BINARY_DIR "/fleetsweep-scan --list-persistence --root '" +
                           feed.root + "' > '" + baseline + "'";
  ASSERT_EQ(std::system(list.c_str()), 0);
  std::filesystem::permissions(baseline, std::filesystem::perms(0600));
  std::ofstream(feed.root + "/etc/cron.d/new") << "* * * * * root /opt/new\n";

  const std::string trial =
      std::string(FS_SOURCE_DIR) + "/policies/catalog/unknown-persistence/policy.yaml ";
  EXPECT_THAT(run("test", trial + feed.root).out, testing::HasSubstr("/opt/own"));
  const std::string with = " --baseline " + baseline;
  const Outcome known = run("test", trial + feed.root + with);
  EXPECT_EQ(known.exit, kDone) << known.err;
  EXPECT_THAT(known.out, testing::HasSubstr("/opt/new"));
  EXPECT_THAT(known.out, testing::Not(testing::HasSubstr("/opt/own")));

  for (const std::string& folder : {feed.root, "--goodware " + feed.root}) {
    const Outcome none = run("test", trial + folder + with + ".old");
    EXPECT_EQ(none.exit, kUsage) << "a mistyped name counts as no baseline";
    EXPECT_THAT(none.err,
                testing::HasSubstr("next:  give a folder and a baseline that can be read"));
  }
}

TEST(PolicyVerbs, APolicyForAnotherSystemEndsTheTrialOfAllOthers) {
  const Feed feed;
  const std::string windows = std::string(FS_SOURCE_DIR) + "/policies/catalog/emotet/policy.yaml";
  const std::string goodware = " --goodware " + feed.root;
  const Outcome some = run("test", windows + " " + kGood + goodware);
  EXPECT_EQ(some.exit, kDone) << some.err;
  EXPECT_THAT(some.err, testing::HasSubstr("emotet/policy.yaml: for windows, not tried here"));
  EXPECT_THAT(some.out, testing::HasSubstr("lookalike/policy.yaml: 0 false alarms; "));
  EXPECT_THAT(some.out, testing::Not(testing::HasSubstr("emotet")));
  const auto report =
      nlohmann::json::parse(run("test", windows + " " + kGood + goodware, true).out);
  EXPECT_EQ(report[0]["reason"], "platform");
  EXPECT_EQ(report[1]["reason"], "none");
  const Outcome none = run("test", windows + goodware);
  EXPECT_EQ(none.exit, kRefused) << "nothing was tried, and it looks like good news";
  EXPECT_THAT(none.err, testing::HasSubstr("no policy was tried"));
}

TEST(PolicyVerbs, TheScannerSpeaksOfWordsWhereAPolicyIsNotCompiled) {
  const std::string said = testing::TempDir() + "scanner_said";
  const std::string command =
      FS_BINARY_DIR "/fleetsweep-scan --root / --policy '" + kGood + "' 2> '" + said + "'";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
  std::ifstream file(said);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, testing::HasSubstr(kGood + ": not a compiled policy, which `fleetsweep policy "
                                               "build` makes of its YAML"));
}

}  // namespace
}  // namespace fleetsweep::cli
