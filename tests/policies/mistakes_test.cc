// Bad policies by name: each mistake has its place, says what was expected, and hides no other.

#include "protocol/base/limits.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Mistakes, AWrongTypePasses) {
  EXPECT_THAT(
      mistakes(with("version: 1", "version: one")),
      ElementsAre("6:12 error: 'version' is a whole number from 1 to 1000000000, not 'one' | "));
  EXPECT_THAT(mistakes(with("score: 60", "score: 101")),
              ElementsAre("20:12 error: 'score' is a whole number from 0 to 100, not '101' | "));
  EXPECT_THAT(mistakes(with("score: 60", "score: [60]")),
              ElementsAre("20:12 error: 'score' is a whole number from 0 to 100, not a list | "));
  EXPECT_THAT(
      mistakes(with("max_size: 4MiB", "max_size: 4MB")),
      ElementsAre(HasSubstr("error: 'max_size' is a size like 4096, 64KiB, 4MiB or 1GiB, not "
                            "'4MB'")));
  EXPECT_THAT(mistakes(with("title: Sample", "title: {a: b}")),
              ElementsAre("5:10 error: 'title' is text, not a map | "));
  EXPECT_THAT(mistakes(with("title: Sample", "title:")),
              ElementsAre("5:3 error: 'title' has no value | expected text"));
  EXPECT_THAT(mistakes(with("target: {platform: linux}", "target: linux")),
              ElementsAre("10:9 error: target is a map of fields, not text | "));
  EXPECT_THAT(mistakes(sample_policy() + "schedule: {scan_ahead: yes}\n"),
              ElementsAre("39:24 error: 'scan_ahead' is true or false, not 'yes' | "));
  EXPECT_THAT(
      mistakes(sample_policy() + "schedule: {repeat: 1 day}\n"),
      ElementsAre("39:20 error: 'repeat' is a duration like 90s, 10m, 24h or 30d, not '1 day' | "));
  EXPECT_THAT(mistakes(with("version: 1", "version: 1\n  created: yesterday")),
              ElementsAre("7:12 error: 'created' is a time in UTC like 2026-11-23T10:00:00Z or "
                          "2026-11-23, not 'yesterday' | "));
}

TEST(Mistakes, AListAmongOtherValuesIsTakenForText) {
  const char* error =
      "error: '@lists/c2' stands among other values | a list is the whole value: make it another "
      "alternative of 'where'";
  EXPECT_THAT(mistakes(with("\"@lists/c2\"", "['@lists/c2', 198.51.100.9]")),
              testing::Contains(HasSubstr(error)));
  EXPECT_THAT(mistakes(with("'{{content.file.path}}'",
                            "'{{content.file.path}}', process.command_line|contains: [evil, "
                            "'@lists/c2']")),
              testing::Contains(HasSubstr(error)));
}

TEST(Mistakes, WhatIsKeptIsSignedToBeGoneForGood) {
  const auto beside_purge = [](const std::string& action) {
    return mistakes(with("- {action: quarantine, select: content}",
                         "- {action: purge, select: content}\n      - {action: " + action + "}"));
  };
  EXPECT_THAT(
      beside_purge("quarantine, select: [content]"),
      ElementsAre("35:33 error: 'content' is to be purged, and quarantined as well | take it "
                  "out of one of them: agents would quarantine it"));
  for (const char* collect : {"collect, select: [started, content]", "collect, select: all"})
    EXPECT_THAT(
        beside_purge(collect),
        ElementsAre("35:33 warning: 'content' is to be purged, and collect keeps its content "
                    "| name what collect takes, without it"))
        << collect;
  EXPECT_THAT(beside_purge("collect, select: started"), testing::IsEmpty());
}

