#pragma once

// A file descriptor that one thread makes readable for another.

namespace fleetsweep::loop {

class EventFd {
 public:
  EventFd();
  ~EventFd();
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;

  int fd() const { return fd_; }
  void signal() const;  // from any thread
  void clear() const;   // by the reader, before it looks for what was announced

 private:
  int fd_;
};

}  // namespace fleetsweep::loop
