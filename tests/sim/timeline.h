#pragma once

// Simulated time: events in the order of (time, sequence), so that one seed makes one story.

#include <functional>
#include <queue>
#include <vector>

#include "protocol/base/time.h"

namespace fleetsweep::sim {

class Timeline {
 public:
  explicit Timeline(Instant start) : now_(start) {}

  Instant now() const { return now_; }
  void at(Instant when, std::function<void()> what) {
    events_.push({std::max(when, now_), sequence_++, std::move(what)});
  }
  void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }

  // Runs the next event, if it is due by `until`; otherwise the clock moves there.
  bool step(Instant until) {
    if (events_.empty() || events_.top().when > until) {
      now_ = std::max(now_, until);
      return false;
    }
    const auto event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = event.when;
    event.what();
    return true;
  }
  std::uint64_t steps() const { return sequence_; }

 private:
  struct Event {
    Instant when;
    std::uint64_t sequence = 0;
    std::function<void()> what;
    bool operator<(const Event& other) const {
      return when != other.when ? when > other.when : sequence > other.sequence;
    }
  };
  std::priority_queue<Event> events_;
  Instant now_;
  std::uint64_t sequence_ = 0;
};

}  // namespace fleetsweep::sim
