#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policies/compiler/import/stix_pattern.h"
#include "protocol/base/limits.h"
#include "tests/policies/import/feed.h"

namespace fleetsweep::indicators {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string bundle(const std::string& pattern, const std::string& more = "") {
  std::string quoted;
  for (const char c : pattern)
    quoted += c == '\\' || c == '"' ? std::string("\\") + c : std::string(1, c);
  return R"({"type":"bundle","id":"bundle--1","objects":[{"type":"identity","name":"us"},
    {"type":"indicator","spec_version":"2.1","id":"indicator--7","name":"one of ours",
     "pattern_type":"stix","valid_from":"2026-01-01T00:00:00.000Z",)" +
         more + R"("pattern":")" + quoted + "\"}]}";
}

std::vector<std::string> stix(const std::string& pattern) {
  return shown(imported(Format::kStix, bundle(pattern)));
}
std::vector<std::string> stix_refusals(const std::string& pattern) {
  std::vector<std::string> whys;
  for (const auto& one : imported(Format::kStix, bundle(pattern)).not_taken)
    whys.push_back(one.why);
  return whys;
}

TEST(ImportStix, AComparisonOfTheSpecificationIsReadAsAnother) {
  EXPECT_THAT(stix("[file:hashes.'SHA-256' = '" + kHash + "']"),
              ElementsAre("hash file.hashes.SHA-256=" + kHash));
  EXPECT_THAT(stix("[file:hashes.MD5 = '" + kMd5 + "' AND file:size = 25536]"),
              ElementsAre("hash file.size=25536 file.hashes.MD5=" + kMd5));
  EXPECT_THAT(stix("[ipv4-addr:value = '198.51.100.1' OR ipv4-addr:value = '198.51.100.2']"),
              ElementsAre("address network-traffic.dst_ref=198.51.100.1 <2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.2 <2026-12-23"));
  EXPECT_THAT(stix("[ipv4-addr:value ISSUBSET '203.0.113.0/24']"),
              ElementsAre("address network-traffic.dst_refin203.0.113.0/24 <2026-12-23"));
  EXPECT_THAT(
      stix("[network-traffic:dst_ref.value = '2001:DB8::7' AND network-traffic:dst_port = 443]"),
      ElementsAre("address network-traffic.dst_ref=2001:db8::7 "
                  "network-traffic.dst_port=443 <2026-12-23"));
  EXPECT_THAT(stix("[domain-name:value IN ('A.example.org', 'b.example.net')]"),
              ElementsAre("domain persistence.command#a.example.org <2026-12-23",
                          "domain persistence.command#b.example.net <2026-12-23"));
  EXPECT_THAT(
      stix("[process:command_line MATCHES 'evil [0-9]{3}$'] OR [file:name LIKE 'kdev%']"),
      ElementsAre("process process.command_linereevil [0-9]{3}$", "file name file.name^kdev"));
  EXPECT_THAT(stix("[process:image_ref.hashes.'SHA-256' = '" + kHash + "']"),
              ElementsAre("process process.exe.hashes.SHA-256=" + kHash));
  EXPECT_THAT(stix("[file:name LIKE '%a_c%']"), ElementsAre("file name file.namere^.*a.c.*$"));
  EXPECT_THAT(stix("[file:parent_directory_ref.path = '/tmp' AND file:name = 'it\\'s']"),
              ElementsAre("file path file.path=/tmp/it's"));
  EXPECT_THAT(stix("[(file:name = 'aaaa' OR file:name = 'bbbb') AND "
                   "file:parent_directory_ref.path = '/tmp/']"),
              ElementsAre("file path file.path=/tmp/aaaa", "file path file.path=/tmp/bbbb"));
  EXPECT_THAT(stix("[file:parent_directory_ref.path = '/tmp/.x' AND file:size = 5]"),
              ElementsAre("combination file.pathre^/tmp/\\.x/[^/]+$ file.size=5"));
  EXPECT_THAT(stix("[file:name = 'kdevtmpfsi' AND NOT_A:x = 1]"), IsEmpty());
  EXPECT_THAT(stix("[file:name = 'dropper' AND file:size NOT = 10 AND file:size >= 5]"),
              ElementsAre("combination file.name=dropper file.size>4 !file.size=10"));
}

