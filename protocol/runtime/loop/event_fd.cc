#include "protocol/runtime/loop/event_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "protocol/base/assert.h"

namespace fleetsweep::loop {

EventFd::EventFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  FS_ASSERT(fd_ >= 0);
}

EventFd::~EventFd() {
  ::close(fd_);
}

void EventFd::signal() const {
  const std::uint64_t one = 1;
  // A full counter is readable already, so a refused write loses nothing.
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

void EventFd::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
}

}  // namespace fleetsweep::loop
