#include "policies/compiler/hash_list.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {
namespace {

using hash_set::HashRecord;
using hash_set::kAnySize;

const std::string kOne = crypto::sha256(as_bytes("one")).hex();
const std::string kTwo = crypto::sha256(as_bytes("two")).hex();

HashRecord record(const std::string& hex, std::uint64_t size) {
  HashRecord one{size, {}};
  const Bytes bytes = *from_hex(hex);
  std::copy(bytes.begin(), bytes.end(), one.hash.begin());
  return one;
}

HashList read(std::string_view text, std::vector<Diagnostic>& mistakes, std::size_t bytes = 32) {
  Sink sink("policy.yaml");
  HashList list = read_hash_list(text, "bad.txt", bytes, sink);
  mistakes = sink.take();
  return list;
}

TEST(HashListFile, PlainLinesSha256sumAndClamAvAreReadAlike) {
  std::vector<Diagnostic> mistakes;
  const std::string upper = [] {
    std::string text = kTwo;
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    return text;
  }();
  const HashList list = read("# a feed\r\n\n" + kOne + "\r\n" + upper + "  *some file\n  " + kOne +
                                 ":4096:Win.Trojan.A-1:73\n" + kTwo + ":*:Any.Size\n" + kTwo + ":7",
                             mistakes);
  EXPECT_THAT(mistakes, testing::IsEmpty());
  EXPECT_EQ(list.records,
            (std::vector{record(kOne, kAnySize), record(kTwo, kAnySize), record(kOne, 4096),
                         record(kTwo, kAnySize), record(kTwo, 7)}));
}

TEST(HashListFile, HashesOfAnotherKindAreCountedAndNotTaken) {
  std::vector<Diagnostic> mistakes;
  const std::string text = kOne + "\n" + kOne.substr(0, 40) + ":5:x\n" + kOne.substr(0, 32) + "\n";
  EXPECT_EQ(read(text, mistakes).others, 2u);
  const HashList md5 = read(text, mistakes, 16);
  EXPECT_EQ(md5.records, (std::vector{record(kOne.substr(0, 32), kAnySize)}));
  EXPECT_THAT(mistakes, testing::IsEmpty());
}

TEST(HashListFile, EveryMistakeHasItsLineAndALongListOfThemIsCut) {
  std::vector<Diagnostic> mistakes;
  read(kOne + "\nno hash\n" + kOne + ":-4:x\n" + kOne + ":9999999999999999999999:x\n" +
           kOne.substr(1) + "\n",
       mistakes);
  ASSERT_EQ(mistakes.size(), 4u);
  EXPECT_EQ(mistakes[0].file, "bad.txt");
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(mistakes[i].line, i + 2);
  EXPECT_THAT(mistakes[0].message, testing::HasSubstr("'no hash' is no MD5"));
  EXPECT_THAT(mistakes[1].message, testing::HasSubstr("'-4' is no size"));

  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "nonsense\n";
  read(many, mistakes);
  ASSERT_EQ(mistakes.size(), limits::kHashListMistakes + 1);
  EXPECT_EQ(mistakes.back().line, limits::kHashListMistakes + 1);
  EXPECT_THAT(mistakes.back().message,
              testing::HasSubstr(fmt::format("{} more", 100'000 - limits::kHashListMistakes)));
}

TEST(HashListFile, TheHashOfTheEmptyFileFindsEveryEmptyFile) {
  std::vector<Diagnostic> mistakes;
  const std::string empty = crypto::sha256({}).hex();
  const HashList list = read(kOne + "\n" + empty + "\n" + empty + ":0:again\n", mistakes);
  EXPECT_EQ(list.records, (std::vector{record(kOne, kAnySize)}));
  ASSERT_EQ(mistakes.size(), 1u) << "a feed may say it a thousand times";
  EXPECT_EQ(mistakes[0].severity, Severity::kWarning);
  EXPECT_EQ(mistakes[0].line, 2u);
  EXPECT_THAT(mistakes[0].message, testing::HasSubstr("is the hash of the empty file"));
  for (const char* text : {"\n", "\r\n"})
    EXPECT_EQ(
        read(kOne + "\n" + crypto::sha256(as_bytes(text)).hex() + "\n", mistakes).of_empty_file,
        1u);
}

// --- as part of a policy ----------------------------------------------------------------------

std::string policy(const std::string& list, const std::string& where) {
  return with("verdicts:\n",
              "  known: {object: file, where: {" + where +
                  "}}\nverdicts:\n  listed: {condition: known, confidence: 90, "
                  "level: high}\n",
              with("lists:\n", "lists:\n  bad: {" + list + "}\n",
                   with("  - on: [trace]", "  - on: [trace, listed]")));
}

Compiled compile_beside(const std::string& yaml, const std::string& hashes) {
  const ReadFile read = [&](const std::string& path, std::size_t) -> Result<std::string> {
    if (path == "rules/sample.yar") return std::string(kSampleRule);
    if (path == "bad.hsb") return hashes;
    return fail(Code::kNotFound, "'{}' cannot be read", path);
  };
  return compile_text(yaml, "dir/policy.yaml", read, test_now());
}

std::string list_of(const std::string& hashes, const std::string& type = "sha-256") {
  return "type: " + type + ", file: bad.hsb, sha256: " + crypto::sha256(as_bytes(hashes)).hex();
}

constexpr const char* kWhere = "file.hashes.SHA-256: '@lists/bad'";

std::vector<std::string> errors(const Compiled& compiled) {
  std::vector<std::string> texts;
  for (const Diagnostic& one : compiled.diagnostics)
    if (one.severity == Severity::kError) texts.push_back(one.file + ": " + one.message);
  return texts;
}

TEST(HashListFile, APolicyFixesEveryHashOfItAndCarriesNone) {
  std::string hashes;
  for (int i = 0; i < 30'000; ++i)
    hashes += crypto::sha256(as_bytes(std::to_string(i))).hex() + fmt::format(":{}:x\n", i);
  const Compiled compiled = compile_beside(policy(list_of(hashes), kWhere), hashes);
  ASSERT_TRUE(compiled.ok()) << lint_text(compiled.diagnostics, "");
  const auto parts = hash_set::hash_parts(compiled.policy);
  ASSERT_EQ(parts.size(), 5u);
  EXPECT_EQ(hash_set::hash_count(parts, 32), 30'000u);
  BytesView rest = compiled.hashes;
  for (const model::HashPart& part : parts) {
    ASSERT_GE(rest.size(), part.bytes);
    EXPECT_EQ(crypto::sha256(rest.first(part.bytes)), part.digest);
    rest = rest.subspan(part.bytes);
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_THAT(explain(compiled.policy, compiled.defaults),
              testing::HasSubstr("its SHA-256 digest is one of 30000 in a hash set"));
}

TEST(HashListFile, AListOfAnotherDigestThanTheAuthorReviewedIsRefused) {
  const std::string hashes = kOne + ":5:x\n";
  EXPECT_THAT(errors(compile_beside(policy(list_of("other"), kWhere), hashes)),
              testing::ElementsAre(testing::HasSubstr("another SHA-256 than the policy says")));
  EXPECT_THAT(errors(compile_beside(policy("type: sha-256, file: bad.hsb", kWhere), hashes)),
              testing::ElementsAre(testing::HasSubstr("the list 'bad' has no 'sha256'")));
  EXPECT_THAT(errors(compile_beside(policy("type: sha-256, file: ../bad.hsb", kWhere), hashes)),
              testing::ElementsAre(testing::HasSubstr("not a file beside the policy")));
}

TEST(HashListFile, HashesWithoutASizeWouldHashTheWholeDisk) {
  const std::string hashes = kOne + ":5:x\n" + kTwo + ":*:x\n";
  EXPECT_THAT(errors(compile_beside(policy(list_of(hashes), kWhere), hashes)),
              testing::ElementsAre(testing::HasSubstr("would hash every file of the disk")));
  EXPECT_THAT(errors(compile_beside(
                  policy(list_of(hashes), std::string(kWhere) + ", file.size|lt: 1MiB"), hashes)),
              testing::IsEmpty());
}

TEST(HashListFile, MistakesOfTheFileStandBesideThoseOfThePolicy) {
  const std::string hashes = kOne + ":5:x\nrubbish\n";
  EXPECT_THAT(errors(compile_beside(policy(list_of(hashes), std::string(kWhere) + ", file.sise: 5"),
                                    hashes)),
              testing::ElementsAre(testing::HasSubstr("policy.yaml: "),
                                   testing::StartsWith("dir/bad.hsb: 'rubbish' is no MD5")));
}

TEST(HashListFile, OnlyTheHashOfAFileIsLookedUpInOne) {
  const std::string hashes = kOne + ":5:x\n";
  const auto problem = [&](const std::string& list, const std::string& where) {
    return errors(compile_beside(policy(list, where), hashes));
  };
  EXPECT_THAT(problem(list_of(hashes), "file.name: '@lists/bad'"),
              testing::ElementsAre(testing::HasSubstr("is a file of hashes of files")));
  EXPECT_THAT(problem(list_of(hashes), "file.hashes.MD5: '@lists/bad'"),
              testing::ElementsAre(testing::HasSubstr("holds sha-256, not md5")));
  EXPECT_THAT(problem(list_of(hashes, "md5"), "file.hashes.MD5: '@lists/bad'"),
              testing::ElementsAre(testing::HasSubstr("holds no md5")));
  EXPECT_THAT(problem(list_of(hashes, "text"), "file.size: 5"),
              testing::ElementsAre(testing::HasSubstr("a list of text has no 'file'")));
  EXPECT_THAT(problem(list_of(hashes) + ", values: [" + kOne + "]", kWhere),
              testing::ElementsAre(testing::HasSubstr("has a 'file' and 'values'")));
}

}  // namespace
}  // namespace fleetsweep::compiler