TEST(ImportStix, AnObjectPathIsUnknownOrMeansAnotherField) {
  const std::string sha1(40, 'b'), until = " <2026-12-23", key = "windows-registry-key.";
  const std::pair<std::string, std::string> rows[] = {
      {"file:name = 'evil.exe'", "file name file.name=evil.exe"},
      {R"(file:parent_directory_ref.path = 'C:\\Temp')",
       R"(file path file.pathre^C:\\Temp\\[^\\]+$)"},
      {"file:name = 'evil.exe' AND file:size = 5", "combination file.name=evil.exe file.size=5"},
      {"file:hashes.MD5 = '" + kMd5 + "'", "hash file.hashes.MD5=" + kMd5},
      {"file:hashes.'SHA-1' = '" + sha1 + "'", "hash file.hashes.SHA-1=" + sha1},
      {"file:hashes.'SHA-256' = '" + kHash + "'", "hash file.hashes.SHA-256=" + kHash},
      {"ipv4-addr:value = '198.51.100.7'", "address network-traffic.dst_ref=198.51.100.7" + until},
      {"ipv6-addr:value = '2001:DB8::7'", "address network-traffic.dst_ref=2001:db8::7" + until},
      {"network-traffic:dst_ref.value = '198.51.100.7'",
       "address network-traffic.dst_ref=198.51.100.7" + until},
      {"network-traffic:dst_port = 4444", "combination network-traffic.dst_port=4444"},
      {"network-traffic:src_port = 4444", "combination network-traffic.src_port=4444"},
      {"network-traffic:protocols[*] = 'TCP' AND network-traffic:dst_port = 4444",
       "combination network-traffic.dst_port=4444 network-traffic.protocols=tcp"},
      {"domain-name:value = 'c2.example'", "domain persistence.command#c2.example" + until},
      {"url:value = 'http://c2.example/a'", "url persistence.command~http://c2.example/a" + until},
      {"process:command_line = 'evil --now'", "process process.command_line=evil --now"},
      {R"(process:cwd = 'C:\\Temp')", R"(process process.cwd=C:\Temp)"},
      {"process:name = 'evil.exe'", "process process.name=evil.exe"},
      {"process:image_ref.name = 'evil.exe'", "process process.exe.name=evil.exe"},
      {"process:image_ref.hashes.'SHA-256' = '" + kHash + "'",
       "process process.exe.hashes.SHA-256=" + kHash},
      {R"(windows-registry-key:key = 'HKEY_USERS\\Evil')",
       "registry " + key + R"(key=HKEY_USERS\Evil)"},
      {"windows-registry-key:values[*].name = 'Evil'", "registry " + key + "values.name=Evil"},
      {"windows-registry-key:values[0].data = 'evil.exe'",
       "registry " + key + "values.data=evil.exe"},
      {"windows-registry-key:values[*].data_type = 'REG_SZ' AND "
       "windows-registry-key:values[*].name = 'Evil'",
       "combination " + key + "values.name=Evil " + key + "values.data_type=REG_SZ"},
  };
  for (const auto& [comparison, taken] : rows) {
    const auto result =
        imported(Format::kStix, bundle("[" + comparison + "]"), "feed", model::Platform::kWindows);
    EXPECT_THAT(refusals(result), IsEmpty());
    EXPECT_THAT(shown(result), ElementsAre(taken));
  }
}

