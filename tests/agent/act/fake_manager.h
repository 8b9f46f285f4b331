#pragma once

// A systemd that restarts nothing: it answers at a socket of its own with systemd's real protocol
// (sd-bus), and ends the processes that it was told are the service's. A process of its own, so
// that a test may wait for act meanwhile.

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {

class FakeManager {
 public:
  enum class How {
    kDone,      // ends `processes`, then says that the job is done
    kLingers,   // says so, and ends nobody
    kFails,     // the job ends as "failed"
    kRefuses,   // no such unit
    kSilent,    // the job never ends
    kHangsUp,   // in the midst of it
    kFloods,    // the job never ends, and systemd talks of others without a pause
    kNoReload,  // kDone, but units cannot be read anew
    kMute,      // takes the call and never answers the greeting
  };
  FakeManager(std::string socket, How how, std::vector<pid_t> processes = {});
  ~FakeManager();
  FakeManager(const FakeManager&) = delete;

  // What it was asked for, in order: "Reload", "TryRestartUnit cron.service replace".
  std::vector<std::string> asked() const;
  // Lines that somebody has to it.
  std::size_t lines() const;
  // Not what was asked before; while nobody has a line.
  void forget();

 private:
  TempDir folder_;  // not beneath the root that is compared
  std::string socket_, log_;
  pid_t process_ = 0;
};

}  // namespace fleetsweep::act
