// The checks that look at the whole policy, one test for each thing they prevent.

#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST(Checks, AVerdictThatIsTrueOnACleanHostDeletesFiles) {
  EXPECT_THAT(mistakes(with("content and 1 of (started, talks)", "not talks")),
              Contains(HasSubstr("'confirmed' is true on a host where nothing was found")));
}

TEST(Checks, ADirectoryIsQuarantined) {
  const auto text =
      with("yara: sample", "yara: sample\n    where: {file.type: [regular, directory]}");
  EXPECT_THAT(mistakes(text),
              ElementsAre("36:38 error: 'content' may be something else than a regular file | only "
                          "regular files are quarantined: file.type: regular"));
}

TEST(Checks, EverythingOfAPatternIsQuarantined) {
  const auto text =
      with("    yara: sample\n", "    where: {file.name|startswith: kin, file.size|lt: 4MiB}\n");
  EXPECT_THAT(
      mistakes(text),
      Contains(HasSubstr("'content' is a pattern of names: it would quarantine whatever lies "
                         "there | add the content (yara, a hash, file.magic) or whole names")));
  EXPECT_THAT(mistakes(with("file.name|startswith: kin",
                            "file.magic: elf, file.name|startswith: kin", text)),
              Contains(HasSubstr("no detection uses the rule")));
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

TEST(Checks, RegistryKeysAreLookedForOnLinux) {
  EXPECT_THAT(mistakes(with("talks:\n",
                            "key: {object: windows-registry-key, where: "
                            "{windows-registry-key.key: HKCU}}\n  talks:\n")),
              ElementsAre("25:3 error: 'key' looks for registry keys on linux | target: {platform: "
                          "windows}"));
}

}  // namespace fleetsweep::compiler