TEST(ImportStix, APathInANameIsNeverFound) {
  EXPECT_THAT(
      stix("[file:name = '/tmp/evil' OR process:name = '/tmp/evil' OR "
           "process:image_ref.name = '/tmp/evil' OR process:name = 'kworker/0:1']"),
      ElementsAre("file path file.path=/tmp/evil", "process process.exe.path=/tmp/evil",
                  "process process.exe.path=/tmp/evil", "process process.name=kworker/0:1"));
  EXPECT_THAT(stix_refusals("[file:name = 'tmp/evil']"), ElementsAre("it is not an absolute path"));
  const std::string no_name =
      "[file:name LIKE '/tmp/evil%' OR file:name LIKE '/tmp/%/evil' OR file:name MATCHES "
      "'^/tmp/evil[0-9]$' OR file:name MATCHES '(a/|b[/]c)evil' OR process:image_ref.name LIKE "
      "'%/evil' OR file:name MATCHES '[[:alpha:]]/+evil|x\\\\/evil']";
  EXPECT_THAT(stix(no_name), IsEmpty());
  EXPECT_THAT(stix_refusals(no_name), testing::Each(std::string("a name holds no '/'")));
  EXPECT_THAT(stix("[file:name MATCHES '(^|/)evil$' OR file:name MATCHES '(?:/tmp/)?evil' OR "
                   "file:name MATCHES 'x/*evil' OR file:name MATCHES '[^/]evil' OR file:name "
                   "MATCHES 'y/{0,1}evil' OR file:name MATCHES '[]/]evil' OR file:name MATCHES "
                   "'[[:alpha:]/]evil']"),
              testing::SizeIs(7));
}

TEST(ImportStix, APathOfWindowsInANameIsNeverFound) {
  const auto on_windows = [](const std::string& pattern) {
    return imported(Format::kStix, bundle(pattern), "feed", model::Platform::kWindows);
  };
  EXPECT_THAT(
      shown(on_windows(R"([file:name = 'C:\\Temp\\evil.exe' OR file:name = 'C:/x.exe' OR )"
                       R"(process:name = 'C:\\Temp\\evil.exe'])")),
      ElementsAre(R"(file path file.path=C:\Temp\evil.exe)", R"(file path file.path=C:\x.exe)",
                  R"(process process.exe.path=C:\Temp\evil.exe)"));
  for (const char* pattern :
       {R"(LIKE '%\\evil.exe')", R"(LIKE 'C:\\%\\evil.exe')", R"(MATCHES '\\\\evil\\.exe$')",
        R"(MATCHES '[\\\\/]evil\\.exe$')", R"(LIKE '%/evil.exe')"}) {
    const auto result = on_windows(fmt::format("[file:name {}]", pattern));
    EXPECT_THAT(shown(result), IsEmpty());
    EXPECT_THAT(refusals(result), ElementsAre(HasSubstr(R"(a name holds neither '\' nor '/')")));
  }
  EXPECT_THAT(shown(on_windows(R"([file:name MATCHES '(^|\\\\)evil\\.exe$'])")),
              testing::SizeIs(1));
}

TEST(ImportStix, AndIsWrittenOutOverAnOrInBrackets) {
  EXPECT_THAT(
      stix("[(file:name = 'aaaa' OR file:name = 'bbbb') AND (file:size = 1 OR file:size = 2)]"),
      ElementsAre(
          "combination file.name=aaaa file.size=1", "combination file.name=aaaa file.size=2",
          "combination file.name=bbbb file.size=1", "combination file.name=bbbb file.size=2"));
}

