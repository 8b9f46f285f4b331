// Feeds of a thing a line.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "tests/policies/import/feed.h"

namespace fleetsweep::indicators {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- Loki ----------------------------------------------------------------------------------------

TEST(ImportLoki, AHashLosesItsComment) {
  const auto result = imported(
      Format::kLoki,
      "# A campaign\n\n" + kHash + ";Dropper; found in 2026 \n" + kMd5 + ";Other\nzz;Broken\n",
      "iocs/hash-iocs.txt");
  EXPECT_THAT(shown(result), ElementsAre("hash file.hashes.SHA-256=" + kHash + " @3",
                                         "hash file.hashes.MD5=" + kMd5 + " @4"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "Dropper; found in 2026; A campaign");
  EXPECT_THAT(refusals(result), ElementsAre("5: zz: not an MD5, SHA-1 or SHA-256 in hex"));
}

TEST(ImportLoki, ItsListOfFalsePositivesIsTakenForOneOfSigns) {
  std::string many;
  for (std::size_t i = 0; i <= limits::kImportIndicators; ++i) many += kMd5 + ";Ours\n";
  for (const std::string& text : {kMd5 + ";Ours\n", many}) {
    for (const char* source : {"iocs/falsepositive-hashes.txt", "our-trusted-hashes.txt"})
      EXPECT_THAT(complaint(Format::kLoki, text, source),
                  HasSubstr("files that Loki shall leave alone"));
    EXPECT_EQ(complaint(Format::kLoki, text, "trusted/hash-iocs.txt"), "");
  }
}

TEST(ImportLoki, AFalsePositiveOrTheScoreIsDropped) {
  const auto result = imported(Format::kLoki,
                               "# Droppers of our family\n"
                               "/tmp/\\.[a-z]{3}/dropper$;75;/tmp/\\.bak/\n"
                               "\\\\Temp\\\\evil\\.exe;80\n"
                               "/usr/(?=bin)evil;60\n"
                               "/opt/evil;-20\n"
                               "/opt/evil;high;/opt/evil/good\n"
                               "/opt/other;\n"
                               "/opt/evil$;The dropper of 2015\n"
                               "/opt/evil\n",
                               "filename-iocs.txt");
  ASSERT_THAT(shown(result), ElementsAre("file path file.pathre/tmp/\\.[a-z]{3}/dropper$ "
                                         "!file.pathre/tmp/\\.bak/ @2 c75",
                                         "file path file.pathre/opt/evil$ @8"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "Droppers of our family");
  EXPECT_EQ(result.indicators[1].origins[0].note, "The dropper of 2015; Droppers of our family");
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("it is about Windows"), HasSubstr("lookahead"),
                          HasSubstr("speaks for it"), HasSubstr("'high' is no number"),
                          HasSubstr("'' is no number"), HasSubstr("expected regex;score")));
}

TEST(ImportLoki, APatternForBothSystemsIsOneOfWindows) {
  EXPECT_THAT(shown(imported(Format::kLoki,
                             "[\\\\/]tmp[\\\\/]kd;70\n/etc/cron\\.d/\\\\x2e;70\n"
                             "/tmp/evil$;70;[\\\\/]good[\\\\/]\n/tmp/evil$;70;\\\\good\n"
                             "(/|\\\\)evil$;70\n",
                             "filename-iocs.txt")),
              ElementsAre("file path file.pathre[\\\\/]tmp[\\\\/]kd @1 c70",
                          "file path file.pathre/etc/cron\\.d/\\\\x2e @2 c70",
                          "file path file.pathre/tmp/evil$ !file.pathre[\\\\/]good[\\\\/] @3 c70",
                          "file path file.pathre/tmp/evil$ !file.pathre\\\\good @4 c70",
                          "file path file.pathre(/|\\\\)evil$ @5 c70"));
  const auto of_windows = imported(
      Format::kLoki, "\\\\Temp\\\\evil\\.exe;70\n[\\\\]Temp[\\\\]evil;70\n", "filename-iocs.txt");
  EXPECT_THAT(shown(of_windows), IsEmpty());
  EXPECT_EQ(of_windows.not_taken.size(), 2u);
  for (const NotTaken& one : of_windows.not_taken)
    EXPECT_THAT(one.why, HasSubstr("it is about Windows"));
}

TEST(ImportLoki, APatternOfBracketsOverflowsTheStack) {
  EXPECT_THAT(refusals(imported(Format::kLoki, std::string(10'000'000, '(') + ";70\n",
                                "filename-iocs.txt")),
              ElementsAre(HasSubstr("it has 10000000 bytes; at most 1024")));
}

TEST(ImportLoki, AFalsePositiveNamesAListOfThePolicy) {
  const auto result =
      imported(Format::kLoki, "/tmp/evil$;70;@lists/good\n@lists/good;70\n", "filename-iocs.txt");
  EXPECT_THAT(shown(result), IsEmpty());
  EXPECT_THAT(refusals(result),
              ElementsAre("1: /tmp/evil$;70;@lists/good: '@lists/' names a list in a policy",
                          "2: @lists/good;70: '@lists/' names a list in a policy"));
}

TEST(ImportLoki, TheScoreOfAHashIsTakenForItsComment) {
  const auto result =
      imported(Format::kLoki,
               "# Campaign one\n" + kHash + ";75;Dropper\n" + kMd5 + ";900;\n# Campaign two\n" +
                   kOther + ";1;2;3\n" + std::string(40, 'b') + ";0;Known good\n",
               "hash-iocs.txt");
  EXPECT_THAT(shown(result), ElementsAre("hash file.hashes.SHA-256=" + kHash + " @2 c75",
                                         "hash file.hashes.MD5=" + kMd5 + " @3 c100",
                                         "hash file.hashes.SHA-256=" + kOther + " @5"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "Dropper; Campaign one");
  EXPECT_EQ(result.indicators[1].origins[0].note, "Campaign one");
  EXPECT_EQ(result.indicators[2].origins[0].note, "1;2;3; Campaign two");
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("a score of 0 or less speaks for it")));
}

