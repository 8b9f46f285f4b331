#include "tests/bench/fleet/fleet.h"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/driver/host.h"

namespace fleetsweep::bench {
namespace {

// Handshakes with the enrolment socket at one time.
constexpr std::size_t kEnrollingMax = 64;
constexpr std::uint32_t kStop = ~std::uint32_t{0};
// The socket, its watcher, the connection, and the library's own end of the watcher.
constexpr std::size_t kDescriptorsEach = 4;

std::int64_t ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::int64_t realtime_ns() {
  return ns(CLOCK_REALTIME);
}

Result<std::unique_ptr<Fleet>> Fleet::create(const FleetOptions& options) {
  FS_CHECK(net::check_descriptors(options.agents * kDescriptorsEach));
  std::unique_ptr<Fleet> fleet(new Fleet(options));
  FS_TRY(fleet->context_, net::Context::create({.sockets_max = static_cast<int>(
                                                    options.agents * kDescriptorsEach + 64)}));
  fleet->epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  fleet->seen_.reserve(options.agents);
  return fleet;
}

Status Fleet::start_some() {
  while (hosts_.size() < options_.agents && enrolling_ < kEnrollingMax) {
    const std::size_t index = hosts_.size();
    hosts_.push_back(std::make_unique<Host>(*context_, options_, options_.first + index));
    seen_.emplace_back();
    ++enrolling_;
    FS_CHECK(touch(index, hosts_.back()->start()));
    FS_CHECK(touch(index, hosts_.back()->pump()));
  }
  return {};
}

// After whatever happened to one host.
Status Fleet::touch(std::size_t index, Status result) {
  FS_CHECK(result);
  watch(index);
  arm(index);
  account(index);
  return {};
}

void Fleet::watch(std::size_t index) {
  Host& host = *hosts_[index];
  if (seen_[index].generation == host.generation()) return;
  const bool has_enrolled = seen_[index].generation == 1;
  if (has_enrolled) --enrolling_;
  seen_[index].generation = host.generation();
  const auto [fd, event_fd] = host.fds();
  for (const int one : {fd, event_fd}) {
    epoll_event event{.events = EPOLLIN, .data = {.u32 = static_cast<std::uint32_t>(index)}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, one, &event);
  }
}

void Fleet::arm(std::size_t index) {
  const auto next = hosts_[index]->next_deadline();
  if (next == seen_[index].deadline) return;
  if (seen_[index].deadline) deadlines_.erase({*seen_[index].deadline, index});
  seen_[index].deadline = next;
  if (next) deadlines_.emplace(*next, index);
}

void Fleet::account(std::size_t index) {
  const Host& host = *hosts_[index];
  Seen& seen = seen_[index];
  const bool welcomed = host.phase() == Host::Phase::kWelcomed;
  if (welcomed && !seen.welcomed) ++welcomed_;
  if (!welcomed && seen.welcomed) --welcomed_;
  seen.welcomed = welcomed;
  if (host.orders_begun() > seen.begun && first_begun_ == 0) first_begun_ = realtime_ns();
  seen.begun = host.orders_begun();
  if (host.receipts_acked() > rounds_ && seen.acked <= rounds_) ++acked_;
  seen.acked = host.receipts_acked();
}

Status Fleet::run_deadlines() {
  const agent::Uptime now = agent::read_now().uptime;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const std::size_t index = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    seen_[index].deadline.reset();
    FS_CHECK(touch(index, hosts_[index]->on_deadline()));
  }
  return {};
}

int Fleet::wait_ms() const {
  if (deadlines_.empty()) return 1000;
  const auto wait = deadlines_.begin()->first - agent::read_now().uptime;
  return static_cast<int>(std::clamp<std::int64_t>(wait.count() + 1, 0, 1000));
}

void Fleet::report(Progress progress, const std::function<void(const Progress&)>& tell) {
  const std::int64_t cpu = ns(CLOCK_PROCESS_CPUTIME_ID);
  progress.cpu = cpu - cpu_before_;
  cpu_before_ = cpu;
  tell(progress);
}

Status Fleet::run(int stop, const std::function<void(const Progress&)>& tell) {
  epoll_event stopped{.events = EPOLLIN, .data = {.u32 = kStop}};
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop, &stopped);
  std::vector<epoll_event> events(1024);
  while (true) {
    FS_CHECK(start_some());
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
    if (count < 0 && errno != EINTR)
      return fail(Code::kInternal, "epoll_wait: {}", std::strerror(errno));
    for (int i = 0; i < count; ++i) {
      const std::uint32_t index = events[static_cast<std::size_t>(i)].data.u32;
      if (index == kStop) return {};
      FS_CHECK(touch(index, hosts_[index]->pump()));
    }
    FS_CHECK(run_deadlines());
    if (!is_ready_ && welcomed_ == options_.agents) {
      is_ready_ = true;
      report({.kind = Progress::Kind::kReady}, tell);
    }
    if (acked_ == options_.agents) {
      acked_ = 0;
      ++rounds_;
      // Who is ahead already has an answer to the next order.
      for (Seen& seen : seen_)
        if (seen.acked > rounds_) ++acked_;
      report({.kind = Progress::Kind::kRound,
              .round = static_cast<std::uint32_t>(rounds_),
              .first_begun = std::exchange(first_begun_, 0),
              .last_acked = realtime_ns()},
             tell);
    }
  }
}

}  // namespace fleetsweep::bench
