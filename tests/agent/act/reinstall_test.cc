#include "agent/act/reinstall.h"

#include <gmock/gmock.h>

namespace fleetsweep::act {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kStatus =
    "Package: demo\nStatus: install ok installed\nArchitecture: all\nVersion: 1:1.0-2~bpo+1\n"
    "Description: a demo\n Version: 9\n\n"
    "Package: libc6\nArchitecture: i386\nVersion: 2.35\n\n"
    "Package: libc6\nVersion: 2.36\nArchitecture: amd64\n\n"
    "Package: half\nStatus: deinstall ok config-files\n\n"
    "Package: last\nVersion: 3";

TEST(Reinstall, TheVersionOfAnotherPackageIsProposed) {
  EXPECT_EQ(dpkg_version(kStatus, "demo"), "1:1.0-2~bpo+1");
  EXPECT_EQ(dpkg_version(kStatus, "libc6:amd64"), "2.36");
  EXPECT_EQ(dpkg_version(kStatus, "libc6:i386"), "2.35");
  EXPECT_EQ(dpkg_version(kStatus, "last"), "3");
  EXPECT_EQ(dpkg_version(kStatus, "half"), std::nullopt);
  EXPECT_EQ(dpkg_version(kStatus, "libc"), std::nullopt);
  EXPECT_EQ(dpkg_version("", "demo"), std::nullopt);
}

TEST(Reinstall, APersonDoesNotLearnWhatToRun) {
  EXPECT_EQ(
      reinstall_proposal({"libc6:amd64", "1:1.0-2~bpo+1", "aa", "bb"}),
      "of package libc6:amd64 1:1.0-2~bpo+1, which installed MD5 aa; here is bb; a person may "
      "run: apt-get install --reinstall libc6:amd64=1:1.0-2~bpo+1");
  EXPECT_THAT(reinstall_proposal({"demo", "1", std::nullopt, "bb"}),
              HasSubstr("which recorded no digest; here is MD5 bb; a person may run"));
  EXPECT_THAT(
      reinstall_proposal({"demo", "1", std::nullopt, std::nullopt}),
      HasSubstr("which recorded no digest; here is what is too large to be hashed; a person"));
}

TEST(Reinstall, AFileOfRpmsIsProposedToDpkg) {
  const std::string recorded(64, 'a'), found(64, 'b');
  EXPECT_EQ(reinstall_proposal({"kit-1.2-3", "", recorded, found}),
            "of package kit-1.2-3, which installed SHA-256 " + recorded + "; here is " + found +
                "; a person may run: dnf reinstall kit-1.2-3");
  EXPECT_THAT(reinstall_proposal({"kit;reboot", "", recorded, found}), Not(HasSubstr("dnf")));
}

TEST(Reinstall, ADatabaseOfTheAttackersWritesTheCommand) {
  for (const char* name : {"a;reboot", "a b", "$(id)", "-oDir=/tmp", "", "a\nb", "a/b", "a'"}) {
    EXPECT_THAT(reinstall_proposal({name, "1", "aa", "bb"}), Not(HasSubstr("apt-get"))) << name;
    EXPECT_THAT(reinstall_proposal({"demo", name, "aa", "bb"}), Not(HasSubstr("apt-get"))) << name;
  }
}

}  // namespace
}  // namespace fleetsweep::act