TEST(ImportStix, WhatTheLanguageCannotSayIsTakenInSilence) {
  EXPECT_THAT(stix_refusals("[file:name = 'aaaa'] FOLLOWEDBY [file:name = 'bbbb']"),
              ElementsAre("several observations joined by FOLLOWEDBY (byte 21)"));
  EXPECT_THAT(stix_refusals("[ipv4-addr:value = '198.51.100.1'] AND [file:name = 'bbbb']"),
              ElementsAre("several observations joined by AND (byte 35)"));
  EXPECT_THAT(stix_refusals("[file:name = 'aaaa'] REPEATS 5 TIMES WITHIN 60 SECONDS"),
              ElementsAre("a qualifier of time or number (byte 37)"));
  EXPECT_THAT(stix_refusals("[file:hashes.'SHA-512' = 'ab' OR email-addr:value = 'x@example.org']"),
              ElementsAre("file:hashes.SHA-512: no field of the policy language (byte 1)",
                          "email-addr:value: no field of the policy language (byte 33)"));
  EXPECT_THAT(stix_refusals("[process:command_line = b'ZXZpbA==' OR file:name IN (h'65')]"),
              ElementsAre(HasSubstr("process:command_line: it is compared with bytes in hex or "
                                    "base64 (byte 1)"),
                          HasSubstr("file:name: it is compared with bytes")));
  EXPECT_THAT(stix_refusals("[file:name MATCHES '(?!x)evil']"),
              ElementsAre("negative lookahead ((?!) has no bounded time"));
  EXPECT_THAT(stix_refusals("[file:name MATCHES '.']"),
              ElementsAre("the pattern is found in nearly every name"));
  EXPECT_THAT(stix_refusals("[EXISTS file:name]"), ElementsAre("EXISTS (byte 1)"));
  EXPECT_THAT(stix_refusals("[file:name = 'aaaa' AND ipv4-addr:value = '198.51.100.1']"),
              ElementsAre(HasSubstr("demands a file and a network-traffic at once")));
  EXPECT_THAT(stix_refusals("[file:name != 'aaaa']"),
              ElementsAre("it only says what must not be there"));
  EXPECT_THAT(stix_refusals("[file:size > 0 AND file:hashes.MD5 != '" + kMd5 + "']"),
              ElementsAre("it demands nothing of a file but its size"));
  EXPECT_THAT(stix_refusals("[windows-registry-key:key = 'HKLM\\\\x']"),
              ElementsAre(HasSubstr("--platform windows")));
  EXPECT_THAT(stix_refusals("[file:name = 'aaaa'"),
              ElementsAre("not a pattern: byte 19: it ends where ']' was expected"));
  EXPECT_THAT(stix_refusals("[file:name ~ 'aaaa']"), ElementsAre(HasSubstr("byte 11")));
  EXPECT_THAT(stix_refusals(std::string(5000, '(')),
              ElementsAre(HasSubstr("more than 32 brackets")));
}

TEST(ImportStix, ABackslashThatQuotesNothingIsDropped) {
  EXPECT_THAT(stix_refusals(R"([file:name MATCHES '^evil\.exe$'])"),
              ElementsAre(R"(not a pattern: byte 25: '\.exe$']' where \' or \\ was expected)"));
  EXPECT_THAT(stix_refusals(R"([file:name = 'C:\Temp'])"), ElementsAre(HasSubstr("byte 16")));
  EXPECT_THAT(stix_refusals(R"([file:name = 'evil\)"), ElementsAre(HasSubstr("byte 18")));
  EXPECT_THAT(stix_refusals(R"([file:hashes.'SHA\-256' = 'a'])"),
              ElementsAre(HasSubstr("byte 17")));
  EXPECT_THAT(stix(R"([file:name MATCHES '^evil\\.exe$' OR file:name = 'it\'s'])"),
              ElementsAre(R"(file name file.namere^evil\.exe$)", "file name file.name=it's"));
}

TEST(ImportStix, FollowedbyIsReadAsIfItBoundCloserThanOr) {
  EXPECT_THAT(stix("[file:name = 'aaaa'] FOLLOWEDBY [file:name = 'bbbb'] OR [file:name = 'cccc']"),
              IsEmpty());
  EXPECT_THAT(stix("[file:name = 'cccc'] OR [file:name = 'aaaa'] FOLLOWEDBY [file:name = 'bbbb']"),
              IsEmpty());
  EXPECT_THAT(stix("([file:name = 'aaaa'] FOLLOWEDBY [file:name = 'bbbb']) OR "
                   "[file:name = 'cccc']"),
              ElementsAre("file name file.name=cccc"));
  EXPECT_THAT(stix("[file:name = 'aaaa'] AND [file:name = 'bbbb'] OR [file:name = 'cccc']"),
              ElementsAre("file name file.name=cccc"));
  EXPECT_THAT(stix_refusals("[file:name = 'aaaa'] AND [file:name = 'bbbb'] FOLLOWEDBY "
                            "[file:name = 'cccc']"),
              ElementsAre("several observations joined by FOLLOWEDBY (byte 46)"));
}

