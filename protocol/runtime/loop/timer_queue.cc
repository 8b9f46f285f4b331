#include "protocol/runtime/loop/timer_queue.h"

namespace fleetsweep::loop {

TimerQueue::Id TimerQueue::at(Uptime when, Action action) {
  const Id id = ++last_;
  by_id_[id] = by_time_.emplace(when, Timer{id, std::move(action)});
  return id;
}

bool TimerQueue::cancel(Id id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return false;
  by_time_.erase(found->second);
  by_id_.erase(found);
  return true;
}

std::optional<Uptime> TimerQueue::next() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

std::size_t TimerQueue::run_due(Uptime now, std::size_t max) {
  std::size_t ran = 0;
  while (ran < max && !by_time_.empty() && by_time_.begin()->first <= now) {
    // Taken out before it runs: the action may arm or cancel timers, itself included.
    const Action action = std::move(by_time_.begin()->second.action);
    by_id_.erase(by_time_.begin()->second.id);
    by_time_.erase(by_time_.begin());
    action();
    ++ran;
  }
  return ran;
}

}  // namespace fleetsweep::loop
