#include "agent/scan/manners.h"

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Rests are gathered: each costs a change of the task, and the caches of the processor.
constexpr milliseconds kRestMin{40};
// Short enough that a Stop, or the time limit, ends a scan that rests.
constexpr milliseconds kMoment{200};
constexpr seconds kLookAtPressureEvery{1};

Microseconds of(const timespec& time) {
  return seconds(time.tv_sec) + duration_cast<Microseconds>(std::chrono::nanoseconds(time.tv_nsec));
}
Microseconds of(const timeval& time) {
  return seconds(time.tv_sec) + Microseconds(time.tv_usec);
}

// Of a kernel or a container without it there is none.
std::optional<Pressure> pressure(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t count = file ? ::read(file.get(), text, sizeof text) : -1;
  if (count <= 0) return std::nullopt;
  return parse_pressure({text, static_cast<std::size_t>(count)});
}

std::optional<Pressure> worst_pressure() {
  std::optional<Pressure> result;
  for (const char* path : {"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory"}) {
    const auto one = pressure(path);
    if (!one) continue;
    if (!result) result.emplace();
    result->average = std::max(result->average, one->average);
    result->total += one->total;
  }
  return result;
}

}  // namespace

void be_idle() {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

Manners::Manners(const model::PolicyLimits& limits)
    : started_(Clock::now()), pace_(limits.cpu_percent, limits.iops) {}

Microseconds Manners::now() const {
  return duration_cast<Microseconds>(Clock::now() - started_);
}

Microseconds Manners::processor_time(int parser_pid) {
  timespec own{}, parsers{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  if (parser_pid != parser_pid_) {
    parser_pid_ = parser_pid;
    has_clock_ = parser_pid > 0 && ::clock_getcpuclockid(parser_pid, &parser_clock_) == 0;
  }
  if (has_clock_) ::clock_gettime(parser_clock_, &parsers);
  rusage gone{};
  ::getrusage(RUSAGE_CHILDREN, &gone);
  // Between a parser's end and its burial it may be counted nowhere.
  processor_ = std::max(processor_, of(own) + of(parsers) + of(gone.ru_utime) + of(gone.ru_stime));
  return processor_;
}

void Manners::sleep(Microseconds time, const std::function<bool()>& is_over) const {
  while (time > Microseconds(0)) {
    const Microseconds part = std::min(time, Microseconds(kMoment));
    std::this_thread::sleep_for(part);
    time -= part;
    if (is_over()) return;
  }
}

void Manners::keep(int parser_pid, std::uint64_t operations, const std::function<bool()>& is_over) {
  const auto pause = pace_.pause(now(), {processor_time(parser_pid), operations});
  if (pause >= kRestMin) sleep(pause, is_over);
  if (now() - looked_ < kLookAtPressureEvery) return;
  while (const auto worst = worst_pressure()) {
    const auto rest = brake_.rest(now(), *worst);
    if (!rest) break;
    sleep(*rest, is_over);
    if (is_over()) return;
  }
  looked_ = now();
}

}  // namespace fleetsweep::scan
