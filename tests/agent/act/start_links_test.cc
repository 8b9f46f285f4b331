#include "agent/act/start_links.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<std::string>;

struct StartLinks : testing::Test {
  TempDir root;

  void link(const std::string& target, const std::string& path) {
    fs::create_directories(fs::path(root / path).parent_path());
    fs::create_symlink(target, root / path);
  }
  // Sorted, as a person would list them.
  Paths links_of(const std::string& unit, LinksOf which = LinksOf::kName) {
    Paths links = *unit_links(*Tree::open(root.path()), unit, which);
    std::sort(links.begin(), links.end());
    return links;
  }
};

TEST_F(StartLinks, AUnitOfAHostWithTwoLibFoldersStaysEnabled) {
  write_text(root / "usr/lib/systemd/system/evil.service", "");
  link("../evil.service", "lib/systemd/system/multi-user.target.wants/evil.service");
  link("/usr/lib/systemd/system/evil.service", "lib/systemd/system/alias.service");
  link("../evil.service", "run/systemd/transient/multi-user.target.wants/evil.service");
  link("other.service", "lib/systemd/system/near.service");
  EXPECT_EQ(links_of("/usr/lib/systemd/system/evil.service"),
            (Paths{"/lib/systemd/system/alias.service",
                   "/lib/systemd/system/multi-user.target.wants/evil.service",
                   "/run/systemd/transient/multi-user.target.wants/evil.service"}));
}

TEST_F(StartLinks, ALinkIsUnlinkedTwiceThroughTheTwoNamesOfLib) {
  write_text(root / "usr/lib/systemd/system/evil.service", "");
  link("usr/lib", "lib");
  link("../evil.service", "usr/lib/systemd/system/multi-user.target.wants/evil.service");
  EXPECT_EQ(links_of("/usr/lib/systemd/system/evil.service"),
            Paths{"/usr/lib/systemd/system/multi-user.target.wants/evil.service"});
}

TEST_F(StartLinks, AUnitOfUsersStaysEnabledOrTakesOneOfTheSystemAlong) {
  for (const char* manager : {"user", "system"}) {
    const std::string folder = std::string("usr/lib/systemd/") + manager;
    write_text(root / (folder + "/evil.service"), "");
    link("../evil.service", folder + "/default.target.wants/evil.service");
    link("evil.service", folder + "/alias.service");
  }
  link("/usr/lib/systemd/system/evil.service", "etc/systemd/user/borrowed.service");
  EXPECT_EQ(links_of("/etc/systemd/user/evil.service"),
            (Paths{"/usr/lib/systemd/user/alias.service",
                   "/usr/lib/systemd/user/default.target.wants/evil.service"}));
  EXPECT_EQ(links_of("/usr/lib/systemd/system/evil.service"),
            (Paths{"/etc/systemd/user/borrowed.service", "/usr/lib/systemd/system/alias.service",
                   "/usr/lib/systemd/system/default.target.wants/evil.service"}));
}

TEST_F(StartLinks, TheUnitThatAnotherHidIsNoLongerEnabled) {
  const std::string unit = "/etc/systemd/system/getty@.service";
  write_text(root / unit, "");
  link("/lib/systemd/system/getty@.service",
       "etc/systemd/system/getty.target.wants/getty@tty1.service");
  link("../getty@.service", "lib/systemd/system/getty.target.wants/getty@tty2.service");
  link("getty@.service", "lib/systemd/system/autovt@.service");
  const Paths own = {"/etc/systemd/system/alias@.service",
                     "/etc/systemd/system/getty.target.wants/getty@tty3.service",
                     "/etc/systemd/system/rescue.target.wants/getty@tty4.service"};
  link("getty@.service", own[0]);
  link(unit, own[1]);
  link("../getty@.service", own[2]);
  EXPECT_EQ(links_of(unit, LinksOf::kFile), own);
  EXPECT_EQ(links_of(unit).size(), 6u);
}

TEST_F(StartLinks, WhatIsOfNoOtherUnitIsKeptForOne) {
  const std::string unit = "/etc/systemd/system/getty@tty1.service";
  write_text(root / unit, "");
  link("../etc/systemd/system", "opt/units");
  link(unit, "usr/lib/systemd/system/getty@tty1.service");
  write_text(root / "usr/lib/systemd/system/getty@tty2.service", "");
  write_text(root / "usr/lib/systemd/user/getty@.service", "");
  const auto is_one_of_two = [&](std::set<std::string> gone) {
    gone.insert(unit);
    return *has_namesake(*Tree::open(root.path()), unit, gone);
  };
  EXPECT_FALSE(is_one_of_two({})) << "a link to it, another instance, one of users";
  for (const char* other :
       {"/run/systemd/system/getty@tty1.service", "/etc/systemd/system/getty@.service",
        "/usr/lib/systemd/system/getty@.service"}) {
    write_text(root / other, "");
    EXPECT_TRUE(is_one_of_two({})) << other;
    EXPECT_FALSE(is_one_of_two({other})) << "goes in the same order";
    fs::remove(root / other);
  }
}

TEST_F(StartLinks, AnInitScriptStartsWhereRunlevelsLieBeneathRcD) {
  write_text(root / "etc/init.d/evil", "");
  for (const char* path : {"etc/rc2.d/S01evil", "etc/rc0.d/K01evil", "etc/rcS.d/S20evil",
                           "etc/rc.d/rc3.d/S99evil", "etc/rc2.d/X01evil"})
    link("../init.d/evil", path);
  link("../init.d/devil", "etc/rc2.d/S01devil");
  Paths links = *init_links(*Tree::open(root.path()), "/etc/init.d/evil");
  std::sort(links.begin(), links.end());
  EXPECT_EQ(links, (Paths{"/etc/rc.d/rc3.d/S99evil", "/etc/rc0.d/K01evil", "/etc/rc2.d/S01evil",
                          "/etc/rcS.d/S20evil"}));
}

TEST_F(StartLinks, AScriptElsewhereStartsByAnotherName) {
  write_text(root / "opt/evil", "");
  link("../../opt/evil", "etc/rc2.d/S01own");
  link("../init.d/own", "etc/rc3.d/S01own");
  link("../init.d/evil", "etc/rc3.d/S01evil");
  const Tree tree = *Tree::open(root.path());
  EXPECT_EQ(*init_links(tree, "/opt/evil"), Paths{"/etc/rc2.d/S01own"});
  link("/opt/evil", "etc/init.d/evil");
  EXPECT_EQ(*init_links(tree, "/opt/evil"), (Paths{"/etc/rc2.d/S01own", "/etc/rc3.d/S01evil"}));
  write_text(root / "etc/rc4.d/S01plain", "");
  EXPECT_EQ(*init_links(tree, "/etc/rc4.d/S01plain"), Paths());
}

}  // namespace
}  // namespace fleetsweep::act