TEST(ImportStix, APatternOfDomainsOrUrlsIsLookedForLetterByLetter) {
  const auto why = [](const std::string& what) {
    return testing::ElementsAre(HasSubstr("a pattern of " + what + " is about the whole name"));
  };
  EXPECT_THAT(stix_refusals("[domain-name:value MATCHES '^c[0-9]+\\\\.example$']"), why("domains"));
  EXPECT_THAT(stix_refusals("[domain-name:value LIKE 'c2.%.example']"), why("domains"));
  EXPECT_THAT(stix_refusals("[domain-name:value LIKE 'c2.example%']"), why("domains"));
  EXPECT_THAT(stix_refusals("[domain-name:value LIKE '%c2%']"),
              ElementsAre(HasSubstr("'c2' is not a domain name")));
  EXPECT_THAT(stix_refusals("[url:value MATCHES 'http://c2.example/[a-z]+']"), why("URLs"));
  EXPECT_THAT(stix_refusals("[url:value LIKE 'http://%/gate.php']"), why("URLs"));
  EXPECT_THAT(stix_refusals("[url:value LIKE 'https://%' OR url:value LIKE 'http://%']"),
              ElementsAre(HasSubstr("every URL begins so"), HasSubstr("every URL begins so")));
  EXPECT_THAT(stix("[domain-name:value LIKE '%.c2.example']"),
              ElementsAre("domain persistence.command#c2.example <2026-12-23"));
  EXPECT_THAT(stix("[url:value LIKE 'http://c2.example/%' OR url:value LIKE '%/gate.php?id=%']"),
              ElementsAre("url persistence.command~http://c2.example/ <2026-12-23",
                          R"(url persistence.commandre://[^\s"']*/gate\.php\?id= <2026-12-23)"));
  EXPECT_THAT(stix("[url:value LIKE '%/cron.php' OR url:value LIKE '%http://c2.example/a']"),
              ElementsAre(R"(url persistence.commandre://[^\s"']*/cron\.php(?:[\s"'|;<>)`]|$) )"
                          "<2026-12-23",
                          R"(url persistence.commandrehttp://c2\.example/a(?:[\s"'|;<>)`]|$) )"
                          "<2026-12-23"));
  EXPECT_THAT(stix_refusals("[url:value LIKE '%/a%']"),
              ElementsAre("a part of 2 bytes is in half of all names"));
}

TEST(ImportStix, OneAlternativeTheLanguageLacksLosesTheOthers) {
  const auto result = imported(Format::kStix, bundle("[file:name = 'aaaa' OR mutex:name = 'm']"));
  EXPECT_THAT(shown(result), ElementsAre("file name file.name=aaaa"));
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("mutex:name: no field")));
}

// "(NAME = 'PREFIX0' OR NAME = 'PREFIX1' ...)"
std::string any_of(const std::string& path, const std::string& prefix, int count) {
  std::string text = "(";
  for (int i = 0; i < count; ++i)
    text += fmt::format("{}{} = '{}{}'", i ? " OR " : "", path, prefix, i);
  return text + ")";
}

TEST(ImportStix, AListOfManyValuesIsLostWhole) {
  std::string in = "[file:name IN ('name0'";
  for (int i = 1; i < 5000; ++i) in += fmt::format(", 'name{}'", i);
  EXPECT_EQ(stix(in + ")]").size(), 5000u);
  EXPECT_EQ(stix("[" + any_of("file:name", "name", 5000) + "] OR [file:name = 'other']").size(),
            5001u);
  EXPECT_THAT(stix_refusals(in + ") AND file:size = 5]"),
              ElementsAre("written out it has more than 4096 alternatives"));
}

TEST(ImportStix, AProductThatIsRefusedFillsTheMemory) {
  const auto lost = imported(Format::kStix, bundle("[" + any_of("mutex:name", "m", 64) + " AND " +
                                                   any_of("mutex:name", "n", 64) + "]"));
  ASSERT_EQ(lost.not_taken.size(), 64u);
  for (const NotTaken& one : lost.not_taken) EXPECT_EQ(one.count, 64u);
  EXPECT_THAT(lost.not_taken[0].why, HasSubstr("(byte 2); mutex:name: no field"));
  const auto mixed =
      imported(Format::kStix, bundle("[" + any_of("file:name", "name", 64) + " AND " +
                                     any_of("process:name", "name", 64) + "]"));
  ASSERT_EQ(mixed.not_taken.size(), 1u);
  EXPECT_EQ(mixed.not_taken[0].count, 4096u);
  EXPECT_THAT(mixed.not_taken[0].why, HasSubstr("a file and a process at once"));
}

