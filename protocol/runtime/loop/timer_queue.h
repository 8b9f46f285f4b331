#pragma once

// Timers of one loop. Times are on the boot clock (never set back, counts while suspended), so a
// wall clock that is set does not delay a heartbeat. Pure: the loop tells it the time.

#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "protocol/base/time.h"

namespace fleetsweep::loop {

// Time since boot.
using Uptime = Duration;

class TimerQueue {
 public:
  using Id = std::uint64_t;
  using Action = std::function<void()>;

  Id at(Uptime when, Action action);
  // False when it ran already or was never there.
  bool cancel(Id id);
  std::optional<Uptime> next() const;
  // Runs what is due, oldest first, at most `max` of them: a timer that arms itself at once cannot
  // hold the loop. Returns how many ran.
  std::size_t run_due(Uptime now, std::size_t max);
  std::size_t size() const { return by_time_.size(); }

 private:
  struct Timer {
    Id id;
    Action action;
  };
  std::multimap<Uptime, Timer> by_time_;
  std::unordered_map<Id, std::multimap<Uptime, Timer>::iterator> by_id_;
  Id last_ = 0;
};

}  // namespace fleetsweep::loop
