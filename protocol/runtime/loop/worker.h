#pragma once

// A few threads for work that would hold the loop: signature checks, group commits. Results come
// back through a Mailbox, never by touching the loop's own state.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace fleetsweep::loop {

class WorkerPool {
 public:
  using Job = std::function<void()>;

  // Returns when every thread runs. `name` is what `ps -T` shows (15 characters).
  WorkerPool(const std::string& name, std::size_t threads, std::size_t queue_bound);
  // stop()
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when the queue is full or the pool stops; the job stays with the caller.
  [[nodiscard]] bool submit(Job&& job);
  std::size_t queued() const;
  // Takes no more, finishes what is queued, joins. Idempotent.
  void stop();

 private:
  void run();

  const std::size_t queue_bound_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable ready_;
  std::deque<Job> queue_;
  std::size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fleetsweep::loop
