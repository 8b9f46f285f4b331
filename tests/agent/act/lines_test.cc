#include "agent/act/lines.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace fleetsweep::act