TEST(ImportStix, ThousandsOfThingsThatMustBeTrueTakeSeconds) {
  const auto names = [](int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += fmt::format("{}file:name LIKE '%part{}%'", i ? " AND " : "[", i);
    return text + "]";
  };
  EXPECT_EQ(stix(names(256)).size(), 1u);
  EXPECT_THAT(stix_refusals(names(257)),
              ElementsAre("more than 256 things must be true of it at once"));
  EXPECT_EQ(stix_refusals(names(32'000)).size(), 1u);
}

// "[(file:name WITH 'a0PATTERN' OR file:name WITH 'b0PATTERN') AND ...]"
std::string all_of_either(int count, const std::string& with, const std::string& pattern) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += fmt::format("{0}(file:name {1} 'a{2}{3}' OR file:name {1} 'b{2}{3}')",
                        i ? " AND " : "[", with, i, pattern);
  return text + "]";
}

TEST(ImportStix, AProductOfRegularExpressionsTakesMinutes) {
  EXPECT_EQ(stix(all_of_either(12, "MATCHES", "[a-z]{1,60}[0-9]{1,60}x")).size(), 4096u);
}

TEST(ImportStix, AProductOfLongValuesFillsTheMemory) {
  const std::string whole = all_of_either(12, "LIKE", std::string(1000, 'x') + "%");
  EXPECT_THAT(stix(whole), IsEmpty());
  EXPECT_THAT(stix_refusals(whole), ElementsAre("written out it has more than 4194304 bytes"));
  const std::string one = all_of_either(10, "LIKE", std::string(300, 'x') + "%");
  std::string many = one;
  for (int i = 0; i < 19; ++i) many += " OR " + one;
  const auto result = imported(Format::kStix, bundle(many));
  EXPECT_GT(result.indicators.size(), 18u * 1024);
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("more than 67108864 bytes of indicators")));
}

TEST(ImportStix, TheAuthorsConfidenceAndTimesAreForgotten) {
  const auto result =
      imported(Format::kStix, bundle("[ipv4-addr:value = '198.51.100.1']",
                                     R"("confidence":85,"valid_until":"2027-02-01T00:00:00Z",)"));
  ASSERT_THAT(shown(result),
              ElementsAre("address network-traffic.dst_ref=198.51.100.1 c85 <2027-02-01"));
  EXPECT_EQ(result.indicators[0].origins[0].id, "indicator--7");
  EXPECT_EQ(result.indicators[0].origins[0].note, "one of ours");
  EXPECT_EQ(to_rfc3339(*result.indicators[0].valid_from), "2026-01-01T00:00:00Z");
  const auto why = [](const std::string& more) {
    return imported(Format::kStix, bundle("[file:name = 'aaaa']", more)).not_taken.at(0).why;
  };
  EXPECT_EQ(why(R"("valid_until":"2026-02-01T00:00:00Z",)"), "it expired on 2026-02-01T00:00:00Z");
  EXPECT_EQ(why(R"("revoked":true,)"), "its author revoked it");
  EXPECT_EQ(why(R"("indicator_types":["benign"],)"), "its author calls it benign");
  EXPECT_EQ(why(R"("labels":["benign"],)"), "its author calls it benign");
  EXPECT_EQ(why(R"("valid_until":"soon",)"), "valid_until 'soon' is no time");
  EXPECT_EQ(why(R"("confidence":101,)"), "its confidence is not 0 to 100");
}

TEST(ImportStix, AValueThatEveryHostHasIsTakenForASign) {
  EXPECT_THAT(stix_refusals("[ipv4-addr:value = '192.168.1.1']"),
              ElementsAre(HasSubstr("it is private")));
  EXPECT_THAT(
      stix("[file:name = 'x.bin' AND file:hashes.MD5 != 'd41d8cd98f00b204e9800998ecf8427e']"),
      ElementsAre(HasSubstr("file.name=x.bin")))
      << "what is excluded may be empty";
}

