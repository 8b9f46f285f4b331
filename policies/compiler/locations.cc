#include "policies/compiler/locations.h"

#include <algorithm>
#include <iterator>

namespace fleetsweep::compiler {
namespace {

// Names and paths after ForensicArtifacts' artifact definitions (Apache-2.0,
// https://github.com/ForensicArtifacts/artifacts), data/linux.yaml and data/unix_common.yaml;
// written anew with our globs. @home/x is x in every home directory that the host's passwd names.
constexpr std::string_view kAuthorizedKeys[] = {"@home/.ssh/authorized_keys",
                                                "@home/.ssh/authorized_keys2"};
constexpr std::string_view kCron[] = {"/etc/crontab",      "/etc/anacrontab", "/etc/cron.d",
                                      "/etc/cron.hourly",  "/etc/cron.daily", "/etc/cron.weekly",
                                      "/etc/cron.monthly", "/var/spool/cron"};
constexpr std::string_view kAt[] = {"/var/spool/at", "/var/spool/cron/atjobs"};
constexpr std::string_view kSystemd[] = {"/etc/systemd/system",   "/etc/systemd/user",
                                         "/lib/systemd/system",   "/run/systemd/system",
                                         "/run/systemd/user",     "/usr/lib/systemd/system",
                                         "/usr/lib/systemd/user", "@home/.config/systemd/user"};
constexpr std::string_view kSysV[] = {"/etc/init.d", "/etc/rc.local", "/etc/rc.d", "/etc/rc?.d"};
constexpr std::string_view kPreload[] = {"/etc/ld.so.preload"};
constexpr std::string_view kPam[] = {"/etc/pam.conf", "/etc/pam.d"};
constexpr std::string_view kUdev[] = {"/etc/udev/rules.d", "/lib/udev/rules.d", "/run/udev/rules.d",
                                      "/usr/lib/udev/rules.d"};
constexpr std::string_view kAutostart[] = {"/etc/xdg/autostart", "@home/.config/autostart"};
constexpr std::string_view kProfiles[] = {
    "/etc/profile",        "/etc/profile.d",    "/etc/bash.bashrc", "@home/.bashrc",
    "@home/.bash_profile", "@home/.bash_login", "@home/.profile"};
constexpr std::string_view kTemporary[] = {"/tmp", "/var/tmp", "/dev/shm"};

constexpr Location kLocations[] = {
    {"@temporary", kTemporary},
    {"@LinuxAtJobs", kAt},
    {"@LinuxCronTabs", kCron},
    {"@LinuxLoaderSystemPreloadFile", kPreload},
    {"@LinuxPamConfigs", kPam},
    {"@LinuxSystemdServices", kSystemd},
    {"@LinuxSysVInit", kSysV},
    {"@LinuxUdevRules", kUdev},
    {"@SSHAuthorizedKeysFiles", kAuthorizedKeys},
    {"@ShellProfiles", kProfiles},
    {"@XDGAutostartEntries", kAutostart},
};

}  // namespace

const Location* find_location(std::string_view name) {
  const auto found = std::find_if(std::begin(kLocations), std::end(kLocations),
                                  [&](const Location& l) { return l.name == name; });
  return found == std::end(kLocations) ? nullptr : found;
}

std::vector<std::string_view> location_names() {
  std::vector<std::string_view> names = {"@home"};
  for (const auto& location : kLocations) names.push_back(location.name);
  return names;
}

}  // namespace fleetsweep::compiler
