#include "tests/agent/act/service_group.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>

namespace fleetsweep::act {

namespace {

// Where systemd's own hierarchy is mounted: the new one, else the old one with its name.
std::string hierarchy() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string old;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string path;
    for (int i = 0; i < 5; ++i) words >> path;
    if (line.find(" - cgroup2 ") != std::string::npos) return path;
    if (line.find("name=systemd") != std::string::npos) old = path;
  }
  return old;
}

}  // namespace

ServiceGroup::ServiceGroup() {
  static std::atomic<int> made = 0;
  const std::string name =
      "fs-test-" + std::to_string(::getpid()) + "-" + std::to_string(++made) + "-" +
      std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()) +
      ".service";  // process numbers of two namespaces are the same
  folder_ = hierarchy() + "/" + name;
  if (::mkdir(folder_.c_str(), 0755) == 0) unit_ = name;
}

ServiceGroup::~ServiceGroup() {
  ::rmdir(folder_.c_str());
}

void ServiceGroup::take(pid_t pid) const {
  std::ofstream group(folder_ + "/cgroup.procs");
  EXPECT_TRUE(group << pid << std::flush) << folder_;
}

}  // namespace fleetsweep::act
