#include "agent/act/disable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = model::PersistenceKind;

TEST(Disable, ACommentIsNoneInTheLanguageOfItsFile) {
  EXPECT_EQ(commented_out("* * * * * root /x", Kind::kCron), "# * * * * * root /x");
  EXPECT_EQ(commented_out("DPkg::Post-Invoke {\n \"/x\";\n};", Kind::kPackageManagerHook),
            "// DPkg::Post-Invoke {\n//  \"/x\";\n// };");
  EXPECT_EQ(commented_out("1000 ALL=ALL", Kind::kSudoers), "# 1000 ALL=ALL") << "#1000 is a user";
}

TEST(Disable, AnAutostartEntryStaysOnOrIsHiddenInTheWrongGroup) {
  EXPECT_THAT(turned_off("[Desktop Entry]\nExec=/x\n[Desktop Action a]\nHidden=true\n"),
              ElementsAre(Replacement{"[Desktop Entry]", "[Desktop Entry]\nHidden=true"}));
  EXPECT_THAT(turned_off("# x\r\n[Desktop Entry]\r\nExec=/x\r\n"),
              ElementsAre(Replacement{"[Desktop Entry]\r", "[Desktop Entry]\r\nHidden=true\r"}));
  EXPECT_THAT(turned_off("[Desktop Entry]\n Hidden = false\nExec=/x\n"),
              ElementsAre(Replacement{" Hidden = false", "Hidden=true"}));
  EXPECT_THAT(turned_off("[Desktop Entry]\nHidden=true\nHidden=1\n"),
              ElementsAre(Replacement{"Hidden=1", "Hidden=true"}));
  EXPECT_THAT(turned_off("[Desktop Entry]\nHidden=false\nHidden=true\n"), IsEmpty());
  EXPECT_THAT(turned_off("Exec=/x\n"), IsEmpty()) << "no desktop reads it";
}

TEST(Disable, ALineThatStandsThereTwiceIsLookedForAgainWhenItIsGone) {
  EXPECT_THAT(turned_off("[Desktop Entry]\nHidden=false\nHidden=false\n"),
              ElementsAre(Replacement{"Hidden=false", "Hidden=true"}));
}

TEST(Disable, ABusStartsAServiceThroughSystemdThatWasTurnedOff) {
  EXPECT_THAT(turned_off("[D-BUS Service]\nName=a.b\nExec=/x --y\nUser=root\nSystemdService=z\n"),
              ElementsAre(Replacement{"Exec=/x --y", "# Exec=/x --y\nExec=/bin/false"},
                          Replacement{"SystemdService=z", "# SystemdService=z"}));
  EXPECT_THAT(turned_off("[D-BUS Service]\nName=a.b\nExec=/bin/false\n"), IsEmpty());
}

}  // namespace
}  // namespace fleetsweep::act
