// The checks that look at the whole policy, one test for each thing they prevent.

#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Checks, AHashReadsTheWholeDisk) {
  const std::string hash = std::string(64, 'a');
  const auto text =
      with("talks:\n", "by_hash:\n    object: file\n    where: {file.hashes.SHA-256: " + hash +
                           "}\n  talks:\n");
  EXPECT_THAT(
      mistakes(text),
      ElementsAre("25:3 error: 'by_hash' would hash every file of the disk | add file.size, "
                  "file.magic or scope.paths"));
  EXPECT_THAT(mistakes(with("SHA-256: " + hash, "SHA-256: " + hash + ", file.size: 68", text)),
              IsEmpty());
}

TEST(Checks, AWordThatNarrowsNothingHidesAWholeDisk) {
  const std::string hash = "file.hashes.SHA-256: " + std::string(64, 'a');
  const auto found = [&](const std::string& scope, const std::string& where) {
    return mistakes(with("talks:\n", "by_hash:\n    object: file\n" + scope + "    where: {" +
                                         where + "}\n  talks:\n"));
  };
  const auto whole = Contains(HasSubstr("'by_hash' would hash every file of the disk"));
  for (const char* scope :
       {"{depth: 30}", "{paths: [/]}", "{paths: ['/**', /opt]}", "{memfd: true}"})
    EXPECT_THAT(found("    scope: " + std::string(scope) + "\n", hash), whole) << scope;
  for (const char* more : {"file.size|exists: true", "file.size|gt: 0", "file.name|re: '.'",
                           "file.path|startswith: /"})
    EXPECT_THAT(found("", std::string(more) + ", " + hash), whole) << more;
  EXPECT_THAT(found("    not: {" + hash + "}\n", "file.package_owned: false"), whole);
  EXPECT_THAT(found("    scope: {paths: [/opt]}\n", hash), IsEmpty());
  EXPECT_THAT(found("", "file.name|re: '^kin', " + hash), IsEmpty());
}

std::vector<std::string> with_rule(const std::string& rule, std::string policy) {
  policy = with(crypto::sha256(as_bytes(kSampleRule)).hex(), crypto::sha256(as_bytes(rule)).hex(),
                std::move(policy));
  std::vector<std::string> lines;
  for (const auto& one : lines_of(compile_with(policy, rule).diagnostics))
    if (one.find("YARA: ") == std::string::npos) lines.push_back(one);
  return lines;
}

TEST(Checks, AnActionRestsOnARuleThatIsTrueOfAnyFile) {
  const std::string always = "rule Any {\n  condition:\n    filesize < 4MB }\n";
  const auto warning = HasSubstr("2:0 warning: the rule 'Any' is true whatever a file holds");
  EXPECT_THAT(with_rule(always, with("score: 60", "score: 95")),
              ElementsAre(HasSubstr("error: 'content' has the score 95, and its rule is true "
                                    "whatever a file holds"),
                          warning));
  EXPECT_THAT(with_rule(always, sample_policy()), ElementsAre(HasSubstr("error: "), warning))
      << "it names no file that could be quarantined";
  EXPECT_THAT(with_rule("rule A { strings: $a = \"SAMPLE\" condition: filesize < 4MB and $a }",
                        with("score: 60", "score: 95")),
              IsEmpty());
}

TEST(Checks, AFileOfNoRuleNeverMatches) {
  for (const char* rule : {"// rule a { condition: true }\n", "import \"pe\"\n",
                           "private rule a { strings: $a = \"SAMPLE\" condition: $a }\n"})
    EXPECT_THAT(with_rule(rule, sample_policy()),
                ElementsAre(HasSubstr("error: 'rules/sample.yar' holds no rule that could match")))
        << rule;
}

TEST(Checks, ARuleWithoutBoundsReadsTheWholeDisk) {
  const auto text = with(", max_size: 4MiB", "", with("    scope: {paths: [/opt]}\n", ""));
  EXPECT_THAT(
      mistakes(text),
      ElementsAre("18:11 warning: 'content' would read every file of the disk | give the rule a "
                  "magic or max_size, or the detection scope.paths"));
}

TEST(Checks, OneWeakSignDeletesAFile) {
  const auto text = with("content and 1 of (started, talks)", "content");
  EXPECT_THAT(
      mistakes(text),
      ElementsAre("29:3 error: 'confirmed' is acted upon, but 'content' alone makes it true | "
                  "demand a second kind of object (and), an exact hash, or a YARA rule scored "
                  "90 or more"));
  EXPECT_THAT(mistakes(with("score: 60", "score: 90", text)), IsEmpty());
}

