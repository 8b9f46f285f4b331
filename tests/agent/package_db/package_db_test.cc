#include "agent/package_db/package_db.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

class PackageDbTest : public testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/fleetsweep-packages-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    root_ = folder;
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) {
    const fs::path path = root_ / "var/lib/dpkg/info" / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  PackageDb open() {
    auto db = PackageDb::open(root_.string());
    EXPECT_TRUE(db.has_value()) << db.error().message;
    return std::move(*db);
  }

  fs::path root_;
};

TEST_F(PackageDbTest, ARootWithoutDpkgOwnsNothing) {
  const PackageDb db = open();
  EXPECT_EQ(db.files(), 0u);
  EXPECT_FALSE(db.owner("/bin/ls").has_value());
}

TEST_F(PackageDbTest, MergedUsrSpellingsAreOneFile) {
  write("coreutils.list", "/.\n/bin\n/bin/ls\n/usr/share/doc\n");
  write("coreutils.md5sums", "0123456789abcdef0123456789abcdef  bin/ls\n");
  const PackageDb db = open();
  EXPECT_EQ(db.owner("/bin/ls"), "coreutils");
  EXPECT_EQ(db.owner("/usr/bin/ls"), "coreutils");
  EXPECT_TRUE(db.intact("/usr/bin/ls", "0123456789abcdef0123456789abcdef"));
  EXPECT_FALSE(db.owner("/usr/local/bin/ls").has_value());
}

TEST_F(PackageDbTest, WhereSbinIsALinkToBinAPackagesProgramIsNobodys) {
  write("kit.list", "/usr/sbin/kit\n");
  write("kit.md5sums", "0123456789abcdef0123456789abcdef  usr/sbin/kit\n");
  fs::create_directories(root_ / "usr/bin");
  fs::create_directory(root_ / "usr/sbin");
  EXPECT_FALSE(open().owner("/usr/bin/kit").has_value()) << "two folders, and two files";
  fs::remove(root_ / "usr/sbin");
  for (const char* target : {"bin", "/usr/bin", "../usr/bin/"}) {
    fs::create_symlink(target, root_ / "usr/sbin");
    const PackageDb db = open();
    for (const char* name : {"/usr/bin/kit", "/usr/sbin/kit", "/bin/kit", "/sbin/kit"}) {
      EXPECT_EQ(db.owner(name), "kit") << name << " where sbin is " << target;
      EXPECT_TRUE(db.intact(name, "0123456789abcdef0123456789abcdef"));
    }
    fs::remove(root_ / "usr/sbin");
  }
  fs::create_symlink("../opt/bin", root_ / "usr/sbin");
  EXPECT_FALSE(open().owner("/usr/bin/kit").has_value());
}

TEST_F(PackageDbTest, WhatAnotherPackageDivertedIsNobodysOrNotIntact) {
  const std::string of_a(32, 'a'), of_b(32, 'b');
  for (const auto& [package, sum] : {std::pair("a:amd64", of_a), std::pair("b", of_b)}) {
    write(std::string(package) + ".list", "/usr/bin/x\n/usr/bin/y\n");
    write(std::string(package) + ".md5sums", sum + "  usr/bin/x\n");
  }
  write("a:amd64.list", "/usr/bin/x\n/etc/x.conf\n/usr/bin/left\n");
  write("../status", "Package: a\nConffiles:\n /etc/x.conf " + of_a + "\nPackage: b\n");
  const std::string whole =
      "/bin/x\n/bin/x.real\nb\n/etc/x.conf\n/etc/x.conf.old\n:\n/usr/bin/left\n/usr/bin/l\n:\n";
  write("../diversions", whole);
  const PackageDb db = open();
  EXPECT_EQ(db.owner("/usr/bin/x.real"), "a:amd64");
  EXPECT_TRUE(db.intact("/usr/bin/x.real", of_a));
  EXPECT_EQ(db.owner("/usr/bin/x"), "b");
  EXPECT_TRUE(db.intact("/usr/bin/x", of_b));
  EXPECT_TRUE(db.intact("/etc/x.conf.old", of_a));
  // Not moved there yet, or another stands in its place: not what nobody owns.
  EXPECT_EQ(db.owner("/usr/bin/left"), "a:amd64");
  EXPECT_TRUE(db.intact("/etc/x.conf", of_a));
  // What of the file is damaged says nothing.
  for (const std::string damaged : {"", "\n\n\n\n", "/bin/x\n/bin/x.real", "b\n/bin/x\n/bin/y\n"}) {
    write("../diversions", damaged);
    EXPECT_EQ(open().owner("/usr/bin/x"), "a:amd64") << damaged;
  }
}

