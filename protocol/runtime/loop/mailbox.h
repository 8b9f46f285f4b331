#pragma once

// Moved values from any thread to one loop thread. Bounded: a full mailbox is an answer to the
// sender, not a queue.

#include <algorithm>
#include <deque>
#include <mutex>
#include <vector>

#include "protocol/runtime/loop/event_fd.h"

namespace fleetsweep::loop {

template <class T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t bound) : bound_(bound) {}

  // Readable while values wait: watch it with Loop::watch and take() in the handler.
  int fd() const { return event_.fd(); }

  // False when it is full; the value stays with the caller.
  [[nodiscard]] bool push(T&& value) {
    {
      const std::lock_guard lock(mutex_);
      if (values_.size() >= bound_) return false;
      values_.push_back(std::move(value));
    }
    event_.signal();
    return true;
  }

  // At most `max` values, oldest first; what is left keeps the descriptor readable.
  std::vector<T> take(std::size_t max = 1024) {
    const std::lock_guard lock(mutex_);
    event_.clear();
    std::vector<T> taken;
    const std::size_t count = std::min(max, values_.size());
    taken.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      taken.push_back(std::move(values_.front()));
      values_.pop_front();
    }
    if (!values_.empty()) event_.signal();
    return taken;
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  const std::size_t bound_;
  EventFd event_;
  mutable std::mutex mutex_;
  std::deque<T> values_;
};

}  // namespace fleetsweep::loop