TEST(Mistakes, NoAgentCanDecodeIt) {
  const auto many = [](std::size_t count, const std::string& one) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i)
      list += (i ? ", " : "") + fmt::format(fmt::runtime(one), i);
    return "[" + list + "]";
  };
  const auto where = [&](std::size_t count) {
    return mistakes(
        with("yara: sample", "yara: sample\n    where: " + many(count, "{{file.size: {}}}") +
                                 "\n    not: " + many(count, "{{file.name: a{}}}")));
  };
  EXPECT_THAT(where(64), testing::IsEmpty());
  EXPECT_THAT(where(65), ElementsAre("20:12 error: 65 alternatives; at most 64 | ",
                                     "21:10 error: 65 alternatives; at most 64 | "));
  const auto blocked = [&](std::size_t count) {
    return mistakes(
        with("[198.51.100.7, 198.51.100.8]", many(count, "2001:db8::{:x}"),
             with("ipv4-addr", "ipv6-addr",
                  with("- {action: quarantine",
                       "- {action: block, select: '@lists/c2'}\n      - {action: quarantine"))));
  };
  EXPECT_THAT(blocked(256), testing::IsEmpty());
  EXPECT_THAT(blocked(257), ElementsAre("35:33 error: 257 addresses to block; at most 256 | "));
  EXPECT_THAT(mistakes(with("[0s]", many(16, "{}s"))), testing::IsEmpty());
  EXPECT_THAT(mistakes(with("[0s]", many(17, "{}s"))),
              ElementsAre("38:18 error: 17 rescans; at most 16 | "));
  EXPECT_THAT(mistakes(with("rescan: [0s]",
                            "rescan: [0s], health: " + many(257, "port 1{}/tcp unchanged"))),
              ElementsAre(HasSubstr("error: 257 health checks; at most 256")));
  EXPECT_THAT(mistakes(with("platform: linux", "platform: linux, precondition: " +
                                                   many(17, "kernel.version >= 5.{}"))),
              ElementsAre(HasSubstr("error: 17 preconditions; at most 16")));
  EXPECT_THAT(mistakes(with("paths: [/opt]", "paths: " + many(1025, "/opt/{}"))),
              ElementsAre("18:20 error: 1025 paths; at most 1024 | "));
  EXPECT_THAT(mistakes(sample_policy() + "safety: {protect: " + many(1025, "/opt/{}") + "}\n"),
              ElementsAre("39:19 error: 1025 paths; at most 1024 | "));
  std::string both = "content";
  for (int i = 1; i < 64; ++i) both += " and content";
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)",
                            "(" + both + ") and 1 of (started, talks)")),
              testing::IsEmpty());
  EXPECT_THAT(
      mistakes(with("content and 1 of (started, talks)", both + " and 1 of (started, talks)")),
      ElementsAre(HasSubstr("error: more than 64 parts joined by 'and'")));
}

