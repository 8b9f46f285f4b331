#include "agent/act/disable.h"

#include <gtest/gtest.h>

#include "agent/act/metadata.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

using lines::Join;

TEST(Disable, ACommentIsNoneInTheLanguageOfItsFile) {
  EXPECT_EQ(commented_out("* * * * * root /x", Join::kNone), "# * * * * * root /x");
  EXPECT_EQ(commented_out("DPkg::Post-Invoke {\n \"/x\";\n};", Join::kBraces),
            "// DPkg::Post-Invoke {\n//  \"/x\";\n// };");
  EXPECT_EQ(commented_out("1000 ALL=ALL", Join::kShell), "# 1000 ALL=ALL") << "#1000 is a user";
  EXPECT_EQ(commented_out("A=\"1 \\\rExecStart=/x\"", Join::kUnit), "# A=\"1 \\\r# ExecStart=/x\"")
      << "\\r ends a line of systemd";
}

std::optional<std::vector<Replacement>> hidden(std::string_view text) {
  return turned_off("/etc/xdg/autostart/x.desktop", text);
}
std::optional<std::vector<Replacement>> off_the_bus(std::string_view text) {
  return turned_off("/etc/dbus-1/services/x.service", text);
}
auto edits(std::vector<Replacement> all) {
  return std::optional(std::move(all));
}

TEST(Disable, AnAutostartEntryStaysOnOrIsHiddenInTheWrongGroup) {
  EXPECT_EQ(hidden("[Desktop Entry]\nExec=/x\n[Desktop Action a]\nHidden=true\n"),
            edits({{"[Desktop Entry]", "[Desktop Entry]\nHidden=true"}}));
  EXPECT_EQ(hidden("# x\r\n[Desktop Entry]\r\nExec=/x\r\n"),
            edits({{"[Desktop Entry]\r", "[Desktop Entry]\r\nHidden=true\r"}}));
  EXPECT_EQ(hidden("[Desktop Entry]\n Hidden = false\nExec=/x\n"),
            edits({{" Hidden = false", "Hidden=true"}}));
  EXPECT_EQ(hidden("[Desktop Entry]\nHidden=true\nHidden=1\n"),
            edits({{"Hidden=1", "Hidden=true"}}));
  EXPECT_EQ(hidden("[Desktop Entry]\nHidden=true\nHidden=\n"), edits({{"Hidden=", "Hidden=true"}}));
  EXPECT_EQ(hidden("[Desktop Entry]\nHidden=true\nExec=/x\n"), edits({}));
}

TEST(Disable, AnAutostartEntryIsOffForAReaderThatJoinsLinesOnly) {
  EXPECT_EQ(hidden("[Desktop Entry]\nExec=/e \\\nHidden=true\n"),
            edits({{"[Desktop Entry]", "[Desktop Entry]\nHidden=true"}}));
  EXPECT_EQ(hidden("[Desktop Entry]\nHidden=true\nX-Foo=a \\\nHidden=false\n"),
            edits({{"Hidden=false", "Hidden=true"}}));
}

TEST(Disable, WhatNoEditIsKnownForCountsAsOff) {
  EXPECT_EQ(hidden("Exec=/x\n"), std::nullopt) << "no desktop reads it, as far as we know";
  EXPECT_EQ(hidden("[Desktop Entry]\nExec=/x\nA=\fb\n"), std::nullopt);
  EXPECT_EQ(off_the_bus("[Desktop Entry]\nExec=/x\n"), std::nullopt);
}

TEST(Disable, ABusStartsAServiceThroughSystemdThatWasTurnedOff) {
  EXPECT_EQ(off_the_bus("[D-BUS Service]\nName=a.b\nExec=/x --y\nUser=root\nSystemdService=z\n"),
            edits({{"Exec=/x --y", "# Exec=/x --y\nExec=/bin/false"},
                   {"SystemdService=z", "# SystemdService=z"}}));
  EXPECT_EQ(off_the_bus("[D-BUS Service]\nName=a.b\nX=a \\\nExec=/e\n"),
            edits({{"Exec=/e", "# Exec=/e\nExec=/bin/false"}}));
  EXPECT_EQ(off_the_bus("[D-BUS Service]\nName=a.b\nExec=/bin/false\n"), edits({}));
}

TEST(Disable, ALineThatStandsThereTwiceIsEditedTwice) {
  EXPECT_EQ(off_the_bus("[D-BUS Service]\nName=a.b\nExec=/x\nExec=/x\n"),
            edits({{"Exec=/x", "# Exec=/x\nExec=/bin/false"}}));
  EXPECT_EQ(hidden("[Desktop Entry]\nHidden=0\nHidden=0\n"), edits({{"Hidden=0", "Hidden=true"}}));
}

TEST(Disable, ACapabilityThatCannotBeReadIsTakenForNone) {
  TempDir folder;
  write_text(folder / "x", "a program");
  const UniqueFd file(::open((folder / "x").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(capability_of(file.get(), "/x").value_or("?"), "");
  const auto unread = capability_of(-1, "/x");
  ASSERT_FALSE(unread);
  EXPECT_EQ(unread.error().reason, Reason::kIo);
}

}  // namespace
}  // namespace fleetsweep::act
