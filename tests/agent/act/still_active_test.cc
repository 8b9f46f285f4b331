#include "agent/act/still_active.h"

#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

using Names = std::set<std::string>;

Taken taken(std::string_view path, std::string_view text) {
  Taken result;
  result.add(path, text);
  return result;
}

TEST(StillActive, AModuleIsSoughtByANameThatTheKernelDoesNotUse) {
  EXPECT_EQ(loaded_modules("evil_mod 16384 0 - Live 0x0000000000000000 (OE)\n"
                           "loop 40960 2 nbd,evil_mod, Live 0x0000000000000000\n"),
            (Names{"evil_mod", "loop"}));
  EXPECT_EQ(loaded_modules(""), Names{});
  EXPECT_EQ(taken("/etc/modules-load.d/evil.conf", "evil-mod").modules, Names{"evil_mod"});
  EXPECT_EQ(taken("/etc/modules", "  evil-mod debug=1\n").modules, Names{"evil_mod"});
  EXPECT_EQ(taken("/usr/lib/modules-load.d/x.conf", "# a\n\n; b\nevil\nloop\n").modules,
            (Names{"evil", "loop"}));
  EXPECT_EQ(taken("/etc/modules", "evil\rloop\n").modules, (Names{"evil", "loop"})) << "as systemd";
  for (const char* path :
       {"/lib/modules/6.1.0/extra/evil-mod.ko", "/tmp/evil_mod.ko.xz", "/evil-mod.ko.zst"})
    EXPECT_EQ(taken(path, "").modules, Names{"evil_mod"}) << path;
  for (const char* path : {"/etc/modprobe.d/evil.conf", "/etc/modules-load.d/evil.conf~",
                           "/etc/modules-load.d/old/evil.conf", "/etc/modules.old",
                           "/tmp/etc/modules", "/tmp/evil.ko.txt", "/tmp/ko"})
    EXPECT_EQ(taken(path, "evil").modules, Names{}) << path;
}

TEST(StillActive, AFormatOrASettingOfSshdIsTakenForAModule) {
  const Taken format = taken("/etc/binfmt.d/evil.conf", "# own\n:doc:E::doc::/opt/evil:\n:no:E\n");
  EXPECT_EQ(format.formats, Names{"doc"});
  EXPECT_EQ(format.modules, Names{});
  EXPECT_FALSE(format.is_of_sshd);
  for (const char* path : {"/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/evil.conf"}) {
    const Taken sshd = taken(path, "ForceCommand /opt/evil");
    EXPECT_TRUE(sshd.is_of_sshd) << path;
    EXPECT_EQ(sshd.modules, Names{});
  }
  EXPECT_FALSE(taken("/etc/ssh/ssh_config", "ProxyCommand /opt/evil").is_of_sshd);
}

}  // namespace
}  // namespace fleetsweep::act
