#include "agent/lines/desktop_file.h"

#include <gtest/gtest.h>

namespace fleetsweep::lines {
namespace {

bool hides(std::string_view text) {
  return says_off("/x.desktop", text);
}

TEST(DesktopFile, AnEntryIsOffForOneOfItsReadersOnly) {
  EXPECT_TRUE(hides("[Desktop Entry]\nHidden=true\nExec=/e\n"));
  EXPECT_TRUE(hides("# x\r\n[Desktop Entry]\r\nHidden=true\r\nExec=/e\r\n"));
  // GLib takes the last of several, others the first.
  EXPECT_FALSE(hides("[Desktop Entry]\nHidden=false\nHidden=true\n"));
  EXPECT_FALSE(hides("[Desktop Entry]\nHidden=true\nHidden=\n"));
  // systemd joins these, GLib does not.
  EXPECT_FALSE(hides("[Desktop Entry]\nHidden=true\nX=a \\\nHidden=false\n"));
  EXPECT_FALSE(hides("[Desktop Entry]\nExec=/e \\\nHidden=true\n"));
  // Neither joins after two, nor do we, but a file of both kinds could say yes to each reading.
  EXPECT_FALSE(
      hides("[Desktop Entry]\nExec=/e\nY=b \\\nHidden=true\nX=a \\\\\n[Other]\nHidden=true\n"));
  EXPECT_FALSE(hides("[Desktop Entry]\nHidden=true\nX=a \\\r\nHidden=false\r\n"));
}

TEST(DesktopFile, AByteThatEndsALineOrIsBlankForSomeHidesAnEntry) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(hides("[Desktop Entry]\nHidden=true\nX=a\rHidden=false\n"));
  EXPECT_FALSE(hides("[Desktop Entry]\nExec=/e\n\f[Other]\nHidden=true\n"));
  EXPECT_FALSE(hides("[Desktop Entry]\nExec=/e\n\v[Other]\nHidden=true\n"));
  EXPECT_FALSE(hides("[Desktop Entry]\nHidden=true\nX=a\0Hidden=false\n"sv));
}

TEST(DesktopFile, AServiceWithoutProgramIsTakenForOneThatStarts) {
  const auto is_off = [](std::string_view text) { return says_off("/x.service", text); };
  EXPECT_TRUE(is_off("[D-BUS Service]\nName=a.b\nExec=/bin/false\n"));
  EXPECT_TRUE(is_off("[D-BUS Service]\nName=a.b\n")) << "the bus has nothing to start";
  EXPECT_FALSE(is_off("[D-BUS Service]\nName=a.b\nX=a \\\nExec=/e\n"));
  EXPECT_FALSE(is_off("[D-BUS Service]\nExec=/bin/false\nExec=/e\n"));
  EXPECT_FALSE(is_off("[D-BUS Service]\nExec=/bin/false\nSystemdService=\n"));
  EXPECT_FALSE(is_off("[Desktop Entry]\nHidden=true\n")) << "no bus reads that";
  EXPECT_FALSE(is_off(""));
}

TEST(DesktopFile, ASettingIsOfTheWrongGroupOrLosesItsLine) {
  const std::string_view text = "a=1\n [G] \n# b=2\n;c=3\nd = 4 \\\n5\ne=\n";
  const auto all = settings(text, Join::kUnit);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].group, "");
  EXPECT_EQ(all[1].group + all[1].key + "=" + all[1].value, "[G]d=4  5");
  EXPECT_EQ(all[1].line.text, "d = 4 \\\n5");
  EXPECT_EQ(all[2].key + "=" + all[2].value, "e=");
  EXPECT_EQ(settings(text, Join::kNone)[1].value, "4 \\");
  EXPECT_EQ(header_of(text, "[G]"), " [G] ");
  EXPECT_EQ(header_of(text, "[H]"), "");
}

}  // namespace
}  // namespace fleetsweep::lines