TEST(ImportLoki, AHashThatIsKnownGoodIsASignInAListOfSoMany) {
  const auto many = [](const std::string& line) {
    std::string text = "# Ours;1;2\n";
    for (std::size_t i = 0; i <= limits::kImportIndicators; ++i) text += kHash + line + "\n";
    return text;
  };
  const std::string good = kOther + ";-50;known good\n";
  EXPECT_THAT(complaint(Format::kLoki, many(";75;x") + good, "hash-iocs.txt"),
              HasSubstr("hash-iocs.txt: line 2 has a score, and so many hashes stay in their file, "
                        "of which no score is read: split it, at most 50000 lines each"));
  EXPECT_THAT(complaint(Format::kLoki, many(";x") + good, "hash-iocs.txt"),
              HasSubstr("line 50003 has a score"));
  EXPECT_TRUE(imported(Format::kLoki, many(";x;y"), "hash-iocs.txt").hash_file);
}

TEST(ImportLoki, TheCampaignOfAC2IsForgotten) {
  const auto result = imported(
      Format::kLoki, "# Campaign one\n198.51.100.7;One\n# Campaign two\nc2[.]example.org\n",
      "c2-iocs.txt");
  ASSERT_EQ(result.indicators.size(), 2u);
  EXPECT_EQ(result.indicators[0].origins[0].note, "One; Campaign one");
  EXPECT_EQ(result.indicators[1].origins[0].note, "Campaign two");
}

TEST(ImportLoki, TheScoreOfAC2IsTakenForItsComment) {
  const auto result =
      imported(Format::kLoki,
               "# Campaign\n198.51.100.7;75;One; more\nc2.example.org;900\n198.51.100.8;0;Ours\n"
               "198.51.100.9;-5\n198.51.100.10;7 hits\n",
               "c2-iocs.txt");
  ASSERT_THAT(shown(result),
              ElementsAre("address network-traffic.dst_ref=198.51.100.7 @2 c75 <2026-12-23",
                          "domain persistence.command#c2.example.org @3 c100 <2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.10 @6 <2026-12-23"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "One; more; Campaign");
  EXPECT_EQ(result.indicators[1].origins[0].note, "Campaign");
  EXPECT_THAT(refusals(result), ElementsAre("4: 198.51.100.8: a score of 0 or less speaks for it",
                                            "5: 198.51.100.9: a score of 0 or less speaks for it"));
}

TEST(ImportLoki, AnAddressAndADomainOfItsC2ListAreTheSame) {
  EXPECT_THAT(
      shown(imported(Format::kLoki, "198.51.100.7;One\nc2[.]example.org;Two\n", "c2-iocs.txt")),
      ElementsAre("address network-traffic.dst_ref=198.51.100.7 @1 <2026-12-23",
                  "domain persistence.command#c2.example.org @2 <2026-12-23"));
  EXPECT_THAT(complaint(Format::kLoki, "x", "iocs.txt"), HasSubstr("which of Loki's lists"));
}

// --- ClamAV --------------------------------------------------------------------------------------

TEST(ImportClamav, TheSizeOfAHashIsLost) {
  const auto result =
      imported(Format::kClamav,
               kMd5 + ":68:Unix.Trojan.Ours-1\n" + kHash + ":*:Unix.Trojan.Ours-2:73\n" +
                   "1024:" + kMd5 + ":Win.Section-1\n" + kMd5 + ":x:Broken\nshort\n",
               "ours.hsb");
  EXPECT_THAT(shown(result), ElementsAre("hash file.size=68 file.hashes.MD5=" + kMd5 + " @1",
                                         "hash file.hashes.SHA-256=" + kHash + " @2"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "Unix.Trojan.Ours-1");
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("a section of a PE file"), HasSubstr("neither a number nor *"),
                          HasSubstr("expected hash:size:name")));
}

