#pragma once

// Where things that start by themselves live on Linux, and how their files are read: the one table
// behind the scanner's places and the policy language's @Names. Names that start with @Linux, @SSH
// or @XDG are ForensicArtifacts' (Apache-2.0, https://github.com/ForensicArtifacts/artifacts,
// data/linux.yaml and data/unix_common.yaml); the paths are written anew.

#include "protocol/model/finding.h"

namespace fleetsweep::model {

enum class EntryFormat : std::uint8_t {
  kSystemCrontab,   // five fields (or @word), user, command
  kUserCrontab,     // five fields (or @word), command
  kAnacrontab,      // period, delay, name, command
  kWhole,           // the file is the entry: an init script, a script in cron.daily
  kAtJob,           // a shell script whose prologue at(1) wrote
  kUnit,            // a systemd unit; what it tells the loader is an entry of its own
  kLines,           // each line that is not a comment
  kLibraries,       // ld.so.preload: libraries separated by spaces or colons
  kShell,           // each command line that is not a comment
  kAuthorizedKeys,  // options, type, key, comment
  kInittab,         // id:runlevels:action:process
  kAssignments,     // NAME=value, of which those that make programs load or run something
  kDesktop,         // a desktop entry or a D-Bus service
  kPam,             // type, control, module, arguments
  kPamConf,         // the same behind the name of a service
  kSshd,            // settings of sshd that run something or say whose key fits
  kUdev,            // rules that run something
  kAptHooks,        // of apt.conf: statements that run something
  kGitConfig,       // settings of git that run something
  kModules,         // a kernel module on each line
  kModprobe,        // install and remove commands
  kBinfmt,          // :name:type:offset:magic:mask:interpreter:flags
  kSudoers,         // who may do what as whom
  kPasswd,          // each account
  kManager,         // systemd's own settings, of which what they tell the loader of all units
  kDpkg,            // of dpkg.cfg: options that run something
  kInterfaces,      // interfaces(5): options that run something
};
inline constexpr std::uint8_t kEntryFormats =
    static_cast<std::uint8_t>(EntryFormat::kInterfaces) + 1;

struct PersistencePlace {
  enum class Gather : std::uint8_t {
    kFile,
    kFolder,   // the files in it
    kDropIns,  // and those in its folders NAME.d
    kTree,     // all beneath it
  };
  // Of the files there, those that ...
  enum class Only : std::uint8_t {
    kAny,
    kSetuid,      // run with another's rights
    kCapable,     // have a capability
    kShadowing,   // have the name of one in a folder that PATH names later
    kExecutable,  // may be executed
  };
  std::string_view location;  // of the policy language; empty: none names it
  PersistenceKind kind;
  EntryFormat format;
  std::string_view path;  // @home/x: in every home; * and ? stand for what is in one component
  Gather gather = Gather::kFile;
  std::string_view suffixes{};  // separated by spaces; a file ends with one of them
  std::string_view user{};      // whose it is
  Only only = Only::kAny;
};

namespace places {

using Kind = PersistenceKind;
using Format = EntryFormat;
using Gather = PersistencePlace::Gather;
using Only = PersistencePlace::Only;

inline constexpr std::string_view kUnitSuffixes =
    ".service .socket .path .timer .mount .swap .conf";
inline constexpr std::string_view kWebSuffixes =
    ".php .php3 .php4 .php5 .php7 .php8 .phtml .phar .jsp .jspx .asp .aspx .ashx .asmx .cgi .cfm";

// clang-format off
inline constexpr PersistencePlace kAll[] = {
    {"@LinuxCronTabs", Kind::kCron, Format::kSystemCrontab, "/etc/crontab"},
    {"@LinuxCronTabs", Kind::kCron, Format::kSystemCrontab, "/etc/cron.d", Gather::kFolder},
    {"@LinuxCronTabs", Kind::kCron, Format::kAnacrontab, "/etc/anacrontab", Gather::kFile, "", "root"},
    {"@LinuxCronTabs", Kind::kCron, Format::kWhole, "/etc/cron.hourly", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxCronTabs", Kind::kCron, Format::kWhole, "/etc/cron.daily", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxCronTabs", Kind::kCron, Format::kWhole, "/etc/cron.weekly", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxCronTabs", Kind::kCron, Format::kWhole, "/etc/cron.monthly", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxCronTabs", Kind::kCron, Format::kWhole, "/etc/cron.yearly", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxCronTabs", Kind::kCron, Format::kWhole, "/etc/periodic/*", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxCronTabs", Kind::kCron, Format::kUserCrontab, "/var/spool/cron", Gather::kFolder},
    {"@LinuxCronTabs", Kind::kCron, Format::kUserCrontab, "/var/spool/cron/crontabs", Gather::kFolder},
    {"@LinuxCronTabs", Kind::kCron, Format::kUserCrontab, "/var/spool/cron/tabs", Gather::kFolder},
    {"@LinuxAtJobs", Kind::kAt, Format::kAtJob, "/var/spool/cron/atjobs", Gather::kFolder, "", "", Only::kExecutable},
    {"@LinuxAtJobs", Kind::kAt, Format::kAtJob, "/var/spool/at", Gather::kFolder, "", "", Only::kExecutable},
    {"@LinuxAtJobs", Kind::kAt, Format::kAtJob, "/var/spool/atd", Gather::kFolder, "", "", Only::kExecutable},
    {"@LinuxAtJobs", Kind::kAt, Format::kAtJob, "/var/spool/atjobs", Gather::kFolder, "", "", Only::kExecutable},

    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/etc/systemd/system", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/etc/systemd/system.attached", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/etc/systemd/system.control", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/systemd/system", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/systemd/system.attached", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/systemd/system.control", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/systemd/transient", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/usr/lib/systemd/system", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/lib/systemd/system", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/usr/local/lib/systemd/system", Gather::kDropIns, kUnitSuffixes, "root"},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/etc/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/etc/xdg/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/user/*/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/user/*/systemd/user.control", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/run/user/*/systemd/transient", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/usr/lib/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/lib/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/usr/local/lib/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/usr/share/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "/usr/local/share/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "@home/.config/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "@home/.config/systemd/user.control", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdServices", Kind::kSystemdUnit, Format::kUnit, "@home/.local/share/systemd/user", Gather::kDropIns, kUnitSuffixes},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/etc/systemd/*-generators", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/run/systemd/*-generators", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/usr/lib/systemd/*-generators", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/lib/systemd/*-generators", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/usr/local/lib/systemd/*-generators", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/usr/lib/systemd/system-shutdown", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/lib/systemd/system-shutdown", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/usr/lib/systemd/system-sleep", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxSystemdGenerators", Kind::kSystemdGenerator, Format::kWhole, "/lib/systemd/system-sleep", Gather::kFolder, "", "root", Only::kExecutable},

    {"@LinuxSysVInit", Kind::kInitScript, Format::kWhole, "/etc/init.d", Gather::kFolder, "", "root"},
    {"@LinuxSysVInit", Kind::kInitScript, Format::kWhole, "/etc/rc.d/init.d", Gather::kFolder, "", "root"},
    {"@LinuxSysVInit", Kind::kInitScript, Format::kWhole, "/etc/rc?.d", Gather::kFolder, "", "root"},
    {"@LinuxSysVInit", Kind::kInitScript, Format::kWhole, "/etc/rc.d/rc?.d", Gather::kFolder, "", "root"},
    {"@LinuxSysVInit", Kind::kRcLocal, Format::kShell, "/etc/rc.local", Gather::kFile, "", "root"},
    {"@LinuxSysVInit", Kind::kRcLocal, Format::kShell, "/etc/rc.d/rc.local", Gather::kFile, "", "root"},
    {"@LinuxSysVInit", Kind::kRcLocal, Format::kShell, "/etc/local.d", Gather::kFolder, ".start .stop", "root", Only::kExecutable},
    {"@LinuxSysVInit", Kind::kRcLocal, Format::kShell, "/etc/sysconfig/modules", Gather::kFolder, ".modules", "root", Only::kExecutable},
    {"@LinuxSysVInit", Kind::kInittab, Format::kInittab, "/etc/inittab", Gather::kFile, "", "root"},

    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/profile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/profile.d", Gather::kFolder, ".sh .csh"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/profile.local"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/bash.bashrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/bash.bashrc.local"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/bash.bash_logout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/bashrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/bash_completion.d", Gather::kFolder},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zshenv"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zprofile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zlogin"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zlogout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zsh/zshenv"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zsh/zprofile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zsh/zshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zsh/zlogin"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/zsh/zlogout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/fish/config.fish"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/fish/conf.d", Gather::kFolder, ".fish"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/usr/share/fish/vendor_conf.d", Gather::kFolder, ".fish"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/ksh.kshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/mkshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/csh.cshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/csh.login"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/csh.logout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/ssh/sshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "/etc/X11/Xsession.d", Gather::kFolder},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.profile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bashrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bashrc.d", Gather::kFolder},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bash_profile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bash_login"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bash_logout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bash_aliases"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.bash_completion"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.zshenv"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.zprofile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.zshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.zlogin"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.zlogout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.config/fish/config.fish"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.config/fish/conf.d", Gather::kFolder, ".fish"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.kshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.mkshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.shrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.shinit"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.cshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.tcshrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.login"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.logout"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.xprofile"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.xsessionrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.xsession"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.xinitrc"},
    {"@ShellProfiles", Kind::kShellProfile, Format::kShell, "@home/.ssh/rc"},

    {"@XDGAutostartEntries", Kind::kXdgAutostart, Format::kDesktop, "/etc/xdg/autostart", Gather::kFolder, ".desktop"},
    {"@XDGAutostartEntries", Kind::kXdgAutostart, Format::kDesktop, "@home/.config/autostart", Gather::kFolder, ".desktop"},
    {"@LinuxLoaderSystemPreloadFile", Kind::kLdSoPreload, Format::kLibraries, "/etc/ld.so.preload"},
    {"@LinuxLoaderConfigs", Kind::kLdSoConf, Format::kLines, "/etc/ld.so.conf"},
    {"@LinuxLoaderConfigs", Kind::kLdSoConf, Format::kLines, "/etc/ld.so.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/etc/environment"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/etc/environment.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/run/environment.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/usr/lib/environment.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/usr/local/lib/environment.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/etc/security/pam_env.conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/etc/default", Gather::kFolder},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "/etc/sysconfig", Gather::kFolder},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "@home/.config/environment.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "@home/.pam_environment"},
    {"@LinuxEnvironmentFiles", Kind::kEnvironmentFile, Format::kAssignments, "@home/.ssh/environment"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/etc/systemd/system.conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/etc/systemd/user.conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "@home/.config/systemd/user.conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/etc/systemd/system.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/etc/systemd/user.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/run/systemd/system.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/run/systemd/user.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/usr/lib/systemd/system.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/usr/lib/systemd/user.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/usr/local/lib/systemd/system.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "/usr/local/lib/systemd/user.conf.d", Gather::kFolder, ".conf"},
    {"@LinuxEnvironmentFiles", Kind::kSystemdEnvironment, Format::kManager, "@home/.config/systemd/user.conf.d", Gather::kFolder, ".conf"},

    {"@LinuxPamConfigs", Kind::kPamConfig, Format::kPamConf, "/etc/pam.conf"},
    {"@LinuxPamConfigs", Kind::kPamConfig, Format::kPam, "/etc/pam.d", Gather::kFolder},
    {"@LinuxPamConfigs", Kind::kPamConfig, Format::kPam, "/usr/lib/pam.d", Gather::kFolder},
    {"@LinuxPamConfigs", Kind::kPamConfig, Format::kPam, "/usr/etc/pam.d", Gather::kFolder},
    {"@LinuxPamModules", Kind::kPamModule, Format::kWhole, "/usr/lib/*/security", Gather::kFolder, ".so"},
    {"@LinuxPamModules", Kind::kPamModule, Format::kWhole, "/usr/lib/security", Gather::kFolder, ".so"},
    {"@LinuxPamModules", Kind::kPamModule, Format::kWhole, "/usr/lib64/security", Gather::kFolder, ".so"},
    {"@LinuxPamModules", Kind::kPamModule, Format::kWhole, "/lib/*/security", Gather::kFolder, ".so"},
    {"@LinuxPamModules", Kind::kPamModule, Format::kWhole, "/lib/security", Gather::kFolder, ".so"},
    {"@LinuxPamModules", Kind::kPamModule, Format::kWhole, "/lib64/security", Gather::kFolder, ".so"},
    {"@SSHAuthorizedKeysFiles", Kind::kAuthorizedKey, Format::kAuthorizedKeys, "@home/.ssh/authorized_keys"},
    {"@SSHAuthorizedKeysFiles", Kind::kAuthorizedKey, Format::kAuthorizedKeys, "@home/.ssh/authorized_keys2"},
    {"@SSHDConfigFile", Kind::kSshdConfig, Format::kSshd, "/etc/ssh/sshd_config"},
    {"@SSHDConfigFile", Kind::kSshdConfig, Format::kSshd, "/etc/ssh/sshd_config.d", Gather::kFolder, ".conf"},
    {"@SSHDConfigFile", Kind::kSshdConfig, Format::kSshd, "/usr/etc/ssh/sshd_config"},
    {"@SSHDConfigFile", Kind::kSshdConfig, Format::kSshd, "/usr/etc/ssh/sshd_config.d", Gather::kFolder, ".conf"},
    {"@LinuxSudoersConfigurationFiles", Kind::kSudoers, Format::kSudoers, "/etc/sudoers"},
    {"@LinuxSudoersConfigurationFiles", Kind::kSudoers, Format::kSudoers, "/etc/sudoers.d", Gather::kFolder},
    {"@LinuxPasswdFile", Kind::kAccount, Format::kPasswd, "/etc/passwd"},

    {"@LinuxUdevRules", Kind::kUdevRule, Format::kUdev, "/etc/udev/rules.d", Gather::kFolder, ".rules", "root"},
    {"@LinuxUdevRules", Kind::kUdevRule, Format::kUdev, "/run/udev/rules.d", Gather::kFolder, ".rules", "root"},
    {"@LinuxUdevRules", Kind::kUdevRule, Format::kUdev, "/usr/lib/udev/rules.d", Gather::kFolder, ".rules", "root"},
    {"@LinuxUdevRules", Kind::kUdevRule, Format::kUdev, "/lib/udev/rules.d", Gather::kFolder, ".rules", "root"},
    {"@LinuxUdevRules", Kind::kUdevRule, Format::kUdev, "/usr/local/lib/udev/rules.d", Gather::kFolder, ".rules", "root"},
    {"@LinuxMotdScripts", Kind::kMotdScript, Format::kWhole, "/etc/update-motd.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxMotdScripts", Kind::kMotdScript, Format::kWhole, "/usr/lib/update-notifier", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kAptHooks, "/etc/apt/apt.conf", Gather::kFile, "", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kAptHooks, "/etc/apt/apt.conf.d", Gather::kFolder, "", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kDpkg, "/etc/dpkg/dpkg.cfg", Gather::kFile, "", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kDpkg, "/etc/dpkg/dpkg.cfg.d", Gather::kFolder, "", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kDpkg, "@home/.dpkg.cfg"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/etc/dnf/plugins/post-transaction-actions.d", Gather::kFolder, ".action", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/etc/dnf/libdnf5-plugins/actions.d", Gather::kFolder, ".actions", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/usr/lib/python3*/site-packages/dnf-plugins", Gather::kFolder, ".py", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/usr/lib/yum-plugins", Gather::kFolder, ".py", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/etc/pacman.d/hooks", Gather::kFolder, ".hook", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/usr/share/libalpm/hooks", Gather::kFolder, ".hook", "root"},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/usr/lib/zypp/plugins/*", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/etc/apk/commit_hooks.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@LinuxPackageManagerHooks", Kind::kPackageManagerHook, Format::kWhole, "/lib/apk/commit_hooks.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/usr/share/git-core/templates/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/etc/gitconfig"},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "@home/.gitconfig"},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "@home/.config/git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "@home/.config/git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "@home/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "@home/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "@home/*/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "@home/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "@home/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "@home/*/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/etc/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/etc/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/srv/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/srv/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/srv/*/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/srv/*/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/opt/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/opt/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/opt/*/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/opt/*/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/var/www/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/var/www/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/var/www/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/var/www/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/var/www/*/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/var/www/*/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/usr/share/nginx/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/usr/share/nginx/*/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/usr/local/apache2/htdocs/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/usr/local/apache2/htdocs/.git/config"},
    {"@GitHooks", Kind::kGitHook, Format::kWhole, "/usr/local/apache2/htdocs/*/.git/hooks", Gather::kFolder, "", "", Only::kExecutable},
    {"@GitHooks", Kind::kGitHook, Format::kGitConfig, "/usr/local/apache2/htdocs/*/.git/config"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/usr/share/dbus-1/system-services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/usr/share/dbus-1/services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/usr/local/share/dbus-1/system-services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/usr/local/share/dbus-1/services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/etc/dbus-1/system-services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/etc/dbus-1/services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/usr/lib/dbus-1/system-services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "/lib/dbus-1/system-services", Gather::kFolder, ".service"},
    {"@DBusServices", Kind::kDbusService, Format::kDesktop, "@home/.local/share/dbus-1/services", Gather::kFolder, ".service"},
    {"@PolkitRules", Kind::kPolkitRule, Format::kWhole, "/etc/polkit-1/rules.d", Gather::kFolder, ".rules"},
    {"@PolkitRules", Kind::kPolkitRule, Format::kWhole, "/run/polkit-1/rules.d", Gather::kFolder, ".rules"},
    {"@PolkitRules", Kind::kPolkitRule, Format::kWhole, "/usr/local/share/polkit-1/rules.d", Gather::kFolder, ".rules"},
    {"@PolkitRules", Kind::kPolkitRule, Format::kWhole, "/usr/share/polkit-1/rules.d", Gather::kFolder, ".rules"},
    {"@PolkitRules", Kind::kPolkitRule, Format::kWhole, "/etc/polkit-1/localauthority/*", Gather::kFolder, ".pkla"},
    {"@PolkitRules", Kind::kPolkitRule, Format::kWhole, "/var/lib/polkit-1/localauthority/*", Gather::kFolder, ".pkla"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/NetworkManager/dispatcher.d", Gather::kDropIns, "", "root", Only::kExecutable},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/usr/lib/NetworkManager/dispatcher.d", Gather::kDropIns, "", "root", Only::kExecutable},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/networkd-dispatcher/*.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/usr/lib/networkd-dispatcher/*.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/network/if-*.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/dhcp/dhclient-*-hooks.d", Gather::kFolder, "", "root"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/dhcp/dhclient-enter-hooks", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/dhcp/dhclient-exit-hooks", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/etc/ppp/ip*.d", Gather::kFolder, "", "root", Only::kExecutable},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/sbin/ifup-local", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/sbin/ifup-pre-local", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/sbin/ifdown-local", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kNetworkmanagerDispatcher, Format::kWhole, "/sbin/ifdown-pre-local", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kRcLocal, Format::kInterfaces, "/etc/network/interfaces", Gather::kFile, "", "root"},
    {"@NetworkHooks", Kind::kRcLocal, Format::kInterfaces, "/etc/network/interfaces.d", Gather::kFolder, "", "root"},
    {"@LinuxKernelModules", Kind::kKernelModule, Format::kModules, "/etc/modules"},
    {"@LinuxKernelModules", Kind::kKernelModule, Format::kModules, "/etc/modules-load.d", Gather::kFolder, ".conf"},
    {"@LinuxKernelModules", Kind::kKernelModule, Format::kModules, "/run/modules-load.d", Gather::kFolder, ".conf"},
    {"@LinuxKernelModules", Kind::kKernelModule, Format::kModules, "/usr/lib/modules-load.d", Gather::kFolder, ".conf"},
    {"@LinuxKernelModules", Kind::kKernelModule, Format::kModules, "/usr/local/lib/modules-load.d", Gather::kFolder, ".conf"},
    {"@LinuxModprobeHooks", Kind::kModprobeHook, Format::kModprobe, "/etc/modprobe.d", Gather::kFolder, ".conf", "root"},
    {"@LinuxModprobeHooks", Kind::kModprobeHook, Format::kModprobe, "/run/modprobe.d", Gather::kFolder, ".conf", "root"},
    {"@LinuxModprobeHooks", Kind::kModprobeHook, Format::kModprobe, "/usr/lib/modprobe.d", Gather::kFolder, ".conf", "root"},
    {"@LinuxModprobeHooks", Kind::kModprobeHook, Format::kModprobe, "/lib/modprobe.d", Gather::kFolder, ".conf", "root"},
    {"@LinuxModprobeHooks", Kind::kModprobeHook, Format::kModprobe, "/usr/local/lib/modprobe.d", Gather::kFolder, ".conf", "root"},
    {"@LinuxBinfmt", Kind::kBinfmt, Format::kBinfmt, "/etc/binfmt.d", Gather::kFolder, ".conf"},
    {"@LinuxBinfmt", Kind::kBinfmt, Format::kBinfmt, "/run/binfmt.d", Gather::kFolder, ".conf"},
    {"@LinuxBinfmt", Kind::kBinfmt, Format::kBinfmt, "/usr/lib/binfmt.d", Gather::kFolder, ".conf"},
    {"@LinuxBinfmt", Kind::kBinfmt, Format::kBinfmt, "/usr/local/lib/binfmt.d", Gather::kFolder, ".conf"},

    {"", Kind::kSetuidProgram, Format::kWhole, "/", Gather::kTree, "", "", Only::kSetuid},
    {"", Kind::kFileCapability, Format::kWhole, "/", Gather::kTree, "", "", Only::kCapable},
    {"@LinuxLocalPrograms", Kind::kPathShadow, Format::kWhole, "/usr/local/sbin", Gather::kFolder, "", "", Only::kShadowing},
    {"@LinuxLocalPrograms", Kind::kPathShadow, Format::kWhole, "/usr/local/bin", Gather::kFolder, "", "", Only::kShadowing},
    {"@LinuxLocalPrograms", Kind::kPathShadow, Format::kWhole, "@home/.local/bin", Gather::kFolder, "", "", Only::kShadowing},
    {"@LinuxLocalPrograms", Kind::kPathShadow, Format::kWhole, "@home/bin", Gather::kFolder, "", "", Only::kShadowing},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/var/www", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/srv/www", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/srv/http", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/usr/share/nginx", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/usr/local/apache2/htdocs", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/usr/lib/cgi-bin", Gather::kTree},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/var/lib/tomcat*/webapps", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/opt/tomcat*/webapps", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "/opt/zimbra/jetty/webapps", Gather::kTree, kWebSuffixes},
    {"@WebRoots", Kind::kWebScript, Format::kWhole, "@home/public_html", Gather::kTree, kWebSuffixes},
};
// clang-format on

}  // namespace places
}  // namespace fleetsweep::model
