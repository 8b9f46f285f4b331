#include "protocol/runtime/loop/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fleetsweep::loop {

Result<Signals> Signals::block(bool children) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  if (children) sigaddset(&wanted, SIGCHLD);
  sigset_t old;
  if (::pthread_sigmask(SIG_BLOCK, &wanted, &old) != 0)
    return fail(Code::kInternal, "signals: cannot block");
  ::signal(SIGPIPE, SIG_IGN);
  Signals signals;
  for (int number = 1; number < 64; ++number)
    if (sigismember(&old, number) == 1) signals.old_mask_ |= 1ull << (number - 1);
  signals.fd_ = ::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals.fd_ < 0) return fail(Code::kInternal, "signalfd: {}", std::strerror(errno));
  return signals;
}

Signals::Signals(Signals&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), old_mask_(other.old_mask_) {}

Signals::~Signals() {
  if (fd_ < 0) return;
  // A signal that came and was not read would kill the process the moment it is unblocked.
  while (next()) {
  }
  ::close(fd_);
  sigset_t old;
  sigemptyset(&old);
  for (int number = 1; number < 64; ++number)
    if (old_mask_ & (1ull << (number - 1))) sigaddset(&old, number);
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

std::optional<int> Signals::next() const {
  signalfd_siginfo info{};
  if (::read(fd_, &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

void restore_default_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
}

}  // namespace fleetsweep::loop
