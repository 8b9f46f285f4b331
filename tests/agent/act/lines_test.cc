#include "agent/act/lines.h"

#include <gtest/gtest.h>

#include "agent/act/disable.h"

namespace fleetsweep::act {
namespace {

using Text = std::optional<std::string>;

TEST(Lines, OnlyTheExactLineGoesAndAllOtherBytesStay) {
  EXPECT_EQ(without_line("a\nbad\nb\n", "bad"), Text("a\nb\n"));
  EXPECT_EQ(without_line("a\r\nbad\nb", "bad"), Text("a\r\nb"));
  EXPECT_EQ(without_line("a\nbad", "bad"), Text("a\n"));
  EXPECT_EQ(without_line("bad\n", "bad"), Text(""));
  EXPECT_EQ(without_line("bad\nx\nbad\n", "bad"), Text("x\n"));
  EXPECT_EQ(without_line(std::string("\0bad\nbad\n", 9), "bad"), Text(std::string("\0bad\n", 5)));
}

TEST(Lines, AVariableGoesWithAllItsLines) {
  const std::string quoted = "LD_PRELOAD=\"/x\nA=1\n\"";
  EXPECT_EQ(without_line("B=1\n" + quoted + "\nC=2\n", quoted, "", lines::Join::kVariables),
            Text("B=1\nC=2\n"));
  EXPECT_EQ(without_line("B='\nA=1\n'\n", "A=1", "", lines::Join::kVariables), std::nullopt);
  const std::string of_pam = "LD_PRELOAD=\\\n/x";
  EXPECT_EQ(without_line("B=1\n" + of_pam + "\nC=2\n", of_pam, "", lines::Join::kPamVariables),
            Text("B=1\nC=2\n"));
}

TEST(Lines, ASettingOfGitGoesAndLeavesItsSecondLine) {
  EXPECT_EQ(without_line("[core]\r\npager = /a\\\r\n/b\r\nx = 1\r\n", "pager = /a\\\r\n/b\r", "",
                         lines::Join::kGit),
            Text("[core]\r\nx = 1\r\n"));
}

TEST(Lines, ALineThatOnlyContainsTheEntryStays) {
  EXPECT_EQ(without_line("bad idea\n bad\nbad \n#bad\n", "bad"), std::nullopt);
}

TEST(Lines, TheLineComesBackBesideItsNeighbour) {
  EXPECT_EQ(with_line_back("a\nbad\nb\n", "a\nnew\nb\n", "bad"), Text("a\nbad\nnew\nb\n"));
  EXPECT_EQ(with_line_back("bad\nb\n", "new\nb\n", "bad"), Text("new\nbad\nb\n"));
  EXPECT_EQ(with_line_back("a\nbad\n", "new\na\n", "bad"), Text("new\na\nbad\n"));
  EXPECT_EQ(with_line_back("a\nbad\nb\n", "a\nbad\nb\nnew\n", "bad"), Text("a\nbad\nb\nnew\n"));
}

TEST(Lines, WithoutItsNeighboursThePlaceOfALineIsNotGuessed) {
  EXPECT_EQ(with_line_back("a\nbad\nb\n", "x\ny\n", "bad"), std::nullopt);
  EXPECT_EQ(with_line_back("a\nbad\n", "a\na\n", "bad"), std::nullopt);
  EXPECT_EQ(with_line_back("bad\nx\nbad\n", "x\n", "bad"), std::nullopt);
}

TEST(Lines, ALibraryGoesAndItsNeighboursOnTheLineStay) {
  EXPECT_EQ(without_library("/a.so /bad.so /b.so", "/bad.so"), "/a.so /b.so");
  EXPECT_EQ(without_library("/bad.so:/a.so", "/bad.so"), "/a.so");
  EXPECT_EQ(without_library("/a.so\t/bad.so # ours", "/bad.so"), "/a.so # ours");
  EXPECT_EQ(without_library("/bad.so /a.so /bad.so", "/bad.so"), "/a.so");
  EXPECT_EQ(without_library("/bad.so.1 /bad.so", "/bad.so"), "/bad.so.1");
  EXPECT_EQ(without_library(" /bad.so  # only it", "/bad.so"), "");
}

TEST(Lines, WhatStaysOfALineKeepsItsPlaceAndGivesItBack) {
  EXPECT_EQ(without_line("x\na bad b\ny\n", "a bad b", "a b"), Text("x\na b\ny\n"));
  EXPECT_EQ(without_line("a bad", "a bad", "a"), Text("a"));
  EXPECT_EQ(with_line_back("a bad\n", "new\na\n", "a bad", "a"), Text("new\na bad\n"));
  EXPECT_EQ(with_line_back("a bad\n", "new\n", "a bad", "a"), std::nullopt);
  EXPECT_EQ(with_line_back("a bad\n", "a\na\n", "a bad", "a"), std::nullopt);
}

TEST(Lines, AContinuedLineThatWasCommentedOutCannotBePutBackAfterAnEdit) {
  const std::string text = "a\nb \\\n  c\nd\n", line = "b \\\n  c";
  const auto join = lines::Join::kShell;
  const std::string comment = commented_out(line, join);
  EXPECT_EQ(comment, "# b \\\n#   c");
  const auto off = without_line(text, line, comment, join);
  EXPECT_EQ(off, Text("a\n# b \\\n#   c\nd\n"));
  EXPECT_EQ(with_line_back(text, "new\n" + *off, line, comment, join), Text("new\n" + text));
  EXPECT_EQ(with_line_back(text, *off + comment, line, comment, join), std::nullopt) << "twice";
  EXPECT_EQ(with_line_back(text, "a\nx # b \\\n#   c\n", line, comment, join), std::nullopt);
}

TEST(Lines, WhatEndsALineForItsReaderKeepsItFromComingBack) {
  const std::string text = "a\r\nbad\r\nb\r\n";
  const auto join = lines::Join::kUdev;
  EXPECT_EQ(with_line_back(text, "a\r\n# bad\r\nb\r\nnew\r\n", "bad", "# bad", join),
            Text(text + "new\r\n"));
  EXPECT_EQ(with_line_back(text, "a\r\n# bad idea\r\nb\r\n", "bad", "# bad", join), std::nullopt);
  EXPECT_EQ(with_line_back(text, "a\r\nnew\r\nb\r\n", "bad", "", join),
            Text("a\r\nbad\r\nnew\r\nb\r\n"));
  EXPECT_EQ(with_line_back(text, "new\r\na", "bad", "", join), Text("new\r\na\r\nbad\r\n"));
  EXPECT_EQ(with_line_back("a\r\nbad", "a\r\nnew", "bad", "", join), Text("a\r\nbad\r\nnew"));
  // To a reader that knows no other end than \n the \r belongs to the line.
  EXPECT_EQ(with_line_back("bad\r\n", "# bad\r\n", "bad\r", "# bad\r"), Text("bad\r\n"));
  EXPECT_EQ(with_line_back("bad\n", "# bad\r\n", "bad", "# bad"), std::nullopt);
}

TEST(Lines, APartOfAContinuedLineGoesAndLeavesAnother) {
  const std::string text = "A==\"1\", \\\n  RUN+=\"/x\"\n  RUN+=\"/x\"\nB\n";
  EXPECT_EQ(without_line(text, "  RUN+=\"/x\"", "", lines::Join::kShell),
            Text("A==\"1\", \\\n  RUN+=\"/x\"\nB\n"));
  const std::string whole = "A==\"1\", \\\n  RUN+=\"/x\"";
  const auto without = without_line(text, whole, "", lines::Join::kShell);
  EXPECT_EQ(without, Text("  RUN+=\"/x\"\nB\n"));
  EXPECT_EQ(with_line_back(text, *without, whole, "", lines::Join::kShell), Text(text));
}

}  // namespace
}  // namespace fleetsweep::act
