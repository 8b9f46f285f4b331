// The shipped policies, against their own test data, with the matcher and the YARA of the agent.

#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/yara/yara_rules.h"
#include "protocol/codec/codec.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

const std::string kCatalog = std::string(FS_SOURCE_DIR) + "/policies/catalog/";

Compiled compiled(const std::string& family) {
  auto result = compile_file(kCatalog + family + "/policy.yaml", test_now());
  FS_ASSERT(result.has_value());
  return std::move(*result);
}

std::uint16_t index_of(const model::Policy& policy, std::string_view id) {
  for (std::uint16_t i = 0; i < policy.detections.size(); ++i)
    if (policy.detections[i].id == id) return i;
  FS_ASSERT(false);
}

bool rule_matches(const model::Policy& policy, const std::string& content) {
  const auto rules = scan::YaraRules::compile(policy.rules.at(0).source);
  FS_ASSERT(rules.has_value());
  const auto names = rules->scan(as_bytes(content), {}, Seconds(10));
  FS_ASSERT(names.has_value());
  return !names->empty();
}

// A line of testdata/*.txt begins with + when it must match and with - when it must not.
struct Expectation {
  bool match = false;
  std::string text;
};
std::vector<Expectation> expectations(const std::string& path) {
  std::istringstream lines(read_whole(path));
  std::vector<Expectation> result;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("+ ") || line.starts_with("- "))
      result.push_back({line[0] == '+', line.substr(2)});
  FS_ASSERT(result.size() >= 4);
  return result;
}

scan::Object cron_line(const std::string& line) {
  scan::PersistenceFacts facts;
  facts.identity.kind = model::PersistenceKind::kCron;
  facts.identity.entry = line;
  facts.identity.command = line;
  return facts;
}

class Catalog : public testing::TestWithParam<const char*> {};

TEST_P(Catalog, AShippedPolicyHasAMistake) {
  const auto policy = compiled(GetParam());
  EXPECT_THAT(lines_of(policy.diagnostics), testing::IsEmpty());
  const auto bytes = codec::encode(policy.policy);
  const auto decoded = codec::decode<model::Policy>(bytes);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, policy.policy);
  for (const auto& rule : policy.policy.rules) EXPECT_EQ(rule.license, "Apache-2.0");
  EXPECT_EQ(policy.policy.rules.empty(), GetParam() == std::string("unknown-persistence"))
      << "a family is known by its content too";
  EXPECT_NE(read_whole(kCatalog + GetParam() + "/README.md").find("Sources"), std::string::npos);
}

TEST_P(Catalog, AnAgentCannotMatchAShippedPolicy) {
  const auto policy = compiled(GetParam()).policy;
  if (policy.platform == model::Platform::kWindows) return;  // refused by the platform gate
  const auto matcher = scan::Matcher::compile(policy);
  EXPECT_TRUE(matcher) << matcher.error().message;
}

INSTANTIATE_TEST_SUITE_P(Families, Catalog,
                         testing::Values("lookalike", "eicar", "kinsing", "emotet", "xorddos",
                                         "perfctl", "outlaw", "bpfdoor", "xz-backdoor",
                                         "web-shells", "exchange-web-shells", "mirai-like",
                                         "coinminer-generic", "unknown-persistence"));

TEST(CatalogOfFamilies, OneIsShippedThatNoTestKnows) {
  std::size_t families = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCatalog))
    families += entry.is_directory();
  EXPECT_EQ(families, 14u) << "add it to the values above, and to tests/agent/catalog";
}

TEST(CatalogUnknownPersistence, AnEntryThatSomebodyAnswersForIsReported) {
  const auto policy = compiled("unknown-persistence").policy;
  const auto matcher = *scan::Matcher::compile(policy);
  const auto is_unknown = [&](std::optional<bool> owned, bool listed) {
    scan::PersistenceFacts facts;
    facts.package_owned = owned;
    facts.in_baseline = listed;
    return matcher.match(0, scan::Object(facts)) == scan::Truth::kYes;
  };
  EXPECT_TRUE(is_unknown(false, false));
  EXPECT_FALSE(is_unknown(true, false));
  EXPECT_FALSE(is_unknown(false, true));
  for (const auto& response : policy.responses)
    for (const auto& action : response.actions) EXPECT_EQ(action.kind, model::ActionKind::kReport);
}

TEST(CatalogLookalike, ANearMissIsTakenForTheFamily) {
  const scan::YaraLibrary library;
  const auto policy = compiled("lookalike").policy;
  const std::string data = kCatalog + "lookalike/testdata/";
  EXPECT_TRUE(rule_matches(policy, read_whole(data + "lookalike.sh")));
  EXPECT_FALSE(rule_matches(policy, read_whole(data + "near_miss_text.txt")));
  EXPECT_FALSE(rule_matches(policy, read_whole(data + "near_miss_script.sh")));
  EXPECT_FALSE(rule_matches(policy, read_whole(kCatalog + "lookalike/README.md")));
  EXPECT_FALSE(rule_matches(policy, read_whole(kCatalog + "lookalike/rules/lookalike.yar")));
  const std::string record = "\nFLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11c;\n";
  EXPECT_TRUE(rule_matches(policy, read_whole("/bin/sleep") + record)) << "the program of the demo";
  EXPECT_FALSE(rule_matches(policy, read_whole("/bin/sleep")));
}

