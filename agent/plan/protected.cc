#include "agent/plan/protected.h"

#include <algorithm>

#include "agent/hive/text.h"

namespace fleetsweep::plan {

namespace {

// Written without the leading /usr of a merged system, see unmerged().
constexpr std::string_view kFolders[] = {
    "/boot",         "/lib/modules",   "/etc/sudoers.d",    "/etc/pam.d",
    "/lib/security", "/var/lib/dpkg",  "/var/lib/rpm",      "/lib/sysimage",
    "/proc",         "/sys",           "/etc/ssl/private",  "/etc/ssh",
    "/var/lib/apt",  "/lib/firmware",  "/etc/ld.so.conf.d", "/lib/pam.d",
    "/usr/etc/ssh",  "/usr/etc/pam.d",
};

// Accounts, privilege and mounts: not even a line.
constexpr std::string_view kTexts[] = {
    "/etc/passwd",  "/etc/shadow",   "/etc/group",      "/etc/gshadow",
    "/etc/sudoers", "/etc/fstab",    "/etc/shells",     "/etc/subuid",
    "/etc/subgid",  "/etc/pam.conf", "/etc/ld.so.conf", "/etc/nsswitch.conf",
};

constexpr std::string_view kPrograms[] = {
    "/sbin/init",       "/lib/systemd/systemd",
    "/bin/sh",          "/bin/bash",
    "/bin/dash",        "/bin/busybox",
    "/bin/zsh",         "/bin/ksh",
    "/sbin/sshd",       "/bin/sudo",
    "/bin/su",          "/bin/login",
    "/sbin/agetty",     "/bin/mount",
    "/bin/umount",      "/bin/dpkg",
    "/bin/rpm",         "/bin/systemctl",
    "/bin/ssh",         "/bin/env",
    "/sbin/ldconfig",   "/etc/ld.so.cache",
    "/etc/hosts",       "/etc/resolv.conf",
    "/etc/crontab",     "/etc/profile",
    "/etc/bash.bashrc", "/etc/environment",
    "/etc/hostname",    "/etc/machine-id",
    "/etc/localtime",
};

constexpr std::string_view kSshd = "/sbin/sshd";

// Stopping one of these takes the host, or everything in its containers, away from its owner.
constexpr std::string_view kDaemons[] = {
    "/sbin/init",
    "/lib/systemd/systemd",
    "/lib/systemd/systemd-journald",
    "/lib/systemd/systemd-logind",
    "/lib/systemd/systemd-udevd",
    "/bin/udevadm",
    "/lib/systemd/systemd-networkd",
    "/lib/systemd/systemd-resolved",
    kSshd,
    "/bin/dbus-daemon",
    "/bin/dbus-broker",
    "/bin/dockerd",
    "/sbin/dockerd",
    "/bin/containerd",
    "/sbin/containerd",
    "/bin/containerd-shim-runc-v2",
    "/sbin/containerd-shim-runc-v2",
    "/bin/runc",
    "/sbin/runc",
    "/bin/crun",
    "/bin/conmon",
    "/bin/kubelet",
    "/sbin/NetworkManager",
    "/bin/podman",
};

// /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2: the loader and libc under any library folder.
bool is_loader_or_libc(std::string_view path) {
  constexpr std::string_view kLibraryFolders[] = {"/lib", "/lib32", "/lib64", "/libx32"};
  if (std::none_of(std::begin(kLibraryFolders), std::end(kLibraryFolders),
                   [&](auto folder) { return is_beneath(folder, path); }))
    return false;
  const std::string_view file = path.substr(path.rfind('/') + 1);
  constexpr std::string_view kStarts[] = {
      "ld-linux",    "ld-musl",       "libc.so",       "libc-2.", "libpthread", "libpam",
      "libcrypt.so", "libselinux.so", "libsystemd.so", "ld-2.",   "ld.so",      "ld64.so"};
  return std::any_of(std::begin(kStarts), std::end(kStarts),
                     [&](auto start) { return file.starts_with(start); });
}

// Beneath a kernel's folder: DKMS, akmods and the packages of restricted drivers build there, and
// record in no package what they built.
constexpr std::string_view kBuiltHere[] = {"updates/", "weak-updates/", "extra/", "kernel/nvidia-"};

bool is_one_of(std::string_view path, const auto& list) {
  return std::find(std::begin(list), std::end(list), path) != std::end(list);
}

// As the lists have it, or in the other of the two folders where they are one.
bool is_program_of(std::string_view path, const auto& list, Sbin sbin) {
  std::string plain = unmerged(path);
  if (is_one_of(plain, list)) return true;
  if (sbin == Sbin::kFolder) return false;
  if (plain.starts_with("/sbin/"))
    plain.erase(1, 1);
  else if (plain.starts_with("/bin/"))
    plain.insert(1, 1, 's');
  return is_one_of(plain, list);
}

bool glob_component(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p, ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string_view next_component(std::string_view& rest) {
  while (rest.starts_with('/')) rest.remove_prefix(1);
  const auto component = rest.substr(0, rest.find('/'));
  rest.remove_prefix(component.size());
  return component;
}

}  // namespace

bool is_beneath(std::string_view folder, std::string_view path) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string unmerged(std::string_view path) {
  constexpr std::string_view kMerged[] = {"/usr/bin",   "/usr/sbin",  "/usr/lib",
                                          "/usr/lib32", "/usr/lib64", "/usr/libx32"};
  for (const auto folder : kMerged)
    if (is_beneath(folder, path)) return std::string(path.substr(4));
  return std::string(path);
}

bool matches_glob(std::string_view pattern, std::string_view path) {
  const auto component = next_component(pattern);
  if (component.empty()) return next_component(path).empty();
  if (component == "**") {
    for (std::string_view rest = path;;) {
      if (matches_glob(pattern, rest)) return true;
      if (next_component(rest).empty()) return false;
    }
  }
  const auto text = next_component(path);
  return !text.empty() && glob_component(component, text) && matches_glob(pattern, path);
}

bool covers_glob(std::string_view pattern, std::string_view path) {
  return matches_glob(std::string(pattern) + "/**", path);
}

bool is_protected_text(std::string_view path) {
  const std::string plain = unmerged(path);
  constexpr std::string_view kTextFolders[] = {"/etc/ssh", "/boot", "/proc", "/sys"};
  // Keys and moduli stay; of these a line may go.
  if (plain == "/etc/ssh/sshd_config" || plain == "/etc/ssh/sshrc" ||
      is_beneath("/etc/ssh/sshd_config.d", plain))
    return false;
  return is_one_of(plain, kTexts) ||
         std::any_of(std::begin(kTextFolders), std::end(kTextFolders),
                     [&](auto folder) { return is_beneath(folder, plain); });
}

bool is_protected_key_file(std::string_view path) {
  if (!is_beneath("/etc/ssh", path) || path.find("/../") != std::string_view::npos)
    return is_protected_text(path);
  // ssh_config, ssh_host_*, ssh_known_hosts: whatever sshd is told, these hold other things.
  return path == "/etc/ssh/moduli" || path.starts_with("/etc/ssh/ssh_");
}

bool is_named_like_a_users_hive(std::string_view path) {
  constexpr std::string_view kHives[] = {"ntuser.dat", "ntuser.man", "usrclass.dat"};
  const std::string folded = hive::lower(path);
  std::string_view name = std::string_view(folded).substr(folded.rfind('/') + 1);
  for (const std::string_view log : {".log", ".log1", ".log2"})
    if (name.ends_with(log)) {
      name.remove_suffix(log.size());
      break;
    }
  return is_one_of(name, kHives);
}

namespace {

// Without these Windows does not start, or lets nobody in. Names there have no case.
bool is_protected_windows_file(std::string_view path) {
  constexpr std::string_view kFolder = "/windows/system32/";
  constexpr std::string_view kFiles[] = {
      "ntoskrnl.exe", "hal.dll",      "ntdll.dll",    "kernel32.dll", "kernelbase.dll",
      "user32.dll",   "winload.exe",  "winload.efi",  "smss.exe",     "csrss.exe",
      "wininit.exe",  "winlogon.exe", "services.exe", "lsass.exe",    "svchost.exe",
      "userinit.exe", "rundll32.exe", "logonui.exe"};
  const std::string folded = hive::lower(path);
  if (folded == "/windows/explorer.exe" || folded.starts_with("/boot/bcd") ||
      is_beneath("/windows/system32/config", folded) || is_named_like_a_users_hive(path))
    return true;
  return folded.starts_with(kFolder) && is_one_of(folded.substr(kFolder.size()), kFiles);
}

}  // namespace

bool is_protected_file(std::string_view path, Sbin sbin) {
  if (is_protected_windows_file(path)) return true;
  const std::string plain = unmerged(path);
  // Depth 1: "/vmlinuz", "/bin", "/" itself.
  if (plain.empty() || plain[0] != '/' || plain.find('/', 1) == std::string::npos) return true;
  if (plain.find("/../") != std::string::npos || plain.ends_with("/..")) return true;
  return is_protected_text(plain) || is_program_of(plain, kPrograms, sbin) ||
         is_protected_program(plain, sbin) || is_loader_or_libc(plain) ||
         std::any_of(std::begin(kFolders), std::end(kFolders),
                     [&](auto folder) { return is_beneath(folder, plain); });
}

std::string module_folder(std::string_view path) {
  constexpr std::string_view kModules = "/lib/modules/";
  constexpr std::string_view kSuffixes[] = {".ko", ".ko.xz", ".ko.gz", ".ko.zst"};
  const std::string plain = unmerged(path);
  const std::size_t end = plain.find('/', kModules.size());
  if (!plain.starts_with(kModules) || end == std::string::npos ||
      plain.find("/../") != std::string::npos)
    return {};
  const std::string_view rest = std::string_view(plain).substr(end + 1);
  const bool is_module = std::any_of(std::begin(kSuffixes), std::end(kSuffixes),
                                     [&](auto suffix) { return rest.ends_with(suffix); });
  const bool is_built_here = std::any_of(std::begin(kBuiltHere), std::end(kBuiltHere),
                                         [&](auto start) { return rest.starts_with(start); });
  return is_module && !is_built_here ? plain.substr(0, end) : std::string();
}

bool is_protected_program(std::string_view path, Sbin sbin) {
  return is_program_of(path, kDaemons, sbin);
}

bool is_sshd(std::string_view path, Sbin sbin) {
  return is_program_of(path, std::initializer_list<std::string_view>{kSshd}, sbin);
}

std::vector<std::string> protected_files(Sbin sbin) {
  std::vector<std::string> all;
  const auto add = [&](std::string path) {
    for (const bool in_bin : {false, true}) {
      if (in_bin && (sbin == Sbin::kFolder || !path.starts_with("/sbin/"))) break;
      if (in_bin) path.erase(1, 1);
      all.push_back(path);
      if (!path.starts_with("/etc/")) all.push_back("/usr" + path);
    }
  };
  for (const auto path : kTexts) add(std::string(path));
  for (const auto path : kPrograms) add(std::string(path));
  for (const auto path : kDaemons) add(std::string(path));
  return all;
}

}  // namespace fleetsweep::plan