TEST(Checks, AJoinedFileCountsAsASecondSign) {
  const auto text =
      with("started:\n",
           "again: {object: file, for_each: content, yara: sample, score: 50}\n  started:\n",
           with("content and 1 of (started, talks)", "again"));
  EXPECT_THAT(mistakes(text), Contains(HasSubstr("'again' alone makes it true")));
}

// An agent counts what the condition names; the file that `started` is joined to is not named.
TEST(Checks, AnAgentRefusesWhatTheCompilerTook) {
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)", "started")),
              Contains(HasSubstr("'started' alone makes it true")));
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)", "started and content")),
              testing::IsEmpty());
}

TEST(Checks, AHashThatOnlyExistsCountsAsAProof) {
  const auto text =
      with("content and 1 of (started, talks)", "content",
           with("yara: sample", "where: {file.hashes.MD5|exists: true, file.size: 9}"));
  EXPECT_THAT(mistakes(text), Contains(HasSubstr("'content' alone makes it true")));
}

TEST(Checks, HostsWillNeverActAndNobodySaysSo) {
  const auto weak =
      with("content and 1 of (started, talks)", "content and other",
           with("  started:\n",
                "  other: {object: file, scope: {paths: [/srv]}, where: {file.name: evil}}\n"
                "  started:\n"));
  EXPECT_THAT(mistakes(weak),
              ElementsAre("30:3 warning: all that 'confirmed' can rest on is 1 independent sign: "
                          "hosts will always answer not_independent | "
                          "safety.require_independent is 2: name another kind of object, an exact "
                          "hash, or a YARA rule scored 90 or more"));
  EXPECT_THAT(mistakes(sample_policy() + "safety: {require_independent: 4}\n"),
              Contains(HasSubstr("can rest on is 3 independent signs")));
  EXPECT_THAT(mistakes(sample_policy() + "safety: {require_independent: 3}\n"),
              Not(Contains(HasSubstr("can rest on"))));
}

TEST(Checks, AVerdictThatIsTrueOnACleanHostDeletesFiles) {
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)", "not talks")),
              Contains(HasSubstr("'confirmed' is true on a host where nothing was found")));
}

TEST(Checks, ADirectoryIsLookedForAndNeverFound) {
  for (const char* type :
       {"directory", "symlink", "fifo", "socket", "character-device", "block-device"})
    EXPECT_THAT(
        mistakes(with("yara: sample",
                      fmt::format("yara: sample\n    where: {{file.type: [regular, {}]}}", type))),
        ElementsAre(HasSubstr(fmt::format("error: 'file.type' is never '{}' | agents look at "
                                          "regular files only: leave it out",
                                          type))));
  EXPECT_THAT(mistakes(with("yara: sample", "yara: sample\n    where: {file.type: regular}")),
              IsEmpty());
}

TEST(Checks, EverythingOfAPatternIsQuarantined) {
  const auto text =
      with("    yara: sample\n", "    where: {file.name|startswith: kin, file.size|lt: 4MiB}\n");
  const auto glob =
      Contains(HasSubstr("'content' fits whatever is there: it would quarantine all of it | add "
                         "the content (yara or a hash) or whole names"));
  // `talks` makes the verdict true without anything that is joined to the file.
  const auto loose = with("content and 1 of (started, talks)", "content and talks", text);
  EXPECT_THAT(mistakes(loose), glob);
  for (const char* more :
       {"file.magic: elf", "file.hashes.MD5|exists: true", "file.bytes_at_0: 7f454c46"})
    EXPECT_THAT(
        mistakes(with("file.size|lt: 4MiB", std::string("file.size|lt: 4MiB, ") + more, loose)),
        glob)
        << more;
  EXPECT_THAT(
      mistakes(with("file.name|startswith: kin, file.size|lt: 4MiB", "file.magic: elf", loose)),
      glob);
  EXPECT_THAT(mistakes(with("select: content", "select: 'content'",
                            with("file.name|startswith: kin", "file.name: kin", loose))),
              Not(glob));
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)", "content and started", text)),
              Not(glob))
      << "only files that run are taken";
}

