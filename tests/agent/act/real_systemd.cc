#include "tests/agent/act/real_systemd.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/wait.h"

namespace fleetsweep::act {

namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "/lib/systemd/systemd";

std::vector<std::string> cgroup_mounts() {
  std::vector<std::string> mounts;
  std::ifstream lines("/proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" - cgroup") == std::string::npos) continue;
    std::istringstream words(line);
    std::string path;
    for (int i = 0; i < 5; ++i) words >> path;
    mounts.push_back(path);
  }
  return mounts;
}

// systemd takes every process of the cgroup that it is started in for its own and moves it: it gets
// one to itself, or is not started. Nothing of the machine's root may ever be that.
bool enter(const std::string& slice) {
  for (const auto& mount : cgroup_mounts()) {
    ::mkdir((mount + slice).c_str(), 0755);
    std::ofstream(mount + slice + "/cgroup.procs") << ::getpid() << std::flush;
  }
  std::istringstream lines(read_text("/proc/self/cgroup"));
  bool is_inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("0::") && line.find(":name=systemd:") == std::string::npos) continue;
    if (!line.ends_with(":" + slice)) return false;
    is_inside = true;
  }
  return is_inside;
}

// What systemd leaves where it is not the first process.
void remove_groups(const std::string& slice, const std::string& unit) {
  for (const auto& mount : cgroup_mounts())
    for (const auto& group : {"/app.slice/" + unit, std::string("/app.slice"),
                              std::string("/init.scope"), std::string()})
      ::rmdir((mount + slice + group).c_str());
}

}  // namespace

bool RealSystemd::is_installed() {
  return fs::exists(kProgram);
}

RealSystemd::RealSystemd(const std::string& run, const std::string& command,
                         const std::string& environment)
    : slice_("/fstest" + std::to_string(::getpid()) + ".slice"),
      unit_("fs-test-real-" + std::to_string(::getpid()) + ".service"),
      program_(command.substr(0, command.find(' '))) {
  write_text(folder_ / ("config/systemd/user/" + unit_),
             "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=" + command +
                 "\nEnvironment=" + environment + "\n");
  process_ = ::fork();
  if (process_ != 0) return;
  if (!enter(slice_)) ::_exit(1);
  // It wants to see that a system runs before it works for a user; nobody else is to see that.
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", "/run", "tmpfs", 0, nullptr) != 0 ||
      !fs::create_directories("/run/systemd/system"))
    ::_exit(2);
  ::setenv("HOME", folder_.path().c_str(), 1);
  ::setenv("XDG_CONFIG_HOME", (folder_ / "config").c_str(), 1);
  ::setenv("XDG_RUNTIME_DIR", run.c_str(), 1);
  ::unsetenv("DBUS_SESSION_BUS_ADDRESS");
  ::execl(kProgram, "systemd", "--user", ("--unit=" + unit_).c_str(), "--log-target=null", nullptr);
  ::_exit(3);
}

RealSystemd::~RealSystemd() {
  const pid_t service = is_up() ? main_process() : 0;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  if (service != 0) ::kill(service, SIGKILL);
  until([service] { return service == 0 || !fs::exists("/proc/" + std::to_string(service)); });
  remove_groups(slice_, unit_);
}

bool RealSystemd::is_up() const {
  const auto mounts = cgroup_mounts();
  return std::any_of(mounts.begin(), mounts.end(), [&](const std::string& mount) {
    return fs::exists(mount + slice_ + "/app.slice/" + unit_);
  });
}

pid_t RealSystemd::main_process() const {
  pid_t found = 0;
  until([&] {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code error;
      if (read_text(entry.path() / "cgroup").find("/" + unit_) != std::string::npos &&
          fs::read_symlink(entry.path() / "exe", error) == fs::canonical(program_))
        found = std::stoi(name);
    }
    return found != 0;
  });
  return found;
}

}  // namespace fleetsweep::act
