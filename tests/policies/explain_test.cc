#include <regex>

#include "policies/compiler/field_table.h"
#include "policies/compiler/phrases.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

const std::string kHere = std::string(FS_SOURCE_DIR) + "/tests/policies/";

std::string explained(const std::string& path) {
  const auto compiled = compile_file(path, test_now());
  FS_ASSERT(compiled && compiled->ok());
  return explain(compiled->policy, compiled->defaults);
}

TEST(Explain, TheWordsDifferFromThePolicy) {
  for (const char* family : {"emotet", "kinsing"})
    EXPECT_EQ(explained(kHere + "fixtures/" + family + ".yaml") + "\n",
              read_whole(kHere + "golden/" + family + ".explain.txt"));
}

// All that the shipped policies and the published examples say.
std::vector<std::string> all_explained() {
  std::vector<std::string> texts;
  for (const char* family : {"emotet", "kinsing"})
    texts.push_back(explained(kHere + "fixtures/" + family + ".yaml"));
  for (const char* family : {"lookalike", "eicar", "kinsing", "emotet"})
    texts.push_back(
        explained(std::string(FS_SOURCE_DIR) + "/policies/catalog/" + family + "/policy.yaml"));
  return texts;
}

TEST(Explain, APersonMustKnowTheYaml) {
  // What the author wrote for a machine is quoted; the title is the author's own.
  const std::regex literal(R"re("(\\"|[^"])*")re");
  const std::regex identifier(R"([A-Za-z][A-Za-z0-9-]*[._][A-Za-z])");
  for (const std::string& text : all_explained()) {
    EXPECT_EQ(text.find("{{"), std::string::npos) << text;
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      const std::string bare = std::regex_replace(line, literal, "");
      EXPECT_FALSE(std::regex_search(bare, identifier)) << line;
    }
  }
}

TEST(Explain, AWordOfTheLanguageHasNoEnglish) {
  for (std::size_t i = 0; i < kCount<model::Field>; ++i) {
    const FieldInfo info = field_info(static_cast<model::Field>(i));
    EXPECT_FALSE(info.words.empty()) << i;
    EXPECT_EQ(info.holds == Holds::kBoolean, !info.words_not.empty()) << info.words;
    for (const auto choice : info.choices) EXPECT_NE(choice_words(choice), choice);
  }
}

TEST(Explain, ItPromisesWhatNoAgentDoes) {
  const std::string text = explained(kHere + "fixtures/emotet.yaml");
  const auto section = text.find("\nNot carried out by agents of this version\n");
  ASSERT_NE(section, std::string::npos);
  constexpr char kPromise[] = "taking a locked file at the next reboot";
  EXPECT_EQ(text.substr(0, section).find(kPromise), std::string::npos);
  EXPECT_NE(text.find(kPromise, section), std::string::npos);
  EXPECT_LT(text.find("asks to be isolated; people decide"), section);
  EXPECT_THAT(text, testing::HasSubstr("anything on a Windows that runs: they run on Linux"));
  const std::string all = explained(kHere + "fixtures/kinsing.yaml");
  EXPECT_THAT(
      all, testing::HasSubstr("3. block 7 addresses (until 2027-05-01), outgoing, for 7 days\n"));
  const auto plain = compile(sample_policy());
  EXPECT_EQ(explain(plain.policy, plain.defaults).find("Not carried out"), std::string::npos);
}

TEST(Explain, WhatIsGoneForGoodReadsAsIfItWereKept) {
  const auto purging = compile(with("quarantine, select: content", "purge, select: content"));
  const std::string text = explain(purging.policy, purging.defaults);
  for (const char* said :
       {"2. purge \"content\": gone for good, its content is kept nowhere, no undo\n",
        "the host's owner may keep it longer; what is purged is gone at once\n",
        "an apply order of class 4 (destroy)"})
    EXPECT_THAT(text, testing::HasSubstr(said));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("ot carried out")));
  const auto plain = compile(sample_policy());
  EXPECT_THAT(explain(plain.policy, plain.defaults), testing::Not(testing::HasSubstr("purged")));
}

TEST(Explain, APolicyCannotSayThatALockedLineGoesOrDoesNotTellPeople) {
  std::string policy = with("  talks:\n",
                            "  job:\n    object: persistence\n    where: {persistence.kind: cron, "
                            "persistence.entry|contains: evil}\n  talks:\n");
  policy = with("(started, talks)", "(started, talks, job)", policy);
  policy = with("      - {action: kill, select: started}\n",
                "      - {action: remove, select: job, clear_inode_flags: [immutable]}\n"
                "      - {action: disable, select: job, clear_inode_flags: [append-only]}\n",
                policy);
  const auto compiled = compile(policy);
  ASSERT_TRUE(compiled.ok()) << lines_of(compiled.diagnostics).front();
  const std::string text = explain(compiled.policy, compiled.defaults);
  EXPECT_THAT(text, testing::HasSubstr("remove \"job\": the line or unit itself, never a file that "
                                       "holds others, after clearing the flags immutable\n"));
  EXPECT_THAT(text, testing::HasSubstr("disable \"job\", after clearing the flags append-only\n"));
}

TEST(Explain, WhenItIsValidAndWhereItErrsIsLeftOut) {
  const auto text = explained(kHere + "fixtures/emotet.yaml");
  for (const char* said :
       {"valid from 2021-01-26T00:00:00Z until 2021-10-25T00:00:00Z",
        "known false alarms: in-house DLLs", "begin 2021-04-25T12:00:00 on each host's own clock",
        "spread the hosts over 4 hours", "end 30 days after the beginning",
        "hosts with the label corp and without the label lab; an order has no labels"})
    EXPECT_NE(text.find(said), std::string::npos) << said;
}

TEST(Explain, ActionsStandInTheAuthorsOrder) {
  const auto text =
      with("- {action: kill, select: started}\n      - {action: quarantine, select: content}",
           "- {action: quarantine, select: content}\n      - {action: kill, select: started}");
  const auto shuffled = compile(text);
  const auto plain = compile(sample_policy());
  EXPECT_EQ(explain(shuffled.policy, shuffled.defaults), explain(plain.policy, plain.defaults));
}

}  // namespace fleetsweep::compiler