TEST(Checks, AJoinThatSaysNothingMakesAPatternAName) {
  const auto text =
      with("  started:\n",
           "  again: {object: file, for_each: content, where: {file.size|gt: 1}}\n  started:\n",
           with("    yara: sample\n", "    where: {file.magic: elf}\n",
                with("content and 1 of (started, talks)", "content and again and talks")));
  EXPECT_THAT(mistakes(text), Contains(HasSubstr("'content' fits whatever is there")));
  EXPECT_THAT(mistakes(with("file.size|gt: 1", "file.hashes.MD5: " + std::string(32, 'a'), text)),
              Not(Contains(HasSubstr("'content' fits whatever is there"))));
}

TEST(Checks, ProcessesOfAPatternAreKilled) {
  const auto text = with("kill, select: started", "kill, select: processes_of(content)",
                         with("    yara: sample\n", "    where: {file.magic: elf}\n",
                              with("content and 1 of (started, talks)", "content and talks")));
  EXPECT_THAT(mistakes(text),
              Contains(HasSubstr("'content' fits whatever is there: it would kill all of it")));
}

TEST(Checks, EveryCronLineAndEveryProcessIsTaken) {
  const auto act = [](const std::string& object, const std::string& where,
                      const std::string& action) {
    return mistakes(with(
        "- {action: kill, select: started}",
        "- {action: " + action + ", select: wide}\n      - {action: kill, select: started}",
        with("  talks:\n", "  wide: {object: " + object + ", where: {" + where + "}}\n  talks:\n",
             with("(started, talks)", "(started, talks, wide)"))));
  };
  const auto fits = [](const std::string& action) {
    return Contains(HasSubstr("'wide' fits whatever is there: it would " + action + " all of it"));
  };
  for (const char* where :
       {"persistence.kind: cron", "persistence.kind: cron, persistence.name: root",
        "persistence.entry|re: '.'", "persistence.command|contains: '/'",
        "persistence.command|exists: true", "persistence.path: /etc/crontab",
        "persistence.kind: cron, persistence.path|startswith: /etc/cron.d/",
        "persistence.kind: systemd_unit, persistence.path|startswith: /etc/systemd/",
        "persistence.user: root"})
    EXPECT_THAT(act("persistence", where, "remove"), fits("remove")) << where;
  for (const char* where :
       {"process.name|re: '.'", "process.name|re: '[a-z]'", "process.command_line|re: '^\\S+'",
        "process.exe.deleted: true", "process.exe.path|startswith: /",
        "process.exe.path|startswith: [/tmp/.bad, /usr/]", "process.user: www-data",
        "process.environment_names: PATH", "process.cwd: /", "process.capabilities: cap_net_raw",
        "process.container_id|exists: true", "process.parent.name: systemd",
        "process.parent.exe.path: /usr/lib/systemd/systemd",
        "process.parent.command_line|contains: init"})
    EXPECT_THAT(act("process", where, "kill"), fits("kill")) << where;
  for (const char* where : {"file.owner: www-data", "file.capabilities: cap_net_raw"})
    EXPECT_THAT(act("file", where, "quarantine"), fits("quarantine")) << where;
  EXPECT_THAT(act("network-traffic", "network-traffic.src_ref: 192.0.2.1", "block"), fits("block"));
  EXPECT_THAT(
      act("persistence", "persistence.kind: systemd_unit, persistence.name: bad.service", "remove"),
      IsEmpty());
  EXPECT_THAT(
      act("persistence",
          "persistence.kind: systemd_unit, persistence.path: /etc/systemd/system/bad.service",
          "remove"),
      IsEmpty());
  EXPECT_THAT(act("process", "process.exe.path|startswith: /tmp/.bad, process.user: root", "kill"),
              IsEmpty());
  EXPECT_THAT(
      act("persistence", "persistence.kind: cron, persistence.command|contains: /tmp/.x", "remove"),
      IsEmpty());
  EXPECT_THAT(act("process", "process.name|re: '^kinsing[0-9]*$'", "kill"), IsEmpty());
}

// The condition is met by something else, and what has that name goes with it.
TEST(Checks, WhatNoConditionNamesIsTakenAlong) {
  const std::string named =
      with("  talks:\n", "  named: {object: file, where: {file.name: report.txt}}\n  talks:\n");
  const auto said = mistakes(with("select: content}", "select: [content, named]}", named));
  EXPECT_THAT(said, testing::Contains(HasSubstr(
                        "warning: it would quarantine all that 'named' finds on a host with the "
                        "verdict, which does not rest on that | name it in the condition")));
  EXPECT_THAT(mistakes(sample_policy()), testing::IsEmpty());
}

