#pragma once

// The one loop thread of a process: descriptors, ZeroMQ sockets and timers. `now` is read once per
// turn. Handlers run on the loop thread and do bounded work: what is left makes the next turn.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/runtime/loop/event_fd.h"
#include "protocol/runtime/loop/timer_queue.h"

namespace fleetsweep::loop {

class Loop {
 public:
  using Handler = std::function<void(Instant now)>;
  // True when the source has something to read although its descriptor may not say so. ZeroMQ's
  // descriptor is edge-like: pass the socket's readable().
  using Pending = std::function<bool()>;
  using WatchId = std::uint64_t;
  using TimerId = TimerQueue::Id;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // `handler` runs in each turn in which `fd` is readable or hung up, or `pending` says so. The
  // descriptor stays the caller's and must outlive the watch.
  WatchId watch(int fd, Handler handler, Pending pending = nullptr);
  void unwatch(WatchId id);  // also from inside its own handler

  // Runs once, after `wait` on the boot clock: setting the wall clock neither hastens nor delays
  // it.
  TimerId after(Duration wait, Handler handler);
  bool cancel(TimerId id);

  // Runs at the end of each turn in which something ran: one commit for all that a turn brought.
  void on_turn_end(Handler handler) { turn_end_ = std::move(handler); }
  // The wall clock was set (or the machine woke up): deadlines in wall time must be looked at
  // again.
  void on_clock_set(Handler handler) { clock_set_ = std::move(handler); }

  // Until stop(). Errors: the operating system refuses to poll.
  Status run();
  // One turn that waits at most `wait_max`.
  Status turn(Duration wait_max);
  // From any thread or handler: run() returns after this turn.
  void stop();

  // The wall clock as of this turn.
  Instant now() const { return now_; }

 private:
  struct Source {
    WatchId id;
    int fd;
    Handler handler;
    Pending pending;
  };
  void arm_clock_watch();
  void remove_unwatched();
  bool run_sources(const std::vector<short>& ready);
  Source* find(WatchId id);

  std::vector<std::unique_ptr<Source>> sources_;
  TimerQueue timers_;
  Handler turn_end_;
  Handler clock_set_;
  Instant now_;
  WatchId last_ = 0;
  EventFd wake_;
  int clock_fd_ = -1;
  std::atomic<bool> stopped_ = false;
};

// The boot clock and the wall clock, in the units of the loop.
Uptime uptime_now();
Instant wall_now();

}  // namespace fleetsweep::loop
