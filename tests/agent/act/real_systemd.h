#pragma once

// systemd itself, as the manager of one service: it does for a user what it does for a system, with
// the same socket, the same calls and the same jobs.

#include <sys/types.h>

#include <string>

#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {

class RealSystemd {
 public:
  // It answers at `run`/systemd/private, and runs `command` with this environment as a service.
  RealSystemd(const std::string& run, const std::string& command, const std::string& environment);
  ~RealSystemd();
  RealSystemd(const RealSystemd&) = delete;

  static bool is_installed();
  const std::string& unit() const { return unit_; }
  // The service's process, once it runs its program; 0: it did not come within a minute.
  pid_t main_process() const;
  // systemd takes the service for one that runs: it has a cgroup.
  bool is_up() const;

 private:
  TempDir folder_;
  std::string slice_, unit_, program_;
  pid_t process_ = 0;
};

}  // namespace fleetsweep::act
