#include "protocol/runtime/loop/loop.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "protocol/base/assert.h"

namespace fleetsweep::loop {

namespace {
constexpr std::size_t kTimersPerTurn = 256;
constexpr Duration kWaitMax = std::chrono::hours(1);
}  // namespace

Uptime uptime_now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::chrono::duration_cast<Uptime>(std::chrono::seconds(time.tv_sec) +
                                            std::chrono::nanoseconds(time.tv_nsec));
}

Instant wall_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Loop::Loop() : now_(wall_now()) {
  clock_fd_ = ::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  FS_ASSERT(clock_fd_ >= 0);
  arm_clock_watch();
}

Loop::~Loop() {
  ::close(clock_fd_);
}

// A timer far away that the kernel cancels when somebody sets the clock: no polling for jumps.
void Loop::arm_clock_watch() {
  itimerspec far{};
  far.it_value.tv_sec = std::numeric_limits<std::int32_t>::max();
  ::timerfd_settime(clock_fd_, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, nullptr);
}

Loop::WatchId Loop::watch(int fd, Handler handler, Pending pending) {
  sources_.push_back(
      std::make_unique<Source>(Source{++last_, fd, std::move(handler), std::move(pending)}));
  return last_;
}

void Loop::unwatch(WatchId id) {
  // Only marked: the handler that is running may be this one. Removed at the end of the turn.
  if (Source* source = find(id)) source->fd = -1;
}

Loop::Source* Loop::find(WatchId id) {
  for (auto& source : sources_)
    if (source->id == id) return source.get();
  return nullptr;
}

Loop::TimerId Loop::after(Duration wait, Handler handler) {
  return timers_.at(uptime_now() + std::max(wait, Duration::zero()),
                    [this, handler = std::move(handler)] { handler(now_); });
}

bool Loop::cancel(TimerId id) {
  return timers_.cancel(id);
}

void Loop::stop() {
  stopped_ = true;
  wake_.signal();
}

Status Loop::run() {
  while (!stopped_) FS_CHECK(turn(kWaitMax));
  return {};
}

Status Loop::turn(Duration wait_max) {
  remove_unwatched();  // what was unwatched between turns may be gone by now
  std::vector<pollfd> polled{{wake_.fd(), POLLIN, 0}, {clock_fd_, POLLIN, 0}};
  bool pending = false;
  for (const auto& source : sources_) {
    polled.push_back({source->fd, POLLIN, 0});
    pending = pending || (source->pending && source->pending());
  }
  Duration wait = pending ? Duration::zero() : wait_max;
  if (const auto next = timers_.next())
    wait = std::clamp(*next - uptime_now(), Duration::zero(), wait);

  if (::poll(polled.data(), polled.size(), static_cast<int>(wait.count())) < 0 && errno != EINTR)
    return fail(Code::kInternal, "poll: {}", std::strerror(errno));
  now_ = wall_now();
  if (polled[0].revents) wake_.clear();
  if (polled[1].revents) {
    std::uint64_t ignored = 0;
    [[maybe_unused]] const auto got = ::read(clock_fd_, &ignored, sizeof ignored);
    arm_clock_watch();
    if (clock_set_) clock_set_(now_);
  }
  std::vector<short> ready;
  for (std::size_t i = 2; i < polled.size(); ++i) ready.push_back(polled[i].revents);
  bool worked = run_sources(ready);
  worked = timers_.run_due(uptime_now(), kTimersPerTurn) > 0 || worked || polled[1].revents;
  remove_unwatched();
  if (worked && turn_end_) turn_end_(now_);
  return {};
}

void Loop::remove_unwatched() {
  std::erase_if(sources_, [](const auto& source) { return source->fd < 0; });
}

bool Loop::run_sources(const std::vector<short>& ready) {
  bool worked = false;
  // A handler may add sources (they wait for the next turn) and remove any.
  for (std::size_t i = 0; i < ready.size(); ++i) {
    Source* source = sources_[i].get();
    if (source->fd < 0) continue;
    if (!ready[i] && !(source->pending && source->pending())) continue;
    source->handler(now_);
    worked = true;
  }
  return worked;
}

}  // namespace fleetsweep::loop
