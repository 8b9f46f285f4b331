#include "agent/lines/logical_lines.h"

#include <gtest/gtest.h>

namespace fleetsweep::lines {
namespace {

using Texts = std::vector<std::string>;

Texts texts(std::string_view text, Join join) {
  Texts result;
  std::string all;
  for (const Line& line : logical_lines(text, join)) {
    result.emplace_back(line.text);
    all.append(line.text).append(line.newline);
  }
  EXPECT_EQ(all, text);  // no byte is lost
  return result;
}

TEST(LogicalLines, APartOfAContinuedLineIsTakenForALine) {
  EXPECT_EQ(texts("a \\\nb\nb\n", Join::kShell), (Texts{"a \\\nb", "b"}));
  EXPECT_EQ(texts("a \\\nb\nb", Join::kNone), (Texts{"a \\", "b", "b"}));
  EXPECT_EQ(texts("a \\\r\nb\n", Join::kShell), (Texts{"a \\\r", "b"}));
  EXPECT_EQ(texts("a \\", Join::kShell), (Texts{"a \\"}));
  EXPECT_EQ(texts("a \\\n", Join::kShell), (Texts{"a \\"}));
}

TEST(LogicalLines, AJointOfGitStandsBeforeACarriageReturn) {
  EXPECT_EQ(texts("a \\\r\nb\r\nc \\\\\r\nd\\\r\r\ne", Join::kGit),
            (Texts{"a \\\r\nb\r", "c \\\\\r", "d\\\r\r", "e"}));
  EXPECT_EQ(joined("a \\\r\nb", Join::kGit), "a b");
}

TEST(LogicalLines, ACommentSwallowsTheLineBelowIt) {
  EXPECT_EQ(texts("# a \\\nb\n", Join::kShell), (Texts{"# a \\", "b"}));
  EXPECT_EQ(texts("; a \\\nb\n", Join::kUnit), (Texts{"; a \\", "b"}));
  EXPECT_EQ(texts("#1 \\\nb\n# 1 \\\n#-1 \\\nc\n", Join::kSudoers),
            (Texts{"#1 \\\nb", "# 1 \\", "#-1 \\\nc"}));
  EXPECT_EQ(texts("#1 \\\nb\n", Join::kShell), (Texts{"#1 \\", "b"}));
}

TEST(LogicalLines, SystemdGoesOnAfterACommentWithinALine) {
  EXPECT_EQ(texts("a \\\n# why\nb\nc\n", Join::kUnit), (Texts{"a \\\n# why\nb", "c"}));
  EXPECT_EQ(texts("a \\\n# why\nb\n", Join::kShell), (Texts{"a \\\n# why", "b"}));
}

TEST(LogicalLines, SystemdEndsALineWhereOthersDoNot) {
  using namespace std::string_view_literals;
  const auto text = "a\rb\0c\r\n\n\rd \\\r\ne\n\n"sv;
  EXPECT_EQ(texts(text, Join::kList), (Texts{"a", "b", "c", "", "d \\", "e", ""}));
  EXPECT_EQ(texts(text, Join::kUnit), (Texts{"a", "b", "c", "", "d \\\r\ne", ""}));
  EXPECT_EQ(texts(text, Join::kUdev), texts(text, Join::kUnit));
  EXPECT_EQ(logical_lines(text, Join::kUnit).back().number, 5u);
}

TEST(LogicalLines, ABackslashBehindABackslashJoinsNothing) {
  for (const Join join :
       {Join::kUnit, Join::kModprobe, Join::kShell, Join::kGit, Join::kSudoers, Join::kVariables}) {
    EXPECT_EQ(texts("a \\\\\nb\n", join), (Texts{"a \\\\", "b"}));
    EXPECT_EQ(texts("a \\\\\\\nb\n", join), (Texts{"a \\\\\\\nb"}));
  }
  EXPECT_EQ(texts("a \\\\\nb\n", Join::kUdev), (Texts{"a \\\\\nb"}));
}

TEST(LogicalLines, EachReaderPutsALineTogetherInItsWay) {
  EXPECT_EQ(joined("a\\\n  b", Join::kShell), "a  b");
  EXPECT_EQ(joined("a\\ \n  b", Join::kSudoers), "a   b");
  EXPECT_EQ(joined("a \\\n# c\n\n b # d", Join::kPam), "a   b ");
  EXPECT_EQ(joined("A=/x/\\\r\ny", Join::kVariables), "A=/x/y");
  EXPECT_EQ(joined("A=\"/\\x\n/y\\\n/z\"", Join::kVariables), "A=\"/\\x\n/y/z\"");
  EXPECT_EQ(joined("A=\\ \n# c\n\n b # d", Join::kPamVariables), "A= b ");
  EXPECT_EQ(joined("a\\\n # c\n  b", Join::kUnit), "a b");
  EXPECT_EQ(joined("a\\\n # c\n  b", Join::kUdev), "ab");
  EXPECT_EQ(joined("a\\\nb\\c\\\\", Join::kModprobe), "abc\\");
  EXPECT_EQ(joined("a\\\nb", Join::kList), "a\\\nb");
}

TEST(LogicalLines, ABackslashInACommentBehindSomethingHidesTheNextLine) {
  for (const Join join : {Join::kShell, Join::kGit, Join::kSudoers, Join::kPam})
    EXPECT_EQ(texts("a # b \\\nc\n", join), (Texts{"a # b \\", "c"}));
  EXPECT_EQ(texts("a ; b \\\nc\n", Join::kGit), (Texts{"a ; b \\", "c"}));
  EXPECT_EQ(texts("a \\\n# b \\\nc\n", Join::kShell), (Texts{"a \\\n# b \\", "c"}));
  // None of these begins one.
  for (const char* text : {"a\"# \\\nc", "a '#' \\\nc", "a$# \\\nc", "a \\# \\\nc", "a \\\nb#c"})
    EXPECT_EQ(texts(text, Join::kShell), Texts{text});
  EXPECT_EQ(texts("a ALL = (#1) \\\nc", Join::kSudoers), Texts{"a ALL = (#1) \\\nc"});
  EXPECT_EQ(texts("a = \"# \\\nc", Join::kGit), Texts{"a = \"# \\\nc"});
}

TEST(LogicalLines, ALineOfManyPartsIsReadAgainForEachOfThem) {
  std::string text;
  for (int i = 0; i < 350'000; ++i) text += "a\\\n";
  for (const Join join : {Join::kShell, Join::kGit, Join::kSudoers, Join::kPam})
    EXPECT_EQ(logical_lines(text, join).size(), 1u);
}

TEST(LogicalLines, ALineGoesOnBehindWhatItsReaderPassesOver) {
  EXPECT_EQ(texts("a \\ \t\nb\nc\n", Join::kSudoers), (Texts{"a \\ \t\nb", "c"}));
  EXPECT_EQ(texts("a \\ \n\n# why\nb\nc\n", Join::kPam), (Texts{"a \\ \n\n# why\nb", "c"}));
  EXPECT_EQ(texts("a \\ \nb\n", Join::kShell), (Texts{"a \\ ", "b"}));
}

TEST(LogicalLines, AnAptStatementIsCutInTwo) {
  EXPECT_EQ(texts("A {\n\"}\"; // }\n};\nB \"1\";\n", Join::kBraces),
            (Texts{"A {\n\"}\"; // }\n};", "B \"1\";"}));
  EXPECT_EQ(texts("}\nA \"1\";\nB {\n", Join::kBraces), (Texts{"}", "A \"1\";", "B {"}));
  EXPECT_EQ(texts("A\n{\n \"x\";\n};\nB::\n\n \"y\";\nC \"1\";\n", Join::kBraces),
            (Texts{"A\n{\n \"x\";\n};", "B::\n\n \"y\";", "C \"1\";"}));
  EXPECT_EQ(texts("/* {\n*/\nA \"1\";\n#clear B\n;\n# C {\nD \"//\";\n", Join::kBraces),
            (Texts{"/* {\n*/", "A \"1\";", "#clear B\n;", "# C {", "D \"//\";"}));
}

TEST(LogicalLines, NumbersAreThoseOfAnEditor) {
  const auto lines = logical_lines("a \\\nb\n\nc\n", Join::kShell);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1].number, 3u);
  EXPECT_EQ(lines[2].number, 4u);
}

TEST(LogicalLines, AVariableIsTakenOutAndTheOthersStay) {
  const auto without = [](std::string_view line, std::string_view word) {
    return without_word(line, word);
  };
  EXPECT_EQ(without("Environment=\"A=1 2\" \"LD_PRELOAD=/x\" B=3", "LD_PRELOAD=/x"),
            "Environment=\"A=1 2\" B=3");
  EXPECT_EQ(without("Environment= LD_PRELOAD=/x B=3", "LD_PRELOAD=/x"), "Environment= B=3");
  EXPECT_EQ(without("Environment=B=3 LD_PRELOAD=/x", "LD_PRELOAD=/x"), "Environment=B=3");
  EXPECT_EQ(without("Environment=LD_PRELOAD=/x", "LD_PRELOAD=/x"), "");
  EXPECT_EQ(without("Environment='LD_PRELOAD=/a b' C=1", "LD_PRELOAD=/a b"), "Environment=C=1");
  EXPECT_EQ(without("Environment=A=1 \\\n LD_AUDIT=/x \\\n B=2", "LD_AUDIT=/x"),
            "Environment=A=1 \\\n B=2");
  EXPECT_EQ(without("Environment=LD_PRELOAD=/xy", "LD_PRELOAD=/x"), "Environment=LD_PRELOAD=/xy");
  EXPECT_EQ(without("Environment=\\x4cD_PRELOAD=/\\s B=\\x41", "LD_PRELOAD=/ "),
            "Environment=B=\\x41");
  EXPECT_EQ(without("Environment=A=1 \\\n# it's\nLD_AUDIT=/x \\\n# b\n B=2", "LD_AUDIT=/x"),
            "Environment=A=1 \\\n# b\n B=2");
}

TEST(LogicalLines, AVariableThatStaysBecomesAComment) {
  EXPECT_EQ(without_word("Environment=\\\nLD_AUDIT=/x #b=1", "LD_AUDIT=/x"), "Environment= #b=1");
}

}  // namespace
}  // namespace fleetsweep::lines