TEST(Checks, WhatIsInNoBaselineIsRemoved) {
  const std::string unknown =
      with("  talks:\n",
           "  unknown: {object: persistence, where: {persistence.in_baseline: false, "
           "persistence.command|contains: /opt/bad}}\n"
           "  beside: {object: file, for_each: unknown, where: {file.path: "
           "'{{unknown.persistence.command}}'}}\n  talks:\n");
  const auto error = [](const char* detection) {
    return HasSubstr(
        fmt::format("error: '{}' is acted upon, and rests on the owner's baseline", detection));
  };
  const auto acting = [&](const std::string& action) {
    return mistakes(with("- {action: kill, select: started}",
                         "- {action: " + action + "}\n      - {action: kill, select: started}",
                         unknown));
  };
  EXPECT_THAT(mistakes(unknown), Not(Contains(HasSubstr("baseline")))) << "it is only reported";
  EXPECT_THAT(acting("collect, select: unknown"), Not(Contains(HasSubstr("baseline"))));
  EXPECT_THAT(acting("remove, select: unknown"), Contains(error("unknown")));
  EXPECT_THAT(acting("quarantine, select: beside"), Contains(error("beside")));
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)", "content and unknown", unknown)),
              Contains(error("unknown")))
      << "evidence for what is removed";
}

TEST(Checks, NobodyLooksWhetherItIsGone) {
  EXPECT_THAT(
      mistakes(with("verify: {rescan: [0s], expect: {none_of: [confirmed]}}\n", "")),
      ElementsAre("29:3 error: 'confirmed' is acted upon, but no rescan expects it to be gone | "
                  "verify: {rescan: [0s, 10m], expect: {none_of: [confirmed]}}"));
}

TEST(Checks, AddressesCountForEver) {
  EXPECT_THAT(
      mistakes(with(", expires: 2027-05-01", "")),
      ElementsAre("12:3 error: the list 'c2' of ipv4-addr has no 'expires' | addresses change "
                  "hands: say until when they count, expires: 2027-05-01T00:00:00Z"));
  EXPECT_THAT(
      mistakes(with("expires: 2027-05-01", "expires: 2026-05-01")),
      ElementsAre("12:72 warning: the list 'c2' expired on 2026-05-01T00:00:00Z | check every "
                  "value and set a later date, or drop the list"));
}

TEST(Checks, TheEndOfAListStaysWithItsAuthor) {
  const auto policy =
      compile(
          with("- {action: kill, select: started}",
               "- {action: kill, select: started}\n      - {action: block, select: \"@lists/c2\"}"))
          .policy;
  const Timestamp end = *from_rfc3339("2027-05-01T00:00:00Z");
  EXPECT_EQ(policy.detections[2].any_of[0][0].expires, end);
  EXPECT_EQ(policy.responses[0].actions[1].select[0].expires, end);
  EXPECT_EQ(policy.detections[1].any_of[0][0].expires, Timestamp{});
  EXPECT_THAT(explain(policy, {}), HasSubstr("(until 2027-05-01)"));
}

TEST(Checks, ADomainIsLookedForInTheMiddleOfOthers) {
  const auto where = [](const std::string& predicate) {
    return mistakes(with("where: {process.exe.path: '{{content.file.path}}'}",
                         "where: {process.exe.path: '{{content.file.path}}', " + predicate + "}",
                         with("lists:\n",
                              "lists:\n  names: {type: domain-name, values: [c2.example.org], "
                              "expires: 2027-05-01}\n")));
  };
  EXPECT_THAT(where("process.command_line|domain: '@lists/names'"), IsEmpty());
  EXPECT_THAT(where("process.command_line|contains: '@lists/names'"),
              ElementsAre(HasSubstr("warning: '@lists/names' is also found in the middle of other "
                                    "names | x.com is in netflix.com: use "
                                    "process.command_line|domain")));
  EXPECT_THAT(where("process.command_line|domain: ['@lists/names', C2.example.net]"),
              Contains(HasSubstr("error: '@lists/names' stands among other values")));
  EXPECT_THAT(where("process.command_line|domain: C2.example.net"),
              Contains(HasSubstr("warning: 'C2.example.net' counts for ever here")));
  EXPECT_THAT(where("process.command_line|domain: '{{content.file.name}}'"),
              Contains(HasSubstr("'{{content.file.name}}' is not a domain name")));
  EXPECT_THAT(where("process.cwd|domain: '@lists/names'"),
              Contains(HasSubstr("does not hold text that could name a host")));
  EXPECT_THAT(where("process.command_line|domain|cased: '@lists/names'"),
              Contains(HasSubstr("is compared as domains are")));
  EXPECT_THAT(where("process.command_line|domain|all: '@lists/names'"),
              Contains(HasSubstr("cannot equal several values at once")));
}

