#include <poll.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <set>

#include "agent/scan/cross_view.h"
#include "agent/scan/looks.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

constexpr int kPidLimit = 4 * 1024 * 1024;  // PID_MAX_LIMIT, include/linux/threads.h
// So many numbers are asked as fast as the threads of some hundred processes are counted.
constexpr int kPidsAskedAlways = 1 << 16;
constexpr std::size_t kTextBytes = 4 << 20;

// All of `text`, as a number.
bool read_number(std::string_view text, int& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

// Nothing: not all of it could be listed.
std::optional<std::set<int>> listed_processes(const std::string& proc) {
  const auto entries = raw::list(proc);
  if (!entries) return std::nullopt;
  std::set<int> pids;
  for (const raw::Entry& entry : *entries)
    if (int pid = 0; read_number(std::string_view(entry.name), pid)) pids.insert(pid);
  return pids;
}

int pid_max() {
  const std::string text = raw::read("/proc/sys/kernel/pid_max", 32);
  int most = 0;
  return read_number(std::string_view(text).substr(0, text.find('\n')), most) ? most : kPidLimit;
}

UniqueFd open_process(int pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// Of all pid namespaces; its lowest 16 bits, which is all there is.
std::uint64_t threads_of_the_kernel() {
  struct sysinfo info {};
  return ::syscall(SYS_sysinfo, &info) == 0 ? info.procs : 0;
}

bool has_ended(int pidfd) {
  pollfd item{pidfd, POLLIN, 0};
  return ::poll(&item, 1, 0) != 0;
}

}  // namespace

Mismatches covered_processes(const std::string& proc, std::string_view mountinfo) {
  Mismatches found;
  for_each_line(mountinfo, [&](std::string_view line) {
    const auto fields = words(line);  // id parent major:minor root mount-point options ...
    if (fields.size() < 5 || !fields[4].starts_with(proc + "/")) return;
    const std::string_view point = fields[4].substr(proc.size() + 1);
    if (int pid = 0; read_number(point.substr(0, point.find('/')), pid))
      found.push_back(fmt::format(
          "something is mounted over {}: what it tells of process {} is not what the kernel tells",
          escaped(fields[4]), pid));
  });
  return found;
}

std::uint64_t listed_threads(const std::string& proc) {
  std::uint64_t threads = 0;
  for (const int pid : listed_processes(proc).value_or(std::set<int>{}))
    if (const auto line = parse_stat_line(raw::read(fmt::format("{}/{}/stat", proc, pid), 4096)))
      threads += line->threads;
  return threads;
}

bool accounts_for_all(const std::function<std::uint64_t()>& kernel,
                      const std::function<std::uint64_t()>& listed) {
  // Once may be chance: one more was listed that lived for a moment only.
  for (int look = 0; look < kLooks; ++look) {
    const std::uint64_t before = kernel(), count = listed();
    if ((count & 0xffff) != before || kernel() != before) return false;
  }
  return true;
}

Mismatches hidden_processes(const std::string& proc) {
  if (!shows_us(proc))
    return {fmt::format("{} does not show the process that looks: it is of another system", proc)};
  Mismatches found = covered_processes(proc, raw::read(proc + "/self/mountinfo", kTextBytes));
  if (hides_others(proc)) return found;

  std::vector<int> answering;
  const int last = pid_max();
  // Four million numbers take most of a second, and rarely have to be asked.
  if (last > kPidsAskedAlways &&
      accounts_for_all(threads_of_the_kernel, [&] { return listed_threads(proc); }))
    return found;
  for (int pid = 1; pid < last; ++pid) {
    const UniqueFd process = open_process(pid);
    if (process)
      answering.push_back(pid);
    else if (errno == ENOSYS)
      return found;
  }
  // One that is alive before and after a listing was alive while it was made.
  const auto look = [&] {
    struct Alive {
      int pid;
      UniqueFd process;
    };
    std::vector<Alive> alive;
    std::vector<int> hidden;
    const auto before = listed_processes(proc);
    for (const int pid : answering)
      if (before && !before->contains(pid))
        if (UniqueFd process = open_process(pid); process)
          alive.push_back({pid, std::move(process)});
    if (alive.empty()) return hidden;
    const auto listed = listed_processes(proc);
    for (const Alive& one : alive)
      if (listed && !listed->contains(one.pid) && !has_ended(one.process.get()))
        hidden.push_back(one.pid);
    return hidden;
  };
  for (const int pid : seen_each_time(look))
    found.push_back(
        fmt::format("process {} answers to pidfd_open, and {} does not list it", pid, proc));
  return found;
}

}  // namespace fleetsweep::scan
