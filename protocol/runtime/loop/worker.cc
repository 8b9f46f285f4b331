#include "protocol/runtime/loop/worker.h"

#include <pthread.h>

namespace fleetsweep::loop {

WorkerPool::WorkerPool(const std::string& name, std::size_t threads, std::size_t queue_bound)
    : queue_bound_(queue_bound) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    ::pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [&] { return running_ == threads; });
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::submit(Job&& job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_bound_) return false;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

std::size_t WorkerPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void WorkerPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  ++running_;
  ready_.notify_all();
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it captured is released outside the lock
    lock.lock();
  }
}

}  // namespace fleetsweep::loop