TEST(Checks, AnAddressOutsideAListCountsForEver) {
  EXPECT_THAT(mistakes(with("dst_ref|in: \"@lists/c2\"", "dst_ref: 198.51.100.7")),
              ElementsAre(HasSubstr("warning: nothing uses the list 'c2'"),
                          "27:38 warning: '198.51.100.7' counts for ever here | addresses and "
                          "domains change hands: put it into 'lists:' with 'expires'"));
  EXPECT_THAT(mistakes(with("type: ipv4-addr", "type: text", with(", expires: 2027-05-01", ""))),
              Contains(HasSubstr("'@lists/c2' holds no addresses")));
}

TEST(Checks, AnEnforcedPolicyNeverEnds) {
  const auto text = sample_policy() + "safety:\n  mode: enforce\n";
  EXPECT_THAT(
      mistakes(text),
      ElementsAre("40:9 error: 'mode: enforce' without 'valid_until' | say in metadata until "
                  "when this knowledge holds, or use 'mode: plan'"));
  EXPECT_THAT(mistakes(with("version: 1", "version: 1\n  valid_until: 2027-01-01", text)),
              IsEmpty());
}

TEST(Checks, AnOldPolicyIsRefusedInsteadOfWarned) {
  const auto compiled = compile(with("version: 1", "version: 1\n  valid_until: 2025-01-01"));
  EXPECT_TRUE(compiled.ok());
  EXPECT_THAT(
      lines_of(compiled.diagnostics),
      ElementsAre("7:16 warning: the policy was valid until 2025-01-01T00:00:00Z | review it and "
                  "set a later valid_until"));
}

TEST(Checks, AJoinPairsEverythingWithEverything) {
  EXPECT_THAT(
      mistakes(with("process.exe.path: '{{content.file.path}}'", "process.name: x")),
      ElementsAre("23:15 error: 'started' is joined to 'content' but names nothing of it | every "
                  "pair would match: compare a field with {{content.<field>}}"));
}

TEST(Checks, OneAlternativeOfAJoinPairsEverythingWithEverything) {
  const auto wrong = ElementsAre(
      "23:15 error: 'started' is joined to 'content' but one alternative of 'where' names nothing "
      "of it | every pair would match: compare a field with {{content.<field>}}");
  EXPECT_THAT(mistakes(with("where: {process.exe.path: '{{content.file.path}}'}",
                            "where: [{process.exe.path: '{{content.file.path}}'}, "
                            "{process.name: sleep}]")),
              wrong);
  // The agent looks at 'not' too when it decides whether a detection is about the very object.
  EXPECT_THAT(
      mistakes(with("  started:\n",
                    "  again: {object: file, for_each: content, where: {file.magic: elf}, not: "
                    "{file.name: '{{content.file.name}}'}}\n  started:\n")),
      Contains(HasSubstr("'again' is joined to 'content' but names nothing of it")));
}

TEST(Checks, AJoinRunsInACircleOrTooDeep) {
  EXPECT_THAT(mistakes(with("for_each: content", "for_each: started")),
              Contains(HasSubstr("23:15 error: 'started' is joined to itself")));
  EXPECT_THAT(
      mistakes(with("for_each: content", "for_each: talks")),
      Contains(HasSubstr("23:15 error: 'talks' stands further down | a join only looks up")));
  std::string chain;
  for (int i = 1; i <= 4; ++i)
    chain += fmt::format("  j{}: {{object: file, for_each: {}, yara: sample}}\n", i,
                         i == 1 ? "content" : "j" + std::to_string(i - 1));
  EXPECT_THAT(mistakes(with("  started:\n", chain + "  started:\n")),
              ElementsAre(HasSubstr("24:32 error: joins nest deeper than 3")));
}