TEST(ImportClamav, AListOfFalsePositivesIsTakenForOneOfSigns) {
  // A list of so many hashes is not written out.
  std::string many;
  for (std::size_t i = 0; i <= limits::kImportIndicators; ++i) many += kMd5 + ":68:ours\n";
  for (const std::string& text : {kMd5 + ":68:ours\n", many}) {
    for (const char* source : {"ours.fp", "daily.sfp", "db/DAILY.SFP"})
      EXPECT_THAT(complaint(Format::kClamav, text, source),
                  HasSubstr("files that ClamAV shall leave alone"));
    EXPECT_THAT(complaint(Format::kClamav, text, "daily.imp"), HasSubstr("import tables"));
    EXPECT_EQ(complaint(Format::kClamav, text, "daily.hdb"), "");
  }
}

TEST(ImportClamav, ASizeThatNoFileHasMakesTheWholePolicyUnreadable) {
  const auto result = imported(
      Format::kClamav, kMd5 + ":9223372036854775807:max\n" + kMd5 + ":4611686018427387904:most\n");
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("no file has 9223372036854775807 bytes: at most "
                                    "4611686018427387904")));
  EXPECT_EQ(result.indicators.size(), 1u);
}

// --- plain lists ---------------------------------------------------------------------------------

TEST(ImportPlain, ADefangedNameIsNotRecognized) {
  const auto result = imported(Format::kPlain, "\xEF\xBB\xBF# ours\n" + kHash + "  dropper.bin\n" +
                                                   "198[.]51[.]100[.]7 # c2\n"
                                                   "198.51.100.8:8443\n"
                                                   "hxxps://c2[.]example[.]org/a.sh\n"
                                                   "C2(dot)example.net\n"
                                                   "203.0.113.0/24\n"
                                                   "/tmp/.X25-unix/.rsync\n"
                                                   "not an indicator\n"
                                                   "999.1.1.1\n");
  EXPECT_THAT(shown(result),
              ElementsAre("hash file.hashes.SHA-256=" + kHash + " @2",
                          "address network-traffic.dst_ref=198.51.100.7 @3 <2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.8 "
                          "network-traffic.dst_port=8443 @4 <2026-12-23",
                          "url persistence.command~https://c2.example.org/a.sh @5 <2026-12-23",
                          "domain persistence.command#c2.example.net @6 <2026-12-23",
                          "address network-traffic.dst_refin203.0.113.0/24 @7 <2026-12-23",
                          "file path file.path=/tmp/.X25-unix/.rsync @8"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "dropper.bin");
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("9: not an indicator: neither"),
                                            HasSubstr("10: 999.1.1.1: neither")));
}

