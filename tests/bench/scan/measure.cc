#include "tests/bench/scan/measure.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "protocol/base/assert.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

pid_t start(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  FS_ASSERT(child >= 0);
  if (child == 0) ::_exit(body());
  return child;
}

void expect_success(int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::fprintf(stderr, "scan_bench: a measured program failed with status %d\n", status);
  std::exit(70);
}

// Of one process, and its children's ids: pages that several processes share count once in all.
std::uint64_t share_of_memory(pid_t pid, std::vector<pid_t>& children) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream list(folder + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; list >> child;) children.push_back(child);
  std::ifstream rollup(folder + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);)
    if (line.starts_with("Pss:")) return std::strtoull(line.c_str() + 4, nullptr, 10) * 1024;
  return 0;
}

// Folders to look at, for several threads.
class Work {
 public:
  explicit Work(std::string first) { folders_.push_back(std::move(first)); }
  void add(std::string folder) {
    const std::lock_guard lock(mutex_);
    folders_.push_back(std::move(folder));
    changed_.notify_one();
  }
  bool take(std::string& folder) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !folders_.empty() || busy_ == 0; });
    if (folders_.empty()) return false;
    folder = std::move(folders_.back());
    folders_.pop_back();
    ++busy_;
    return true;
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0 && folders_.empty()) changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> folders_;
  int busy_ = 0;
};

struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[];
};

void walk(Work& work, Floor floor) {
  std::vector<char> block(64 * 1024), buffer(256 * 1024);
  for (std::string folder; work.take(folder); work.finish()) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (true) {
      const long size = ::syscall(SYS_getdents64, fd, block.data(), block.size());
      if (size <= 0) break;
      for (long at = 0; at < size;) {
        const auto* entry = reinterpret_cast<const Entry*>(block.data() + at);
        at += entry->length;
        const std::string_view name = entry->name;
        if (name == "." || name == "..") continue;
        if (entry->type == DT_DIR) {
          work.add(folder + "/" + entry->name);
          continue;
        }
        if (entry->type != DT_REG) continue;
        if (floor == Floor::kLook) {
          struct statx status {};
          ::statx(fd, entry->name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_BASIC_STATS,
                  &status);
          continue;
        }
        const int file = ::openat(fd, entry->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        while (::read(file, buffer.data(), buffer.size()) > 0) {
        }
        ::close(file);
      }
    }
    ::close(fd);
  }
}

}  // namespace

void Cost::take_best(const Cost& other) {
  wall = std::min(wall, other.wall);
  processor = std::min(processor, other.processor);
}

Cost measure(const std::function<int()>& body) {
  const auto begin = Clock::now();
  const pid_t child = start(body);
  int status = 0;
  rusage usage{};
  FS_ASSERT(::wait4(child, &status, 0, &usage) == child);
  expect_success(status);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  // What a killed or waited-for grandchild used is in its parent's sum.
  return {std::chrono::duration<double>(Clock::now() - begin).count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

int run_program(std::vector<std::string> arguments, const fs::path& output) {
  const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  ::dup2(fd, STDOUT_FILENO);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  return 127;
}

std::uint64_t peak_memory(const std::function<int()>& body) {
  const pid_t child = start(body);
  std::uint64_t peak = 0;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    std::vector<pid_t> pids = {child};
    std::uint64_t now = 0;
    for (std::size_t i = 0; i < pids.size(); ++i) now += share_of_memory(pid_t{pids[i]}, pids);
    peak = std::max(peak, now);
    constexpr int kSampleMs = 10;
    ::poll(nullptr, 0, kSampleMs);
  }
  expect_success(status);
  return peak;
}

Background::Background(const std::function<int()>& body)
    : pid_(start([&body] {
        ::setpgid(0, 0);
        return body();
      })) {
  ::setpgid(pid_, pid_);
}

Background::~Background() {
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

double foreground_work(Duration time) {
  std::atomic<std::uint64_t> done = 0;
  const auto end = Clock::now() + time;
  const auto work = [&] {
    crypto::BulkHash hash(crypto::HashKind::kSha256);
    const Bytes block(64 * 1024, 'x');
    for (; Clock::now() < end; ++done) hash.update(block);
  };
  std::vector<std::thread> all;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) all.emplace_back(work);
  for (std::thread& thread : all) thread.join();
  return static_cast<double>(done) / std::chrono::duration<double>(time).count();
}

void hide_pressure() {
  FS_ASSERT(::unshare(CLONE_NEWNS) == 0 &&
            ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
            (::access("/proc/pressure", F_OK) != 0 ||
             ::mount("none", "/proc/pressure", "tmpfs", MS_RDONLY, nullptr) == 0));
}

int run_floor(const fs::path& root, Floor floor, int threads) {
  Work work(root.string());
  std::vector<std::thread> all;
  for (int i = 1; i < threads; ++i) all.emplace_back([&] { walk(work, floor); });
  walk(work, floor);
  for (std::thread& thread : all) thread.join();
  return 0;
}

}  // namespace fleetsweep::bench