TEST(ImportStix, AProtocolPortOrTypeThatEveryHostHasIsASign) {
  for (const char* pattern :
       {"network-traffic:protocols[0] = 'tcp'", "network-traffic:dst_port = 443",
        "network-traffic:protocols[*] = 'udp' AND network-traffic:dst_port = 53"}) {
    EXPECT_THAT(stix(fmt::format("[{}]", pattern)), IsEmpty()) << pattern;
    EXPECT_THAT(stix_refusals(fmt::format("[{}]", pattern)),
                ElementsAre(HasSubstr("every host has such")));
  }
  EXPECT_THAT(refusals(imported(Format::kStix,
                                bundle("[windows-registry-key:values[*].data_type = 'REG_SZ']"),
                                "feed", model::Platform::kWindows)),
              ElementsAre(HasSubstr("every host has such")));
  EXPECT_THAT(stix("[network-traffic:dst_port = 4444 OR file:name LIKE '%.locky']"),
              testing::SizeIs(2));
}

TEST(ImportStix, ATextOfTheFeedNamesAListOfThePolicy) {
  for (const char* pattern : {"[process:command_line = '@lists/c80_hash']",
                              "[file:name = 'evil' AND file:name != '@lists/c80_hash']",
                              "[file:name = '@lists/c80_hash' AND file:size = 5]",
                              "[process:command_line LIKE '@lists/good%']"}) {
    EXPECT_THAT(stix(pattern), IsEmpty()) << pattern;
    EXPECT_THAT(stix_refusals(pattern), ElementsAre("'@lists/' names a list in a policy"));
  }
  EXPECT_THAT(stix("[process:command_line = 'evil @lists/x']"), testing::SizeIs(1));
}

TEST(ImportStix, AnOlderVersionOfAnIndicatorStillCounts) {
  const auto version = [](const std::string& id, const std::string& name, const std::string& more) {
    return R"({"type":"indicator","pattern_type":"stix","id":"indicator--)" + id +
           R"(","pattern":"[file:name = ')" + name + "']\"" + more + "}";
  };
  const auto bundled = [](const std::string& objects) {
    return R"({"type":"bundle","objects":[)" + objects + "]}";
  };
  auto monday = imported(
      Format::kStix,
      bundled(version("1", "wide", R"(,"modified":"2026-10-02T00:00:00.5Z","confidence":90)") +
              "," + version("1", "older", R"(,"modified":"2026-10-02T00:00:00.49Z")") + "," +
              version("1", "same", R"(,"modified":"2026-10-02T00:00:00.500Z")") + "," +
              version("1", "none", "") + "," +
              version("2", "taken-back", R"(,"modified":"2026-10-01T00:00:00Z")") + "," +
              version("2", "taken-back", R"(,"modified":"2026-10-02T00:00:00Z","revoked":true)") +
              "," + version("3", "alone", "")));
  EXPECT_THAT(shown(monday), ElementsAre("file name file.name=wide c90", "file name file.name=same",
                                         "file name file.name=alone"));
  EXPECT_THAT(refusals(monday),
              ElementsAre(HasSubstr("'older']: a newer version of it took its place"),
                          HasSubstr("'none']: a newer version"),
                          HasSubstr("'taken-back']: a newer version"),
                          HasSubstr("'taken-back']: its author revoked it")));
  auto tuesday = imported(
      Format::kStix,
      bundled(version("1", "narrow", R"(,"modified":"2026-10-03T00:00:00Z","confidence":20)") +
              "," + version("3", "alone", R"(,"modified":"2026-10-03T00:00:00Z","revoked":true)")));
  tuesday.not_taken.clear();
  monday.not_taken.clear();
  for (auto& days : {std::vector{monday, tuesday}, std::vector{tuesday, monday}}) {
    const Imported both = joined(days);
    EXPECT_THAT(shown(both), ElementsAre("file name file.name=narrow c20"));
    EXPECT_THAT(refusals(both),
                ElementsAre("0: wide: a newer version of it took its place",
                            HasSubstr("0: same: a newer version"), HasSubstr("alone: a newer")));
  }
}

TEST(ImportStix, APatternOfYaraIsTakenForOneOfStix) {
  const auto result = imported(
      Format::kStix,
      R"({"type":"bundle","objects":[{"type":"indicator","id":"indicator--1","pattern_type":"yara",
          "pattern":"rule r { condition: true }"}]})");
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("a pattern of 'yara'")));
}

}  // namespace
}  // namespace fleetsweep::indicators