TEST(ImportPlain, AUrlIsCutAtASignThatItMayHold) {
  const auto result = imported(
      Format::kPlain, "http://c2.example/a;v=1?b,c  a note\nhxxp[:]//c2[.]example/x,y\n" + kHash +
                          ",http://c2.example/dropper\nc2.example;http://c2.example/\n");
  EXPECT_THAT(shown(result),
              ElementsAre("url persistence.command~http://c2.example/a;v=1?b,c @1 <2026-12-23",
                          "url persistence.command~http://c2.example/x,y @2 <2026-12-23",
                          "hash file.hashes.SHA-256=" + kHash + " @3",
                          "domain persistence.command#c2.example @4 <2026-12-23"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "a note");
}

TEST(ImportPlain, WhatStandsBehindAPathOrAUrlIsAPartOfIt) {
  const auto result = imported(Format::kPlain,
                               "/tmp/evil  # dropper\n/tmp/a, b;c -- d\t # ours\n"
                               "http://c2.example/a,\nhttp://c2.example/b;, two\n"
                               "http://c2.example,\n");
  ASSERT_THAT(
      shown(result),
      ElementsAre("file path file.path=/tmp/evil @1", "file path file.path=/tmp/a, b;c -- d @2",
                  "url persistence.command~http://c2.example/a @3 <2026-12-23",
                  "url persistence.command~http://c2.example/b @4 <2026-12-23",
                  "domain persistence.command#c2.example @5 <2026-12-23"));
  EXPECT_EQ(result.indicators[0].origins[0].note, "dropper");
  EXPECT_EQ(result.indicators[3].origins[0].note, "two");
}

TEST(ImportPlain, TwoUrlsInOneWordAreOne) {
  const auto result = imported(Format::kPlain,
                               "http://a.example/x,http://b.example/y\n"
                               "hxxp://a.example/x;hxxps://b[.]example/y\n"
                               "http://a.example/?to=http://b.example/\n"
                               "http://a.example/web/2026/http://b.example/\n"
                               "/tmp/http://x,http://y\n");
  EXPECT_THAT(shown(result),
              ElementsAre("url persistence.command~http://a.example/?to=http://b.example/ @3 "
                          "<2026-12-23",
                          "url persistence.command~http://a.example/web/2026/http://b.example/ @4 "
                          "<2026-12-23",
                          "file path file.path=/tmp/http://x,http://y @5"));
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("1: http://a.example/x,http://b.example/y: two URLs: write "
                                    "each in a line"),
                          HasSubstr("two URLs")));
}

TEST(ImportPlain, ARangeBecomesItsFirstAddress) {
  const std::string ranges =
      "203.0.113.5 - 203.0.113.9\n203.0.113.5-203.0.113.9\n203.0.113.5-9\n"
      "203.0.113.5 \xE2\x80\x93 203.0.113.9\n203.0.113[.]5 to 203.0.113[.]9 # ours\n"
      "2001:db8::5 - 2001:db8::9\n203.0.113.5, 203.0.113.9\n";
  const auto result = imported(Format::kPlain, ranges);
  EXPECT_THAT(shown(result), IsEmpty());
  EXPECT_EQ(result.not_taken.size(), 7u);
  for (const NotTaken& one : result.not_taken) EXPECT_THAT(one.why, HasSubstr("two addresses"));
  EXPECT_THAT(shown(imported(Format::kPlain,
                             "198.51.100.7 - 9 hits\n198.51.100.8 # 203.0.113.9 too\n"
                             "198.51.100.9-static.example.org\n")),
              ElementsAre("address network-traffic.dst_ref=198.51.100.7 @1 <2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.8 @2 <2026-12-23",
                          "domain persistence.command#198.51.100.9-static.example.org @3 "
                          "<2026-12-23"));
}

TEST(ImportPlain, TheNameOfAFileIsTakenForADomain) {
  const auto result = imported(Format::kPlain,
                               "update.sh\nLIBPROCESSHIDER.SO\nkdevtmpfsi.service\nevil[.]exe\n"
                               "update[.]sh\nhttp://bot.pl\n/tmp/bot.pl\nsh.example\n");
  EXPECT_THAT(shown(result), ElementsAre("domain persistence.command#update.sh @5 <2026-12-23",
                                         "domain persistence.command#bot.pl @6 <2026-12-23",
                                         "file path file.path=/tmp/bot.pl @7",
                                         "domain persistence.command#sh.example @8 <2026-12-23"));
  EXPECT_THAT(
      refusals(result),
      ElementsAre(HasSubstr("1: update.sh: domains and files are called so: write http://update.sh "
                            "for the domain, the whole path for the file"),
                  HasSubstr("write http://libprocesshider.so for the domain"),
                  HasSubstr("3: kdevtmpfsi.service: the name of a file, no domain"),
                  HasSubstr("4: evil[.]exe: the name of a file, no domain")));
}

TEST(ImportPlain, APathOfWindowsIsNoAbsolutePath) {
  const std::string paths =
      "C:\\Windows\\Temp\\evil.exe\nd:\\Program Files\\a, b;c.exe # ours\nC:evil.exe\n";
  const auto result = imported(Format::kPlain, paths, "feed", model::Platform::kWindows);
  ASSERT_THAT(shown(result), ElementsAre("file path file.path=C:\\Windows\\Temp\\evil.exe @1",
                                         "file path file.path=d:\\Program Files\\a, b;c.exe @2"));
  EXPECT_EQ(result.indicators[1].origins[0].note, "ours");
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("3: C:evil.exe: neither")));
  EXPECT_THAT(refusals(imported(Format::kPlain, paths)),
              ElementsAre(HasSubstr("1: C:\\Windows\\Temp\\evil.exe: it is about Windows, and the "
                                    "policy is not: --platform windows"),
                          HasSubstr("it is about Windows"), HasSubstr("neither")));
}

