#include "agent/hive/paths.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "agent/hive/volume.h"

namespace fleetsweep::hive {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(WindowsPaths, AVariableStandsForEachProfileAndForEachAgeOfWindows) {
  EXPECT_THAT(globs_of("%appdata%\\Vendor\\x.dll"),
              ElementsAre("/Users/*/AppData/Roaming/Vendor/x.dll",
                          "/Documents and Settings/*/Application Data/Vendor/x.dll"));
  EXPECT_THAT(globs_of("%SystemRoot%\\SysWOW64"), ElementsAre("/Windows/SysWOW64"));
  EXPECT_THAT(globs_of("%SystemDrive%"), ElementsAre(""));
  EXPECT_THAT(globs_of("c:\\"), ElementsAre("/"));
  EXPECT_THAT(globs_of("C:\\Program Files (x86)\\"), ElementsAre("/Program Files (x86)"));
}

TEST(WindowsPaths, AnotherDriveAndAnUnknownVariableAreNowhere) {
  for (const char* path : {"D:\\x", "%NOBODY%\\x", "%APPDATA", "/etc", ""})
    EXPECT_THAT(globs_of(path), IsEmpty()) << path;
}

TEST(WindowsPaths, AProfileThatWasMovedIsNoneOfTheUsers) {
  const std::vector<std::string> moved = {"/Data/Ann"};
  EXPECT_THAT(globs_of("%APPDATA%\\x", moved),
              ElementsAre("/Users/*/AppData/Roaming/x", "/Data/Ann/AppData/Roaming/x",
                          "/Documents and Settings/*/Application Data/x"));
  EXPECT_THAT(globs_of("%PUBLIC%", moved), ElementsAre("/Users/Public"));
  EXPECT_THAT(globs_of("%SystemRoot%\\x", moved), ElementsAre("/Windows/x"));
}

TEST(WindowsPaths, AVolumeIsKnownByItsSoftwareHiveAndNotThroughLinks) {
  char folder[] = "/tmp/fleetsweep-volume-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const fs::path root = folder;
  EXPECT_FALSE(*holds_windows(root));
  fs::create_directories(root / "WINDOWS/system32/Config");
  EXPECT_FALSE(*holds_windows(root));
  std::ofstream(root / "WINDOWS/system32/Config/software") << "x";
  EXPECT_TRUE(*holds_windows(root));
  fs::create_directories(root / "WINDOWS");
  fs::create_directories(root / "Windows");  // NTFS has folders in which these are two
  fs::create_directories(root / "windows/System32/config");
  EXPECT_TRUE(*holds_windows(root)) << "an empty namesake hides it";
  fs::create_directories(root / "other");
  fs::create_symlink("../WINDOWS", root / "other/Windows");
  EXPECT_FALSE(*holds_windows(root / "other"));
  fs::remove_all(root);
}

}  // namespace
}  // namespace fleetsweep::hive