TEST(Checks, AResponseCanNeverHappen) {
  EXPECT_THAT(
      mistakes(with("on: [confirmed]", "on: [confirmed]\n    min_confidence: 95")),
      ElementsAre(HasSubstr("32:10 error: 'confirmed' has confidence 90 and never reaches 95")));
  EXPECT_THAT(mistakes(with("confidence: 90", "confidence: 50")),
              ElementsAre(HasSubstr("never reaches 80")));
}

TEST(Checks, UnusedPartsAreTakenForWork) {
  const auto text = with("1 of them", "content",
                         with("'content and 1 of (started, talks)'", "content and started"));
  EXPECT_THAT(mistakes(text), ElementsAre("25:3 warning: no verdict uses 'talks' | name it in a "
                                          "condition, or take it out"));
  EXPECT_THAT(mistakes(with("  - on: [trace]\n    actions: [{action: report}]\n", "")),
              ElementsAre("30:3 warning: no response answers 'trace' | - {on: [trace], actions: "
                          "[{action: report}]}"));
}

TEST(Checks, AListThatNothingUsesIsTakenForWork) {
  const std::string more =
      "  hosts: {type: ipv4-addr, values: [203.0.113.7], expires: 2027-05-01}\n";
  const auto text = with("rules:\n", more + "rules:\n");
  EXPECT_THAT(
      mistakes(text),
      ElementsAre("13:3 warning: nothing uses the list 'hosts' | write \"@lists/hosts\" in a "
                  "detection, or take the list out"));
  EXPECT_THAT(mistakes(with("actions:\n",
                            "actions:\n      - {action: block, select: '@lists/hosts'}\n", text)),
              Not(Contains(HasSubstr("nothing uses"))));
}

TEST(Checks, AMistakeInAConditionIsToldTwice) {
  EXPECT_THAT(mistakes(with("'content and 1 of (started, talks)'", "'content and startd'")),
              ElementsAre(HasSubstr("error: no detection 'startd' | did you mean 'started'?")));
}

TEST(Checks, APathOutsideOfTheScopeIsNeverFound) {
  const auto found = [](const std::string& scope, const std::string& where) {
    return mistakes(with("yara: sample", "yara: sample\n    where: {" + where + "}",
                         with("{paths: [/opt]}", scope)));
  };
  EXPECT_THAT(found("{paths: [/opt]}", "file.path: /tmp/evil"),
              ElementsAre("18:12 warning: 'content' looks for '/tmp/evil' outside of its scope: it "
                          "is never found | leave the scope out: whole paths need none; or add "
                          "their folders to scope.paths"));
  EXPECT_THAT(found("{paths: [/opt]}", "file.path: [/opt/a, /optional/b, /tmp/c]"),
              ElementsAre(HasSubstr("looks for 2 paths, such as '/optional/b', outside")));
  EXPECT_THAT(found("{paths: [/opt/ours]}", "file.path|startswith: /srv/"),
              ElementsAre(HasSubstr("looks for '/srv/' outside")));
  for (const auto& [scope, where] : {std::pair{"{paths: [/opt]}", "file.path: /opt/a/evil"},
                                     {"{paths: [/srv, /opt]}", "file.path: /opt/evil"},
                                     {"{paths: [/opt/ours]}", "file.path|startswith: /opt/ou"},
                                     {"{paths: [/opt/ours]}", "file.path|startswith: /opt/"},
                                     {"{paths: ['/home/*/bin']}", "file.path: /home/ann/bin/evil"},
                                     {"{paths: ['/**/cache']}", "file.path: /a/b/cache/evil"},
                                     {"{paths: ['@home']}", "file.path: /srv/ann/evil"},
                                     {"{paths: [/OPT]}", "file.path|i: /opt/evil"},
                                     {"{paths: [/opt], deleted_exe: true}", "file.path: /tmp/evil"},
                                     {"{paths: [/opt]}", "file.path|contains: /tmp/evil"}})
    EXPECT_THAT(found(scope, where), Not(Contains(HasSubstr("outside of its scope")))) << where;
}

TEST(Checks, RegistryKeysAreLookedForOnLinux) {
  EXPECT_THAT(mistakes(with("talks:\n",
                            "key: {object: windows-registry-key, where: "
                            "{windows-registry-key.key: HKCU}}\n  talks:\n")),
              ElementsAre("25:3 error: 'key' looks for registry keys on linux | target: {platform: "
                          "windows}"));
}

}  // namespace fleetsweep::compiler
