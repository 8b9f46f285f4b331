#pragma once

// Finding: one object on one host that a detection matched, with the identity it had when it was
// read. An action is bound to that identity and happens only if the object still has it.

#include <string>
#include <variant>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/names.h"
#include "protocol/model/policy.h"

namespace fleetsweep::model {

struct FileIdentity {
  std::string path;  // bytes; relative to --root, always starting with '/'
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint32_t links = 1;
  Digest sha256;  // of the whole content; zero if it was not read (then it may only be reported)
  bool operator==(const FileIdentity&) const = default;
};

// The same program again under a new pid is the same object: exe and selector decide, pid and start
// only find it.
struct ProcessIdentity {
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;  // /proc/PID/stat field 22
  FileIdentity exe;               // path empty for a kernel thread
  bool exe_deleted = false;
  std::string name;
  std::string command_line;  // arguments separated by a space
  bool operator==(const ProcessIdentity&) const = default;
};

enum class PersistenceKind : std::uint8_t {
  kCron,
  kAt,
  kSystemdUnit,
  kSystemdTimer,
  kLdSoPreload,
  kInitScript,
  kRcLocal,
  kShellProfile,
  kAuthorizedKey,
  kWindowsService,  // Windows objects compile; an agent on Linux refuses them
  kWindowsTask,
  kSystemdSocket,
  kSystemdPath,
  kSystemdGenerator,
  kSystemdEnvironment,
  kInittab,
  kXdgAutostart,
  kLdSoConf,
  kPamConfig,
  kPamModule,
  kSshdConfig,
  kUdevRule,
  kMotdScript,
  kPackageManagerHook,
  kGitHook,
  kDbusService,
  kPolkitRule,
  kNetworkmanagerDispatcher,
  kKernelModule,
  kModprobeHook,
  kBinfmt,
  kSetuidProgram,
  kFileCapability,
  kSudoers,
  kAccount,
  kPathShadow,
  kWebScript,
  kEnvironmentFile,
  kWindowsRun,
  kWindowsWinlogon,
};

// One entry of one file: a line, or a whole unit or init script.
struct PersistenceIdentity {
  PersistenceKind kind = PersistenceKind::kCron;
  FileIdentity file;       // sha256 of the whole file when it was read
  std::string name;        // unit name, user of the crontab
  std::string entry;       // the line without its newline; empty when the whole file is the entry
  std::string command;     // what it starts
  Digest entry_sha256;     // of the line, or of the file
  std::string user;        // whom it runs as, where that is said
  std::uint32_t line = 0;  // 1 is the first; 0: the whole file. Only tells where it stood
  bool operator==(const PersistenceIdentity&) const = default;
};

struct ConnectionIdentity {
  std::string local_address;
  std::uint16_t local_port = 0;
  std::string remote_address;
  std::uint16_t remote_port = 0;
  std::int32_t pid = 0;
  FileIdentity exe;
  std::string protocol;  // tcp, udp, icmp, raw, packet
  bool listening = false;
  bool operator==(const ConnectionIdentity&) const = default;
};

// One value of a Windows registry that lies in a file of the scanned root.
struct RegistryIdentity {
  FileIdentity hive;
  std::string key;         // HKEY_LOCAL_MACHINE\\SOFTWARE\\...; UTF-8
  std::string value_name;  // empty: the default value
  std::string data_type;   // REG_SZ
  std::string data;        // as text: strings as they are, numbers in decimal, bytes in hex
  bool operator==(const RegistryIdentity&) const = default;
};

// The alternative is decided by Detection::object.
using Identity = std::variant<FileIdentity, ProcessIdentity, PersistenceIdentity,
                              ConnectionIdentity, RegistryIdentity>;

// A YARA rule that matched, and where in the file, or in what lies in an archive, each of its
// strings was found first; at most limits::kRuleStrings of them, and of a process's memory none.
struct RuleMatch {
  struct String {
    std::string name;  // $a
    std::uint64_t offset = 0;
    bool operator==(const String&) const = default;
  };
  std::string name;  // empty: no rule decided
  std::vector<String> strings;
  bool operator==(const RuleMatch&) const = default;
};

struct Finding {
  std::uint16_t detection = 0;     // index into Policy::detections
  std::uint32_t number = 0;        // position in this scan; a join names it
  std::uint32_t joined = kNoJoin;  // the finding of for_each this one is bound to
  Identity identity;
  RuleMatch rule;
  std::string member;    // what matched inside the file, if that is an archive
  bool partial = false;  // not all of the file was looked at
  // Why no order touches it, for people: it lies in a layer of a container image. Empty: nothing is
  // known that speaks against it. Act looks for itself.
  std::string left_alone;
  static constexpr std::uint32_t kNoJoin = 0xffffffff;
  bool operator==(const Finding&) const = default;
};

// What one scan of one policy saw.
struct ScanResult {
  Digest policy;
  std::vector<Finding> findings;
  std::vector<std::uint16_t> verdicts;  // indices into Policy::verdicts that are true
  std::uint64_t scanned = 0;
  std::uint64_t scanned_bytes = 0;
  std::uint32_t unscannable = 0;
  std::vector<std::string> unscannable_paths;  // the first few, with the reason
  std::uint32_t partial = 0;                   // files too large to be read whole
  std::vector<std::string> partial_paths;
  // Where two ways to look at the host disagree: something hides. Such a host is never clean.
  std::vector<std::string> mismatches;
  bool operator==(const ScanResult&) const = default;
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::PersistenceKind> {
  static constexpr std::string_view kAll[] = {"cron",
                                              "at",
                                              "systemd_unit",
                                              "systemd_timer",
                                              "ld_so_preload",
                                              "init_script",
                                              "rc_local",
                                              "shell_profile",
                                              "authorized_key",
                                              "win_service",
                                              "win_task",
                                              "systemd_socket",
                                              "systemd_path",
                                              "systemd_generator",
                                              "systemd_environment",
                                              "inittab",
                                              "xdg_autostart",
                                              "ld_so_conf",
                                              "pam_config",
                                              "pam_module",
                                              "sshd_config",
                                              "udev_rule",
                                              "motd_script",
                                              "package_manager_hook",
                                              "git_hook",
                                              "dbus_service",
                                              "polkit_rule",
                                              "networkmanager_dispatcher",
                                              "kernel_module",
                                              "modprobe_hook",
                                              "binfmt",
                                              "setuid_program",
                                              "file_capability",
                                              "sudoers",
                                              "account",
                                              "path_shadow",
                                              "web_script",
                                              "environment_file",
                                              "win_run",
                                              "win_winlogon"};
};
}  // namespace fleetsweep