TEST_F(PackageDbTest, AnOwnedFileWithOtherContentIsNotIntact) {
  write("libc6:amd64.list", "/lib/x86_64-linux-gnu/libc.so.6\n");
  write("libc6:amd64.md5sums",
        "0123456789abcdef0123456789abcdef  lib/x86_64-linux-gnu/libc.so.6\n");
  const PackageDb db = open();
  EXPECT_EQ(db.owner("/usr/lib/x86_64-linux-gnu/libc.so.6"), "libc6:amd64");
  EXPECT_FALSE(db.intact("/lib/x86_64-linux-gnu/libc.so.6", "ffffffffffffffffffffffffffffffff"));
}

TEST_F(PackageDbTest, APristineConfigurationFileIsIntact) {
  write("cron.list", "/etc/crontab\n/etc/cron.d/old\n/etc/cron.d/made\n");
  write("../status",
        "Package: cron\nConffiles:\n /etc/crontab 0123456789abcdef0123456789abcdef\n"
        " /etc/cron.d/old 0123456789abcdef0123456789abcdef obsolete\n"
        " /etc/not/its/own 0123456789abcdef0123456789abcdef\n"
        "Description: schedules\n /etc/cron.d/made 0123456789abcdef0123456789abcdef\n");
  const PackageDb db = open();
  EXPECT_TRUE(db.intact("/etc/crontab", "0123456789abcdef0123456789abcdef"));
  EXPECT_FALSE(db.intact("/etc/crontab", "ffffffffffffffffffffffffffffffff"));
  for (const char* other : {"/etc/cron.d/old", "/etc/cron.d/made", "/etc/not/its/own"})
    EXPECT_FALSE(db.recorded(other).has_value()) << other;
  EXPECT_FALSE(db.owner("/etc/not/its/own").has_value());
}

TEST_F(PackageDbTest, AFileThatNobodyRecordedIsNotIntact) {
  write("cron.list", "/etc/crontab\n");
  const PackageDb db = open();
  EXPECT_EQ(db.owner("/etc/crontab"), "cron");
  EXPECT_FALSE(db.recorded("/etc/crontab").has_value());
  EXPECT_FALSE(db.intact("/etc/crontab", ""));
}

TEST_F(PackageDbTest, TheFilesOfAnotherPackageSystemAreNotNobodys) {
  for (const char* other : {"var/lib/rpm", "usr/lib/sysimage/rpm", "lib/apk/db"}) {
    fs::create_directories(root_ / other);
    const auto opened = PackageDb::open(root_.string());
    ASSERT_FALSE(opened.has_value()) << other;
    EXPECT_NE(opened.error().message.find(other), std::string::npos) << opened.error().message;
    fs::remove(root_ / other);
  }
  // rpm is also a package of Debian, and dpkg one of Fedora that owns nothing there.
  fs::create_directories(root_ / "var/lib/rpm");
  fs::create_directories(root_ / "var/lib/dpkg/info");
  EXPECT_FALSE(PackageDb::open(root_.string()).has_value());
  write("coreutils.list", "/bin/ls\n");
  EXPECT_EQ(open().owner("/bin/ls"), "coreutils");
}

TEST_F(PackageDbTest, BrokenSumLinesAreSkippedAndTheRestCounts) {
  write("a.list", "/usr/bin/a\n/usr/bin/b\n");
  write("a.md5sums",
        "short\nnot-hexadecimal-not-hexadecimal  usr/bin/a\n"
        "0123456789abcdef0123456789abcdef  usr/bin/b\n");
  const PackageDb db = open();
  EXPECT_FALSE(db.recorded("/usr/bin/a").has_value());
  EXPECT_TRUE(db.recorded("/usr/bin/b").has_value());
}

}  // namespace
}  // namespace fleetsweep
