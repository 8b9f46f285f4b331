#include "agent/plan/protected.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fleetsweep::plan {
namespace {

TEST(Protected, TheSystemsOwnFilesAreNeverTakenUnderEitherSpelling) {
  for (const char* path : {"/",
                           "/vmlinuz",
                           "/bin/bash",
                           "/usr/bin/bash",
                           "/lib/x86_64-linux-gnu/libc.so.6",
                           "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
                           "/lib64/ld-linux-x86-64.so.2",
                           "/usr/sbin/sshd",
                           "/usr/lib/systemd/systemd",
                           "/boot/grub/grub.cfg",
                           "/usr/lib/modules/6.1.0/kernel/fs/ext4.ko",
                           "/etc/passwd",
                           "/etc/sudoers.d/admins",
                           "/etc/pam.d/sshd",
                           "/usr/lib/pam.d/sshd",
                           "/usr/etc/pam.d/sshd",
                           "/usr/etc/ssh/sshd_config",
                           "/var/lib/dpkg/status",
                           "/proc/1/exe",
                           "/etc/../etc/passwd",
                           "",
                           "relative/path",
                           "/tmp/.."})
    EXPECT_TRUE(is_protected_file(path, Sbin::kFolder)) << path;
}

TEST(Protected, PlacesOfMalwareAreNotProtected) {
  for (const char* path :
       {"/tmp/kinsing", "/etc/libsystem.so", "/usr/lib/libudev.so.6", "/lib/libgcwrap.so",
        "/usr/bin/perfcc", "/etc/systemd/system/bot.service", "/etc/cron.d/x", "/bootleg/file",
        "/etc/ld.so.preload", "/root/.configrc5/a/kswapd0", "/etc/passwd.bak"})
    EXPECT_FALSE(is_protected_file(path, Sbin::kFolder)) << path;
}

TEST(Protected, AModuleThatWasDroppedAmongTheKernelsIsNoModuleOfTheirs) {
  EXPECT_EQ(module_folder("/lib/modules/6.1.0/kernel/net/evil.ko"), "/lib/modules/6.1.0");
  for (const char* suffix : {".ko", ".ko.xz", ".ko.gz", ".ko.zst"})
    EXPECT_EQ(module_folder(std::string("/usr/lib/modules/6.1.0/evil") + suffix),
              "/lib/modules/6.1.0");
  for (const char* path :
       {"/lib/modules/evil.ko", "/lib/modules/6.1.0", "/lib/modules/6.1.0/modules.dep",
        "/lib/modules/6.1.0/vmlinuz", "/lib/modules/6.1.0/evil.ko.bak", "/tmp/6.1.0/evil.ko",
        "/lib/modules/6.1.0/updates/dkms/zfs.ko", "/lib/modules/6.1.0/weak-updates/x/x.ko",
        "/lib/modules/6.1.0/extra/wl.ko.xz", "/lib/modules/6.1.0/kernel/nvidia-535/nvidia.ko",
        "/lib/modules/6.1.0/../evil.ko"})
    EXPECT_EQ(module_folder(path), "") << path;
}

TEST(Protected, LinesOfAccountsAndPrivilegeStayButACronLineMayGo) {
  EXPECT_TRUE(is_protected_text("/etc/passwd"));
  for (const char* path :
       {"/etc/sudoers", "/etc/shadow", "/etc/pam.conf", "/etc/ssh/ssh_host_rsa_key"})
    EXPECT_TRUE(is_protected_text(path)) << path;
  // One rule, one module, one setting may go; what may not, act finds out there (entry_facts.h).
  for (const char* path : {"/etc/sudoers.d/x", "/etc/pam.d/sshd", "/etc/ssh/sshd_config"}) {
    EXPECT_FALSE(is_protected_text(path)) << path;
    EXPECT_TRUE(is_protected_file(path, Sbin::kFolder)) << path;
  }
  EXPECT_FALSE(is_protected_text("/etc/crontab"));
  EXPECT_FALSE(is_protected_text("/root/.bashrc"));
  EXPECT_FALSE(is_protected_text("/etc/ld.so.preload"));
}

TEST(Protected, AnIntrudersKeyStaysWhereItLiesInTheFolderOfSshd) {
  for (const char* path : {"/etc/ssh/authorized_keys/www", "/etc/ssh/keys", "/root/.ssh/x"})
    EXPECT_FALSE(is_protected_key_file(path)) << path;
  for (const char* path :
       {"/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_rsa_key.pub", "/etc/ssh/ssh_config",
        "/etc/ssh/ssh_config.d/x.conf", "/etc/ssh/ssh_known_hosts", "/etc/ssh/moduli",
        "/etc/ssh/keys/../ssh_host_rsa_key", "/etc/passwd", "/proc/keys"})
    EXPECT_TRUE(is_protected_key_file(path)) << path;
  EXPECT_TRUE(is_protected_text("/etc/ssh/authorized_keys/www"));
  EXPECT_TRUE(is_protected_file("/etc/ssh/authorized_keys/www", Sbin::kFolder));
}

TEST(Protected, InitAndRemoteAccessAreNeverStopped) {
  EXPECT_TRUE(is_protected_program("/usr/sbin/sshd", Sbin::kFolder));
  EXPECT_TRUE(is_protected_program("/usr/lib/systemd/systemd", Sbin::kFolder));
  for (const char* path : {"/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/sbin/runc"})
    EXPECT_TRUE(is_protected_program(path, Sbin::kFolder)) << path;
  EXPECT_FALSE(is_protected_program("/usr/bin/bash", Sbin::kFolder));
  EXPECT_FALSE(is_protected_program("/tmp/sshd", Sbin::kFolder));
}

TEST(Protected, WhereSbinIsALinkNobodyKnowsSshdInBin) {
  const auto files = protected_files(Sbin::kLinkToBin);
  for (const char* path : {"/usr/bin/sshd", "/usr/bin/init", "/usr/bin/NetworkManager"}) {
    EXPECT_TRUE(is_protected_program(path, Sbin::kLinkToBin)) << path;
    EXPECT_TRUE(is_protected_file(path, Sbin::kLinkToBin)) << path;
    EXPECT_NE(std::ranges::find(files, path), files.end()) << path;
  }
  EXPECT_TRUE(is_sshd("/usr/bin/sshd", Sbin::kLinkToBin));
  EXPECT_TRUE(is_sshd("/usr/sbin/sshd", Sbin::kLinkToBin));
}

TEST(Protected, WhatTakesTheNameOfSshdInBinIsProtectedWhereSshdIsInSbin) {
  for (const char* path : {"/usr/bin/sshd", "/usr/bin/init", "/usr/sbin/bash"}) {
    EXPECT_FALSE(is_protected_program(path, Sbin::kFolder)) << path;
    EXPECT_FALSE(is_protected_file(path, Sbin::kFolder)) << path;
  }
  EXPECT_FALSE(is_sshd("/usr/bin/sshd", Sbin::kFolder));
}

TEST(Protected, WhatWindowsNeedsToStartIsNamedInAnyCase) {
  for (const char* path :
       {"/Windows/System32/ntoskrnl.exe", "/WINDOWS/system32/Winlogon.exe", "/windows/explorer.exe",
        "/Windows/System32/config/SYSTEM", "/Users/Ann/NTUSER.DAT", "/Users/Ann/ntuser.man"})
    EXPECT_TRUE(is_protected_file(path, Sbin::kFolder)) << path;
  for (const char* path : {"/Windows/SysWOW64/Qwertz/mfpmp.ocx", "/Windows/System32/evil.exe",
                           "/Users/Ann/AppData/Local/Qwertz/winlogon.exe"})
    EXPECT_FALSE(is_protected_file(path, Sbin::kFolder)) << path;
}

TEST(Protected, AUsersHiveIsKeptAndItsLogsGo) {
  for (const char* hive : {"/Users/Ann/NTUSER.DAT", "/Users/Ann/ntuser.man",
                           "/Users/Ann/AppData/Local/Microsoft/Windows/UsrClass.dat"})
    for (const char* log : {"", ".LOG", ".LOG1", ".log2"}) {
      const std::string path = std::string(hive) + log;
      EXPECT_TRUE(is_named_like_a_users_hive(path)) << path;
      EXPECT_TRUE(is_protected_file(path, Sbin::kFolder)) << path;
    }
  for (const char* path : {"/Boot/BCD", "/boot/bcd.LOG1"})
    EXPECT_TRUE(is_protected_file(path, Sbin::kFolder)) << path;
  for (const char* path : {"/Users/Ann/ntuser.dat.LOG3", "/Users/Ann/x.LOG1",
                           "/Users/Ann/my ntuser.dat", "/Users/NTUSER.DAT/x"})
    EXPECT_FALSE(is_protected_file(path, Sbin::kFolder)) << path;
}

TEST(Protected, GlobsMatchWholeComponents) {
  EXPECT_TRUE(matches_glob("/opt/*/keep", "/opt/a/keep"));
  EXPECT_FALSE(matches_glob("/opt/*/keep", "/opt/a/b/keep"));
  EXPECT_TRUE(matches_glob("/opt/**/keep", "/opt/a/b/keep"));
  EXPECT_TRUE(matches_glob("/opt/**/keep", "/opt/keep"));
  EXPECT_TRUE(matches_glob("/opt/f?o*", "/opt/foobar"));
  EXPECT_FALSE(matches_glob("/opt/f?o", "/opt/fo"));
  EXPECT_FALSE(matches_glob("/opt", "/opt/x"));
  EXPECT_TRUE(covers_glob("/opt/*/keep", "/opt/a/keep"));
  EXPECT_TRUE(covers_glob("/opt/*/keep", "/opt/a/keep/b/c"));
  EXPECT_FALSE(covers_glob("/opt/*/keep", "/opt/a/keeper"));
  EXPECT_TRUE(covers_glob("/opt/", "/opt/x"));
  EXPECT_FALSE(covers_glob("/opt", "/optional"));
  EXPECT_TRUE(covers_glob("/", "/x"));
  EXPECT_TRUE(is_beneath("/opt", "/opt/x"));
  EXPECT_FALSE(is_beneath("/opt", "/optional"));
}

}  // namespace
}  // namespace fleetsweep::plan
