#pragma once

// Who watches a campaign is woken when it changed. Versions only grow; a watcher that was slow sees
// the newest state, never a queue of old ones.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "protocol/base/time.h"

namespace fleetsweep::controller {

class Hub {
 public:
  void changed(const std::string& key);  // any thread
  // Waits until the key's version is not `seen` any more, at most `patience`; returns the version.
  std::uint64_t wait(const std::string& key, std::uint64_t seen, Duration patience);

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  std::map<std::string, std::uint64_t> versions_;  // as many as there are campaigns
};

}  // namespace fleetsweep::controller