TEST(Mistakes, ACompiledPolicyIsLargerThanAgentsTake) {
  std::string words;
  for (int i = 0; i < 20'000; ++i)
    words += fmt::format("{}word{}{}", i ? ", " : "", i, std::string(100, 'x'));
  const auto found = [&](const char* more) {
    return mistakes(
        with("  talks:\n",
             std::string("  said: {object: process, where: {process.command_line|contains: "
                         "'@lists/words'}}\n") +
                 more + "  talks:\n",
             with("lists:\n", "lists:\n  words: {type: text, values: [" + words + "]}\n",
                  with("(started, talks)", "(started, talks, said*)"))));
  };
  EXPECT_THAT(found(""), testing::IsEmpty());
  EXPECT_THAT(
      found("  said_too: {object: process, where: {process.name|contains: '@lists/words'}}\n"),
      ElementsAre(HasSubstr("0:0 error: no agent could read this policy: ")));
}

TEST(Mistakes, WhatWasTakenIsGoneBeforeItIsVerified) {
  EXPECT_THAT(mistakes(sample_policy() + "safety: {undo_ttl: 12h}\n"),
              ElementsAre(HasSubstr("error: 'undo_ttl' is 12h")));
  EXPECT_THAT(mistakes(with("rescan: [0s]", "rescan: [0s, 40d]")),
              ElementsAre(HasSubstr("error: the last rescan comes 40d after the cleaning")));
  EXPECT_THAT(mistakes(with("rescan: [0s]", "rescan: [0s, 40d]") + "safety: {undo_ttl: 40d}\n"),
              testing::IsEmpty());
}

TEST(Mistakes, AnUnknownFieldIsIgnored) {
  EXPECT_THAT(mistakes(with("title: Sample", "titel: Sample")),
              ElementsAre("4:3 error: metadata: 'title' is missing | ",
                          "5:3 error: metadata has no field 'titel' | did you mean 'title'?"));
  EXPECT_THAT(mistakes(with("yara: sample", "yara: sample\n    scroe: 5")),
              ElementsAre("20:5 error: the detection 'content' has no field 'scroe' | did you mean "
                          "'score'?"));
  EXPECT_THAT(
      mistakes(with("process.exe.path:", "process.exe.pth:")),
      ElementsAre("24:13 error: no field 'process.exe.pth' | did you mean 'process.exe.path'?"));
  EXPECT_THAT(mistakes(with("process.exe.path:", "file.path:")),
              ElementsAre("24:13 error: 'file.path' is not a field of a process detection | use a "
                          "detection with 'object: file' and join it with for_each"));
  EXPECT_THAT(mistakes(sample_policy() + "safty: {}\n"),
              ElementsAre("39:1 error: a policy has no field 'safty' | did you mean 'safety'?"));
}

TEST(Mistakes, AFieldIsNamedTwiceAmongThoseThatAreExpected) {
  EXPECT_THAT(mistakes(with("level: high", "level: high, independent_min: 1")),
              ElementsAre(HasSubstr("has no field 'independent_min' | expected one of condition, "
                                    "confidence, level, description")));
}

TEST(Mistakes, AValueThatStandsForEverythingIsASign) {
  const auto where = [](const std::string& selection, const std::string& more = "") {
    return mistakes(with("yara: sample", "yara: sample\n    where: {" + selection + "}" + more));
  };
  for (const std::string& field_and_hash :
       {"SHA-256: " + crypto::sha256({}).hex(),
        std::string("SHA-1: da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        std::string("MD5: D41D8CD98F00B204E9800998ECF8427E")})
    EXPECT_THAT(where("file.hashes." + field_and_hash),
                ElementsAre(HasSubstr("' is the hash of the empty file | ")))
        << field_and_hash;
  EXPECT_THAT(where("file.magic: elf",
                    "\n    not: {file.hashes.SHA-256: " + crypto::sha256({}).hex() + "}"),
              testing::IsEmpty())
      << "what is left out may be empty";

  const auto range = [](const std::string& address, const std::string& type) {
    return mistakes(with("@lists/c2\"}",
                         "@lists/c2\"}\n  ranges:\n    object: network-traffic\n"
                         "    where: {network-traffic.dst_ref|cidr: '@lists/wide'}",
                         with("rules:\n", "  wide: {type: " + type + ", values: ['" + address +
                                              "'], expires: 2027-05-01}\nrules:\n")));
  };
  EXPECT_THAT(range("0.0.0.0/0", "ipv4-addr"),
              ElementsAre(HasSubstr("'0.0.0.0/0' is nearly every address | a range is no wider "
                                    "than /8, of IPv6 /16")));
  EXPECT_THAT(range("::/0", "ipv6-addr"), ElementsAre(HasSubstr("is nearly every address")));
  EXPECT_THAT(range("44.0.0.0/8", "ipv4-addr"), testing::IsEmpty());
}

TEST(Mistakes, AFieldOfTheScopeStandsBesideIt) {
  EXPECT_THAT(
      mistakes(with("yara: sample", "yara: sample\n    archives: true")),
      ElementsAre("20:15 error: 'archives' of the detection 'content' stands outside of its "
                  "scope | scope: {archives: ...}"));
}

TEST(Mistakes, AHealthCheckThatNoAgentUnderstandsIsNeverMeasured) {
  const auto checks = [](const std::string& list) {
    return with("{none_of: [confirmed]}}", "{none_of: [confirmed]}, health: [" + list + "]}");
  };
  EXPECT_THAT(mistakes(checks("agent heartbeat, port 22 unchanged")),
              ElementsAre(AllOf(HasSubstr("error: 'port 22 unchanged' is no health check | "),
                                HasSubstr("'port NUMBER/tcp unchanged' (or udp)"))));
  EXPECT_THAT(mistakes(checks("file /etc/fstab present, port 22/tcp unchanged")),
              testing::IsEmpty());
}

TEST(Mistakes, APathOfWindowsThatNothingHasIsTakenWithoutAWord) {
  const auto detection = [](const std::string& more) {
    return mistakes(with("yara: sample", "yara: sample\n    " + more,
                         with("platform: linux", "platform: windows")));
  };
  const auto complains = [&](const std::string& more, const char* of) {
    EXPECT_THAT(detection(more), testing::Contains(HasSubstr(of))) << more;
  };
  complains("where: {file.path: 'C:evil.dll'}",
            "'C:evil.dll' is not an absolute path | start with C:");
  complains("where: {file.path|startswith: '%TEMP%'}", "'%TEMP%' is not an absolute path");
  EXPECT_THAT(detection("where: {file.path: 'C:\\Windows\\evil.dll'}"),
              testing::Not(testing::Contains(HasSubstr("evil.dll' is not an absolute"))));
  const auto scope = [](const std::string& path) {
    return mistakes(
        with("[/opt]", "['" + path + "']", with("platform: linux", "platform: windows")));
  };
  EXPECT_THAT(scope("D:\\data"),
              testing::Contains(HasSubstr("warning: agents look into nothing on 'D:'")));
  EXPECT_THAT(scope("C:\\data"), testing::Not(testing::Contains(HasSubstr("agents look into"))));
}

TEST(Mistakes, AMistypedPathOfWindowsProtectsNothing) {
  const auto protect = [](const std::string& path) {
    return mistakes(with("[/opt]", "['C:\\data']", with("platform: linux", "platform: windows")) +
                    "safety: {protect: ['" + path + "']}\n");
  };
  EXPECT_THAT(protect("%APDATA%\\x"), testing::Contains(HasSubstr("39:20 error: no variable "
                                                                  "'%APDATA%' | did you mean")));
  EXPECT_THAT(protect("%TEMP\\x"), testing::Contains(HasSubstr("error: no variable '%TEMP%' | ")));
  EXPECT_THAT(protect("Users\\x"),
              testing::Contains(HasSubstr("error: 'Users\\x' is not an absolute path")));
  EXPECT_THAT(protect("D:\\data"),
              testing::Contains(HasSubstr("warning: agents look into nothing on 'D:'")));
  for (const char* path : {"%APPDATA%\\x", "C:\\Users\\*\\x"})
    EXPECT_THAT(protect(path), testing::Not(testing::Contains(HasSubstr("39:")))) << path;
}

TEST(Mistakes, AMistypedVariableOfWindowsScansNothing) {
  const auto scope = [](const std::string& path) {
    return mistakes(
        with("[/opt]", "['" + path + "']", with("platform: linux", "platform: windows")));
  };
  EXPECT_THAT(scope("%APDATA%\\x"), testing::Contains(HasSubstr("error: no variable '%APDATA%' | "
                                                                "did you mean '%APPDATA%'?")));
  EXPECT_THAT(scope("%TEMP\\x"), testing::Contains(HasSubstr("error: no variable '%TEMP%' | ")));
  for (const char* path : {"%APPDATA%\\x", "%appdata%", "%ProgramFiles(x86)%\\y", "%SystemDrive%"})
    EXPECT_THAT(scope(path), testing::Not(testing::Contains(HasSubstr("no variable")))) << path;

  const auto names_under = [](const std::string& folders) {
    return mistakes(with("yara: sample",
                         "yara: sample\n    where: {file.parent_directory.name|in: "
                         "'@names_under(" +
                             folders + ")'}",
                         with("platform: linux", "platform: windows")));
  };
  EXPECT_THAT(names_under("%APPDATA%, %ProgramFile%"),
              testing::Contains(HasSubstr("error: no variable '%ProgramFile%' | did you mean")));
  EXPECT_THAT(names_under("%APPDATA%, Users"),
              testing::Contains(HasSubstr("error: 'Users' is not an absolute path")));
  EXPECT_THAT(names_under("%APPDATA%, %programfiles(x86)%, C:\\Tools"),
              testing::Not(
                  testing::Contains(testing::AnyOf(HasSubstr("no variable"), HasSubstr("Tools")))));
  EXPECT_THAT(names_under("D:\\data"),
              testing::Contains(HasSubstr("warning: agents look into nothing on 'D:'")));
}

TEST(Mistakes, AKeyThatNoAgentReadsIsLookedFor) {
  const auto key = [](const std::string& is, const std::string& text) {
    return mistakes(with("verdicts:\n",
                         "  value:\n    object: windows-registry-key\n    where: "
                         "{windows-registry-key.key" +
                             is + ": '" + text + "'}\nverdicts:\n",
                         with("platform: linux", "platform: windows")));
  };
  for (const char* text : {"HKLM\\SAM\\SAM", "HKEY_LOCAL_MACHINE\\SECURITY", "HKLM\\SYSTEMS\\x",
                           "HKLM", "HKEY_CURRENT_CONFIG\\x", "Software\\x", "HKU\\S-1-5-19\\x"})
    EXPECT_THAT(key("", text),
                testing::Contains(HasSubstr(fmt::format(
                    "warning: agents never read the key '{}' | they read HKLM\\SYSTEM", text))));
  EXPECT_THAT(key("|startswith", "HKEY_USERS\\S-1-5-21-1-2-3-1001\\Software\\x"),
              testing::Contains(HasSubstr("| that user is one machine's: HKCU stands for")));
  for (const char* text : {"HKCU\\\\Software\\\\x", "HKCU\\Software\\"})
    EXPECT_THAT(key("", text), testing::Contains(HasSubstr("warning: no key is called '")));
  for (const char* text : {"hklm\\system\\CurrentControlSet", "HKEY_LOCAL_MACHINE\\Software\\x",
                           "HKCR\\.x", "HKEY_CLASSES_ROOT\\.x", "HKCU", "HKEY_USERS\\.DEFAULT\\x"})
    EXPECT_THAT(key("", text), testing::Not(testing::Contains(HasSubstr("key")))) << text;
  for (const char* text : {"HKLM\\SO", "HKEY_", "HKCU\\Software\\", "HKEY_LOCAL_MACHINE\\S", "HK"})
    EXPECT_THAT(key("|startswith", text), testing::Not(testing::Contains(HasSubstr("key"))))
        << text;
}

TEST(Mistakes, EntriesOfAnotherSystemAreLookedFor) {
  const auto kinds = [](const std::string& list, const std::string& platform) {
    return mistakes(with("verdicts:\n",
                         "  starts:\n    object: persistence\n    where: {persistence.kind: [" +
                             list + "]}\nverdicts:\n",
                         with("platform: linux", "platform: " + platform)));
  };
  EXPECT_THAT(kinds("cron, systemd_unit", "windows"),
              testing::Contains(HasSubstr("error: 'starts' looks for entries of Linux on windows | "
                                          "target: {platform: linux}")));
  EXPECT_THAT(kinds("win_run", "linux"),
              testing::Contains(HasSubstr("error: 'starts' looks for entries of Windows on linux | "
                                          "target: {platform: windows}")));
  for (const auto& [list, platform] :
       {std::pair{"cron, win_run", "windows"}, {"win_task", "windows"}, {"cron", "linux"}})
    EXPECT_THAT(kinds(list, platform),
                testing::Not(testing::Contains(HasSubstr("looks for entries"))))
        << list;
}

TEST(Mistakes, ARuleReadsTheMemoryOfEveryProcess) {
  constexpr char kWhere[] = "    where: {process.exe.path: '{{content.file.path}}'}\n";
  EXPECT_THAT(mistakes(with("for_each: content\n", "for_each: content\n    yara: sample\n")),
              testing::IsEmpty());
  EXPECT_THAT(mistakes(with(kWhere, "    yara: sample\n")),
              testing::Contains(HasSubstr("'started' would read the memory of every process | say "
                                          "in 'where' which processes are candidates")));
  EXPECT_THAT(
      mistakes(with("object: network-traffic\n", "object: network-traffic\n    yara: sample\n")),
      ElementsAre(HasSubstr("'yara' reads files and the memory of processes; this "
                            "detection looks for a network-traffic")));
}

TEST(Mistakes, ADuplicateKeyWins) {
  EXPECT_THAT(mistakes(with("title: Sample", "title: Sample\n  title: Other")),
              ElementsAre("6:3 error: 'title' stands here twice | the first is on line 5"));
}

TEST(Mistakes, AMissingSectionIsForgiven) {
  const auto lines = mistakes("apiVersion: fleetsweep/v1\nkind: Policy\n");
  EXPECT_THAT(lines,
              ElementsAre("1:1 error: a policy: 'detections' is missing | what to look for",
                          "1:1 error: a policy: 'metadata' is missing | who wrote it, about which "
                          "family, on whose authority",
                          "1:1 error: a policy: 'responses' is missing | what to do about each "
                          "verdict",
                          "1:1 error: a policy: 'target' is missing | target: {platform: linux}",
                          "1:1 error: a policy: 'verdicts' is missing | which findings count as "
                          "what"));
  EXPECT_THAT(
      mistakes(with("authority: {legal_basis: owner-consent, issuer: Example Org, reference: T-1}",
                    "authority: {issuer: Example Org}")),
      ElementsAre("9:14 error: authority: 'legal_basis' is missing | expected one of "
                  "owner-consent, contract, court-order, statutory",
                  "9:14 error: authority: 'reference' is missing | a ticket or file number"));
}

TEST(Mistakes, AnotherKindOfDocumentIsRead) {
  EXPECT_THAT(
      mistakes(with("fleetsweep/v1", "fleetsweep/v2")),
      ElementsAre("1:13 error: no version 'fleetsweep/v2' of the policy language | apiVersion: "
                  "fleetsweep/v1"));
  EXPECT_THAT(mistakes(with("kind: Policy", "kind: Order")),
              ElementsAre("2:7 error: no kind 'Order' | kind: Policy"));
  EXPECT_THAT(mistakes("- a\n- b\n"),
              ElementsAre("1:1 error: a policy is a map of fields, not a list | "));
}

TEST(Mistakes, ABadRegexIsSigned) {
  const auto regex = [](const std::string& pattern) {
    return mistakes(with("talks:\n",
                         "cron:\n    object: persistence\n    where: "
                         "{persistence.command|re: '" +
                             pattern + "'}\n  talks:\n"));
  };
  EXPECT_THAT(
      regex("abc(?!def)"),
      ElementsAre("27:41 error: negative lookahead ((?!) has no bounded time | write what must "
                  "not match under 'not:'"));
  EXPECT_THAT(
      regex("(a)\\1"),
      ElementsAre("27:41 error: a backreference (\\1) has no bounded time | write the text out"));
  EXPECT_THAT(
      regex("(a{99}){99}"),
      ElementsAre("27:37 error: the regular expression needs about 9801 states; at most 500 | make "
                  "counted repeats like {0,80} shorter, or split the alternatives"));
  EXPECT_THAT(regex("a*"),
              ElementsAre("27:37 error: the regular expression also matches empty text | it "
                          "would match everything: demand at least one character"));
  EXPECT_THAT(regex("[a"),
              ElementsAre(HasSubstr("27:37 error: not a regular expression that runs in "
                                    "bounded time: ")));
  EXPECT_THAT(regex("a{1,3}b"), ElementsAre());
}

TEST(Mistakes, AModifierThatDoesNotFitIsIgnored) {
  const auto where = [](const std::string& predicate) {
    return mistakes(with("yara: sample", "yara: sample\n    where: {" + predicate + "}"));
  };
  EXPECT_THAT(where("file.name|startwith: a"),
              ElementsAre("20:23 error: no modifier 'startwith' | did you mean 'startswith'?"));
  EXPECT_THAT(
      where("file.size|contains: 4"),
      ElementsAre(
          "20:13 error: 'file.size' does not hold text: 'contains' cannot be used | compare "
          "with gt, lt or a plain value"));
  EXPECT_THAT(
      where("file.name|gt: 4"),
      ElementsAre("20:13 error: 'file.name' does not hold a number: 'gt' cannot be used | "));
  EXPECT_THAT(
      where("file.name|contains|endswith: a"),
      ElementsAre(HasSubstr("20:32 error: 'file.name|contains|endswith' has two comparisons")));
  EXPECT_THAT(
      where("file.name|base64offset: a"),
      ElementsAre("20:13 error: 'file.name' needs 'contains' beside wide and base64offset | "
                  "file.name|base64offset|contains"));
  EXPECT_THAT(where("file.name|all: [a, b]"),
              ElementsAre(HasSubstr("'file.name' cannot equal several values at once")));
  EXPECT_THAT(
      where("file.path|cidr: 10.0.0.0/8"),
      ElementsAre(HasSubstr("'file.path' does not hold an address: 'cidr' cannot be used")));
}

TEST(Mistakes, AValueThatCanNeverMatchIsTaken) {
  const auto where = [](const std::string& predicate) {
    return mistakes(with("yara: sample", "yara: sample\n    where: {" + predicate + "}"));
  };
  EXPECT_THAT(where("file.magic: pdf"),
              ElementsAre(HasSubstr("20:25 error: 'file.magic' is never 'pdf'")));
  EXPECT_THAT(where("file.hashes.MD5: abc"),
              ElementsAre("20:30 error: 'file.hashes.MD5' is 32 hex digits, not 'abc' | "));
  EXPECT_THAT(
      where("file.name: /tmp/x"),
      ElementsAre(
          "20:24 error: 'file.name' is a name and holds no '/' | a whole path is file.path or "
          "process.exe.path"));
  EXPECT_THAT(
      where("file.path: tmp/x"),
      ElementsAre("20:24 error: 'tmp/x' is not an absolute path | start with /, or use endswith"));
  EXPECT_THAT(
      where("file.path: /tmp/x*"),
      ElementsAre("20:24 error: '/tmp/x*' is not a pattern: * and ? stand for themselves | use "
                  "startswith, endswith, contains or re; or scope.paths"));
  EXPECT_THAT(where("file.extension: .so"),
              ElementsAre("20:29 error: an extension has no dot: '.so' | write so"));
  EXPECT_THAT(where("file.package_owned: no"),
              ElementsAre("20:33 error: 'file.package_owned' is true or false, not 'no' | "));
  EXPECT_THAT(where("file.name: []"),
              ElementsAre("20:24 error: 'file.name' is an empty list | name at least one value"));
  EXPECT_THAT(mistakes(with("198.51.100.7", "198.51.100.700")),
              ElementsAre(HasSubstr("12:34 error: '198.51.100.700' is not an IP address"),
                          HasSubstr("12:34 error: '198.51.100.700' is not an ipv4-addr")));
}

TEST(Mistakes, ATemplateNamesNothing) {
  const auto path = [](const std::string& value) {
    return mistakes(with("'{{content.file.path}}'", "'{{content.file.path}}" + value + "'"));
  };
  EXPECT_THAT(
      path("{{contnt.file.path}}"),
      ElementsAre("24:53 error: 'contnt' is not a detection that this one is joined to | for_each "
                  "names 'content'"));
  EXPECT_THAT(
      path("{{content.file.pth}}"),
      ElementsAre("24:53 error: 'content' is a file and has no field 'file.pth' | did you mean "
                  "'file.path'?"));
  EXPECT_THAT(
      path("{{content.file.size}}"),
      ElementsAre(
          "24:53 error: 'file.size' does not hold text | only text can stand in a template"));
  EXPECT_THAT(path("{{content.file.path|lower}}"),
              ElementsAre("24:53 error: no filter 'lower' | the only one is unwow64"));
  EXPECT_THAT(path("{{content.file.path"),
              ElementsAre(HasSubstr("'{{' does not begin a template")));
  EXPECT_THAT(
      mistakes(with("    for_each: content\n", "")),
      ElementsAre("23:32 error: 'content' is not a detection that this one is joined to | add "
                  "'for_each: content'"));
}

TEST(Mistakes, AnActionOnTheWrongObjectIsPlanned) {
  EXPECT_THAT(mistakes(with("{action: kill, select: started}", "{action: kill, select: content}")),
              ElementsAre("34:32 error: 'kill' cannot act on 'content', which is a file | "
                          "processes_of(<a file detection>)"));
  EXPECT_THAT(mistakes(with("{action: kill, select: started}", "{action: kill}")),
              ElementsAre(HasSubstr("34:9 error: 'kill' does not say on what")));
  EXPECT_THAT(
      mistakes(with("{action: kill, select: started}", "{action: kill, select: all}")),
      ElementsAre(
          "34:32 error: 'kill' must name what it acts on | 'all' goes with collect and report "
          "only"));
  EXPECT_THAT(mistakes(with("{action: kill, select: started}", "{action: exec, select: started}")),
              ElementsAre(HasSubstr("34:18 error: 'action' does not know 'exec'")));
  EXPECT_THAT(mistakes(with("{action: quarantine, select: content}",
                            "{action: quarantine, select: content, undo: false}")),
              ElementsAre(HasSubstr("'undo: false' is not possible")));
  EXPECT_THAT(
      mistakes(with("{action: quarantine, select: content}",
                    "{action: purge, select: content, undo: true}")),
      ElementsAre("35:48 error: 'undo: true' is not possible with 'purge' | what is purged is "
                  "gone for good; quarantine keeps it"));
  EXPECT_THAT(mistakes(with("{action: quarantine, select: content}",
                            "{action: purge, select: content, undo: false}")),
              testing::IsEmpty());
  EXPECT_THAT(mistakes(with("{action: kill, select: started}",
                            "{action: restart, select: services_mapping(content)}")),
              ElementsAre(HasSubstr("'restart' has no 'allow'")));
  EXPECT_THAT(mistakes(with("{action: kill, select: started}",
                            "{action: restart, select: services_mapping(content), "
                            "allow: [ssh.service, cron, dbus.service]}")),
              ElementsAre(HasSubstr("'cron' is no service | name it as systemctl does"),
                          HasSubstr("no agent restarts 'dbus.service': everything that speaks over "
                                    "the system's bus would lose its line")));
  std::string many = "s0.service";
  for (std::size_t i = 1; i <= limits::kServicesRestarted; ++i)
    many += fmt::format(", s{}.service", i);
  EXPECT_THAT(
      mistakes(with("{action: kill, select: started}",
                    "{action: restart, select: services_mapping(content), allow: [" + many + "]}")),
      ElementsAre(HasSubstr("'allow' names 33 services, an order restarts 32 at most")));
}

TEST(Mistakes, ARuleFileIsTakenOnTrust) {
  const auto sha = crypto::sha256(as_bytes(kSampleRule)).hex();
  EXPECT_THAT(
      mistakes(with(sha, std::string(64, '0'))),
      ElementsAre(
          "14:50 error: 'rules/sample.yar' has another SHA-256 than the policy says | it is " +
          sha + "; look at what changed before you write it here"));
  EXPECT_THAT(mistakes(with(", sha256: " + sha, "")),
              ElementsAre("14:24 error: the rule 'sample' has no 'sha256' | sha256: " + sha));
  EXPECT_THAT(
      mistakes(with(", license: Apache-2.0", "")),
      ElementsAre("14:5 error: a rule: 'license' is missing | SPDX name of the licence of the rule "
                  "file, such as Apache-2.0 or DRL-1.1"));
  EXPECT_THAT(
      mistakes(with("rules/sample.yar", "../sample.yar")),
      ElementsAre("14:24 error: '../sample.yar' is not a file beside the policy | a relative path "
                  "without '..', such as rules/family.yar"));
  EXPECT_THAT(
      mistakes(with("rules/sample.yar", "rules/other.yar")),
      ElementsAre(
          "14:24 error: 'rules/other.yar' cannot be read: no such file or no permission | "));
}

std::vector<std::string> rule_mistakes(const std::string& rule) {
  const auto yaml =
      with(crypto::sha256(as_bytes(kSampleRule)).hex(), crypto::sha256(as_bytes(rule)).hex());
  std::vector<std::string> lines;
  for (const auto& d : compile_with(yaml, rule).diagnostics)
    lines.push_back(fmt::format("{}:{} {}: {}", d.file, d.line, name(d.severity), d.message));
  return lines;
}

TEST(Mistakes, ABrokenYaraRuleIsFoundOnTheHostOnly) {
  EXPECT_THAT(rule_mistakes("rule a {\n  condition:\n    $missing\n}\n"),
              ElementsAre("rules/sample.yar:4 error: YARA: undefined string \"$missing\""));
  EXPECT_THAT(
      rule_mistakes("import \"hash\"\nrule a { condition: hash.md5(0, filesize) == \"x\" }\n"),
      ElementsAre(HasSubstr("rules/sample.yar:1 error: the YARA module 'hash' is not allowed")));
  EXPECT_THAT(rule_mistakes("include \"/etc/passwd\"\nrule a { condition: true }\n"),
              ElementsAre(HasSubstr("rules/sample.yar:1 error: YARA: ")));
  EXPECT_THAT(rule_mistakes("rule a {\n  strings:\n    $a = \"ab\"\n  condition: $a\n}\n"),
              testing::Contains(
                  HasSubstr("rules/sample.yar:3 warning: the YARA string $a has no 4 fixed")));
  EXPECT_THAT(rule_mistakes("rule a { condition: filename == \"x\" and md5 == \"y\" }"),
              ElementsAre())
      << "the external variables of LOKI are known";
}

TEST(Mistakes, OnlyTheFirstMistakeIsShown) {
  std::string text = sample_policy();
  for (const auto& [from, to] :
       {std::pair<const char*, const char*>{"title: Sample", "titel: Sample"},
        {"version: 1", "version: one"},
        {"platform: linux", "platform: linus"},
        {"object: process", "object: proces"},
        {"1 of them", "1 of nix_*"},
        {"select: content", "select: contents"},
        {"[0s]", "[0]"},
        {"none_of: [confirmed]", "none_of: [confirmd]"}})
    text = with(from, to, text);
  std::vector<std::string> places;
  for (const auto& d : compile(text).diagnostics)
    if (d.severity == Severity::kError) places.push_back(fmt::format("{}:{}", d.line, d.column));
  EXPECT_THAT(places, ElementsAre("4:3", "5:3", "6:12", "10:20", "22:13", "30:27", "35:38", "38:19",
                                  "38:42"));
}

TEST(Mistakes, APreconditionOnNothingHolds) {
  const auto when = [](const std::string& text) {
    return mistakes(with("platform: linux", "platform: linux, precondition: " + text));
  };
  EXPECT_THAT(when("kernel.version >= 5.4"), ElementsAre());
  EXPECT_THAT(when("kernel >= 5.4"),
              ElementsAre("10:41 error: no fact 'kernel' | expected one of os.version, "
                          "kernel.version, os.id, arch"));
  EXPECT_THAT(
      when("os.id >= debian"),
      ElementsAre("10:47 error: os.id cannot be compared with '>=' | expected one of ==, !="));
  EXPECT_THAT(when("os.version"), ElementsAre(HasSubstr("'os.version' is not a precondition")));
  EXPECT_THAT(when("os.version > new"),
              ElementsAre(HasSubstr("10:54 error: 'new' is not a version")));
}

TEST(Mistakes, ThousandsOfMistakesFillTheMemory) {
  std::string detections;
  for (int i = 0; i < 3000; ++i) detections += fmt::format("  x{}: y\n", i);
  EXPECT_LE(compile(sample_policy() + detections).diagnostics.size(), 1000u);
  EXPECT_FALSE(compile(sample_policy() + detections).ok());
}

}  // namespace fleetsweep::compiler