TEST(CatalogLookalike, ACronLineOfTheOwnerIsRemoved) {
  const auto policy = compiled("lookalike").policy;
  const auto matcher = *scan::Matcher::compile(policy);
  scan::FileFacts file;
  file.stage = scan::FileStage::kContent;
  file.identity.path = "/opt/lookalike/lookalike";
  const scan::Object object = file;
  const scan::Bound bound[] = {{index_of(policy, "content"), &object}};
  for (const auto& line : expectations(kCatalog + "lookalike/testdata/crontab.txt"))
    EXPECT_EQ(matcher.match(index_of(policy, "link_cron"), cron_line(line.text), bound) ==
                  scan::Truth::kYes,
              line.match)
        << line.text;
}

TEST(CatalogLookalike, AUnitOfASimilarNameIsRemoved) {
  const auto policy = compiled("lookalike").policy;
  const auto matcher = *scan::Matcher::compile(policy);
  scan::FileFacts file;
  file.stage = scan::FileStage::kContent;
  file.identity.path = "/opt/lookalike/lookalike";
  const scan::Object object = file;
  const scan::Bound bound[] = {{index_of(policy, "content"), &object}};
  const auto matches = [&](const char* name, const char* command) {
    scan::PersistenceFacts unit;
    unit.identity.kind = model::PersistenceKind::kSystemdUnit;
    unit.identity.name = name;
    unit.identity.command = command;
    return matcher.match(index_of(policy, "link_unit"), scan::Object(unit), bound) ==
           scan::Truth::kYes;
  };
  EXPECT_TRUE(matches("lookalike.service", "/opt/lookalike/lookalike 3600"));
  EXPECT_TRUE(matches("lookalike.service", "-/opt/lookalike/lookalike"));
  EXPECT_FALSE(matches("lookalike-sync.service", "/opt/lookalike/lookalike"));
  EXPECT_FALSE(matches("lookalike.service", "/usr/bin/owner-tool"));
  EXPECT_FALSE(matches("lookalike.service", "/opt/lookalike/lookalike2"));
}

TEST(CatalogKinsing, ACronLineOfTheOwnerIsRemoved) {
  const auto policy = compiled("kinsing").policy;
  const auto matcher = *scan::Matcher::compile(policy);
  for (const auto& line : expectations(kCatalog + "kinsing/testdata/crontab.txt"))
    EXPECT_EQ(
        matcher.match(index_of(policy, "sel_cron"), cron_line(line.text)) == scan::Truth::kYes,
        line.match)
        << line.text;
}

TEST(CatalogKinsing, AHostWithoutAPacketFilterIsNotCleanedOrServicesKeepTheRootkit) {
  std::vector<std::string> restarted;
  for (const auto& response : compiled("kinsing").policy.responses)
    for (const auto& action : response.actions) {
      EXPECT_NE(action.kind, model::ActionKind::kBlock);
      restarted.insert(restarted.end(), action.allow.begin(), action.allow.end());
    }
  EXPECT_THAT(restarted, testing::IsSupersetOf({"cron.service", "rsyslog.service", "ssh.service"}));
}

TEST(CatalogPerfctl, ServicesKeepThePreloadedLibrary) {
  std::vector<std::string> restarted;
  for (const auto& response : compiled("perfctl").policy.responses)
    for (const auto& action : response.actions)
      restarted.insert(restarted.end(), action.allow.begin(), action.allow.end());
  EXPECT_THAT(restarted, testing::IsSupersetOf({"cron.service", "rsyslog.service", "ssh.service"}));
}

TEST(CatalogEicar, TheTestFileIsMissedOrItsDescriptionIsTaken) {
  const scan::YaraLibrary library;
  const auto policy = compiled("eicar").policy;
  const std::string file = std::string("X5O!P%@AP[4\\PZX54(P^)7CC)7}$") + "EICAR-STANDARD-" +
                           "ANTIVIRUS-TEST-FILE!$H+H*";
  EXPECT_EQ(crypto::sha256(as_bytes(file)).hex(),
            "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f");
  EXPECT_TRUE(rule_matches(policy, file));
  EXPECT_TRUE(rule_matches(policy, file + "\r\n"));
  EXPECT_FALSE(rule_matches(policy, " " + file));
  EXPECT_FALSE(rule_matches(policy, file + std::string(61, ' ')));
}

TEST(CatalogEmotet, AnInHouseLibraryHasTheLoadersName) {
  const auto policy = compiled("emotet").policy;
  model::Policy linux_copy;  // the name selection alone: the rest needs Windows
  model::Detection loader = policy.detections.at(index_of(policy, "loader_file"));
  loader.none_of.resize(1);
  loader.any_of = {{loader.any_of.at(0).at(1)}};
  linux_copy.detections = {loader};
  const auto matcher = *scan::Matcher::compile(linux_copy);
  for (const auto& line : expectations(kCatalog + "emotet/testdata/names.txt")) {
    scan::FileFacts file;
    file.stage = scan::FileStage::kContent;
    file.identity.path = "/folder/" + line.text;
    EXPECT_EQ(matcher.match(0, file) == scan::Truth::kYes, line.match) << line.text;
  }
}

}  // namespace fleetsweep::compiler