TEST(ImportPlain, AUrlWithoutAPathIsFoundInThoseOfOtherHosts) {
  const auto result =
      imported(Format::kPlain,
               "http://c2.example\nhxxps://user@c2[.]example.net:8443\nhttp://198.51.100.7:80\n"
               "http://[2001:db8::7]:80\nhttp://c2.example/\nhttp://c2.example?x\n"
               "http://localhost\nhttp://198.51.100.7:\nhttp://[2001:db8::7]\n"
               "http://198.51.100.7:0\n");
  EXPECT_THAT(shown(result),
              ElementsAre("domain persistence.command#c2.example @1 <2026-12-23",
                          "domain persistence.command#c2.example.net @2 <2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.7 "
                          "network-traffic.dst_port=80 @3 <2026-12-23",
                          "address network-traffic.dst_ref=2001:db8::7 "
                          "network-traffic.dst_port=80 @4 <2026-12-23",
                          "url persistence.command~http://c2.example/ @5 <2026-12-23",
                          "url persistence.command~http://c2.example?x @6 <2026-12-23",
                          "address network-traffic.dst_ref=198.51.100.7 @8 <2026-12-23",
                          "address network-traffic.dst_ref=2001:db8::7 @9 <2026-12-23"));
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("7: http://localhost: neither"),
                                            HasSubstr("10: http://198.51.100.7:0: neither")));
}

TEST(ImportPlain, AValueThatEveryHostHasIsTakenForASign) {
  const auto result =
      imported(Format::kPlain, crypto::sha256({}).hex() + "\nd41d8cd98f00b204e9800998ecf8427e\n" +
                                   "0.0.0.0/0\n::/0\n127.0.0.1\n10.1.2.3:443\nff02::1\n/\n/opt/\n" +
                                   "44.0.0.0/8\n");
  EXPECT_THAT(shown(result),
              ElementsAre("address network-traffic.dst_refin44.0.0.0/8 @10 <2026-12-23"));
  EXPECT_THAT(refusals(result),
              ElementsAre(HasSubstr("it is the hash of the empty file"),
                          HasSubstr("it is the hash of the empty file"),
                          HasSubstr("0.0.0.0/0: it is nearly every address: a range is no wider "
                                    "than /8, of IPv6 /16"),
                          HasSubstr("::/0: it is nearly every address"),
                          HasSubstr("127.0.0.1: it is loopback: no host of the internet has it"),
                          HasSubstr("10.1.2.3:443: it is private: no host of the internet has it"),
                          HasSubstr("ff02::1: it is multicast: no host of the internet has it"),
                          HasSubstr("8: /: it is a folder, not a file"),
                          HasSubstr("/opt/: it is a folder, not a file")));
}

TEST(ImportPlain, TheHashOfOneLineBreakIsASign) {
  const auto result = imported(
      Format::kPlain, crypto::sha256(as_bytes("\n")).hex() + "\n" +
                          crypto::sha256(as_bytes("\r\n")).hex() +
                          "\nadc83b19e793491b1c6ea0fd8b46cd9f32e592fc\n"
                          "ba8ab5a0280b953aa97435ff8946cbcbb2755a27\n"
                          "68B329DA9893E34099C7D8AD5CB9C940\n81051bcc2cf1bedf378224b0a93e2877\n");
  EXPECT_THAT(refusals(result),
              testing::Each(HasSubstr("it is the hash of a file of one line break")));
  EXPECT_EQ(result.not_taken.size(), 6u);
}

TEST(ImportPlain, AnAddressOfIpv6WithAPortIsNoAddress) {
  const auto result = imported(Format::kPlain, "[2001:db8::8]:443\n2001:db8::9:443\n[x]:443\n");
  EXPECT_THAT(shown(result),
              ElementsAre("address network-traffic.dst_ref=2001:db8::8 "
                          "network-traffic.dst_port=443 @1 <2026-12-23",
                          "address network-traffic.dst_ref=2001:db8::9:443 @2 <2026-12-23"));
  EXPECT_THAT(refusals(result), ElementsAre(HasSubstr("3: [x]:443: neither")));
}

}  // namespace
}  // namespace fleetsweep::indicators
