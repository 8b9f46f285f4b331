#include "agent/act/process.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <climits>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "agent/act/host_facts.h"
#include "agent/act/services.h"
#include "agent/overlay/overlay.h"

namespace fleetsweep::act {

namespace {

constexpr unsigned kKernelThreadFlag = 0x00200000;  // PF_KTHREAD

Checked<std::string> read_proc(std::int32_t pid, const char* name) {
  const std::string path = fmt::format("/proc/{}/{}", pid, name);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return refuse_errno("open", path, errno);
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno("read", path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

// Names of entries that are numbers: processes, or threads.
std::vector<std::int32_t> numbers_in(const std::string& path) {
  std::vector<std::int32_t> numbers;
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  while (folder) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    std::int32_t number = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    if (std::from_chars(entry->d_name, end, number).ptr == end) numbers.push_back(number);
  }
  return numbers;
}

std::string exe_link(std::int32_t pid) {
  return fmt::format("/proc/{}/exe", pid);
}

std::string link_of(const std::string& path) {
  char target[PATH_MAX];
  const auto size = ::readlink(path.c_str(), target, sizeof target);
  return size > 0 ? std::string(target, static_cast<std::size_t>(size)) : std::string();
}

// In another mount namespace, with our root as its /: the kernel writes its paths from there.
bool names_paths_from_root(const Tree& tree, std::int32_t pid) {
  struct stat ours {
  }, theirs{};
  return link_of(fmt::format("/proc/{}/ns/mnt", pid)) != link_of("/proc/self/ns/mnt") &&
         ::fstat(tree.fd(), &ours) == 0 &&
         ::stat(fmt::format("/proc/{}/root", pid).c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

// "/root/tmp/x (deleted)": the name it had, relative to the root.
std::optional<std::string> exe_beneath(const Tree& tree, std::int32_t pid, bool& deleted) {
  std::string path = link_of(exe_link(pid));
  constexpr std::string_view kDeleted = " (deleted)";
  deleted = path.ends_with(kDeleted);
  if (deleted) path.resize(path.size() - kDeleted.size());
  if (path.empty()) return std::nullopt;
  if (names_paths_from_root(tree, pid)) return path;
  return tree.relative(path);
}

// The program of a process is not the file at its path, nor one that was there before a package
// replaced it: that is root's alone.
bool is_misnamed(const Tree& tree, const std::string& path, bool deleted,
                 const struct stat& program) {
  if (deleted) return program.st_uid != 0 || (program.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const auto parent = tree.parent(path);
  struct stat there {};
  if (!parent) return parent.error().reason == Reason::kGone;
  if (::fstatat(parent->folder.get(), parent->leaf.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT;
  return there.st_dev != program.st_dev || there.st_ino != program.st_ino;
}

// Whatever its state. `threads`: of the process, those that have ended and were not the first
// apart.
Checked<ProcessStat> thread_stat(std::int32_t pid, unsigned& threads) {
  // Gone only if the kernel says so: a process that cannot be looked at is still there.
  FS_TRY(const std::string text, read_proc(pid, "stat"));
  // The name may hold spaces and brackets: fields are counted from the last bracket.
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return refuse(Reason::kGone, "process {} is gone", pid);
  std::istringstream fields(text.substr(bracket + 1));
  ProcessStat stat;
  std::string skipped;
  unsigned flags = 0;
  fields >> stat.state >> stat.parent;
  for (int i = 5; i <= 8; ++i) fields >> skipped;
  fields >> flags;
  for (int i = 10; i <= 19; ++i) fields >> skipped;
  fields >> threads >> skipped >> stat.start_ticks;
  if (!fields) return refuse(Reason::kIo, "process {}: its stat does not parse", pid);
  stat.is_kernel_thread = (flags & kKernelThreadFlag) != 0;
  stat.thread = pid;
  return stat;
}

bool has_ended(const ProcessStat& stat) {
  return stat.state == 'Z' || stat.state == 'X';
}

}  // namespace

Checked<ProcessStat> process_stat(std::int32_t pid) {
  unsigned threads = 0, unused = 0;
  FS_TRY(ProcessStat stat, thread_stat(pid, threads));
  if (!has_ended(stat)) return stat;
  // The first of its threads has ended; as long as another runs, so does the process.
  if (threads > 1)
    for (const auto thread : numbers_in(fmt::format("/proc/{}/task", pid)))
      if (const auto one = thread_stat(thread, unused); one && !has_ended(*one)) {
        stat.state = one->state;
        stat.thread = thread;
        return stat;
      }
  return refuse(Reason::kGone, "process {} has exited", pid);
}

std::int32_t living_thread(std::int32_t pid) {
  const auto stat = process_stat(pid);
  return stat ? stat->thread : pid;
}

Checked<UniqueFd> open_process(const ProcessKey& process, const model::FileIdentity& exe) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!pidfd) return refuse_errno("process", std::to_string(process.pid), errno);
  // Checked after opening: from here on the descriptor cannot mean another process.
  FS_TRY(const ProcessStat stat, process_stat(process.pid));
  if (stat.is_kernel_thread)
    return refuse(Reason::kProtected, "process {} is a kernel thread", process.pid);
  if (stat.start_ticks != process.start_ticks)
    return refuse(Reason::kGone, "process {} is gone, its number is in use again", process.pid);
  if (exe.inode != 0) {
    struct stat status {};
    if (::stat(exe_link(stat.thread).c_str(), &status) != 0)
      return refuse_errno("program of process", std::to_string(process.pid), errno);
    if (!is_same_inode(status, exe))
      return refuse(Reason::kChanged, "process {} runs another program now", process.pid);
  }
  return pidfd;
}

Checked<UniqueFd> open_program(const ProcessKey& process, const model::FileIdentity& exe) {
  FS_TRY(const UniqueFd pidfd, open_process(process, exe));
  UniqueFd file(::open(exe_link(living_thread(process.pid)).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return refuse_errno("program of process", std::to_string(process.pid), errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || (exe.inode != 0 && !is_same_inode(status, exe)))
    return refuse(Reason::kChanged, "process {} runs another program now", process.pid);
  // As long as the process is there its number is no other's: what was opened is its own.
  FS_CHECK(send_signal(pidfd.get(), 0));
  return file;
}

std::string kernel_text(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; file && (got = ::read(file.get(), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

std::vector<std::int32_t> all_pids() {
  return numbers_in("/proc");
}

namespace {

// `for_plan`: with what is read for plans alone, the service and the mounts of each.
std::vector<plan::Running> list_running(const Tree& tree, bool for_plan) {
  std::vector<plan::Running> result;
  for (const auto pid : all_pids()) {
    const auto stat = process_stat(pid);
    if (!stat || stat->is_kernel_thread) continue;
    model::ProcessIdentity process;
    const auto path = exe_beneath(tree, stat->thread, process.exe_deleted);
    struct stat status {};
    if (!path || ::stat(exe_link(stat->thread).c_str(), &status) != 0) continue;
    process.pid = pid;
    process.start_ticks = stat->start_ticks;
    process.exe.path = *path;
    process.exe.device = status.st_dev;
    process.exe.inode = status.st_ino;
    process.exe.size = static_cast<std::uint64_t>(status.st_size);
    process.exe.mtime_ns = nanoseconds(status.st_mtim);
    process.exe.ctime_ns = nanoseconds(status.st_ctim);
    process.name = read_proc(pid, "comm").value_or("");
    if (process.name.ends_with('\n')) process.name.pop_back();
    const bool misnamed = is_misnamed(tree, *path, process.exe_deleted, status);
    result.push_back({std::move(process), stat->parent});
    result.back().is_misnamed = misnamed;
    if (!for_plan) continue;
    result.back().unit = unit_of(read_proc(stat->thread, "cgroup").value_or(""));
    if (const auto file = layer_file(stat->thread, *path, status)) {
      result.back().layer_device = file->st_dev;
      result.back().layer_inode = file->st_ino;
    }
  }
  return result;
}

}  // namespace

std::vector<plan::Running> running_processes(const Tree& tree) {
  return list_running(tree, true);
}

Family family_of(const Tree& tree, const Op& op, const std::vector<ProcessKey>& stopped) {
  const auto us = own_pids();
  const auto processes = list_running(tree, false);
  const plan::Sbin sbin = sbin_of(tree);
  std::set<std::int32_t> misnamed;
  for (const auto& one : processes)
    if (one.is_misnamed) misnamed.insert(one.process.pid);
  const auto is_spared = [&](const model::ProcessIdentity& process) {
    const std::string& path = process.exe.path;
    const auto holds = [&](const std::string& folder) { return plan::is_beneath(folder, path); };
    return std::find(us.begin(), us.end(), process.pid) != us.end() ||
           (plan::is_protected_program(path, sbin) && !misnamed.contains(process.pid)) ||
           std::any_of(op.spared.begin(), op.spared.end(),
                       [&](const auto& pattern) { return plan::covers_glob(pattern, path); }) ||
           (!op.roots.empty() && std::none_of(op.roots.begin(), op.roots.end(), holds));
  };
  std::map<std::int32_t, model::ProcessIdentity> reached, spared;
  const auto add_descendants = [&](std::int32_t pid) {
    if (!op.tree) return;
    std::vector<model::ProcessIdentity> left;
    for (auto& process : plan::descendants(processes, pid, is_spared, &left))
      reached.emplace(process.pid, process);
    for (auto& process : left) spared.emplace(process.pid, process);
  };
  for (const auto& one : processes) {
    const model::ProcessIdentity& process = one.process;
    const ProcessKey key{process.pid, process.start_ticks};
    if (key == ProcessKey{op.pid, op.start_ticks}) add_descendants(op.pid);
    const bool is_twin = op.whole_program && process.exe.device == op.file.device &&
                         process.exe.inode == op.file.inode;
    if (is_twin || std::find(stopped.begin(), stopped.end(), key) != stopped.end()) {
      const bool stays = is_spared(process);
      (stays ? spared : reached).emplace(process.pid, process);
      if (!stays) add_descendants(process.pid);
    }
  }
  Family family;
  for (const auto& [pid, process] : reached)
    if (pid != op.pid) family.reached.push_back({pid, process.start_ticks});
  for (const auto& [pid, process] : spared)
    if (pid != op.pid) family.spared.push_back(process);
  // Whoever was stopped as one of it is one of it, also when this look at it failed.
  for (const ProcessKey& key : stopped) {
    if (key.pid == op.pid || reached.contains(key.pid) || spared.contains(key.pid)) continue;
    const auto stat = process_stat(key.pid);
    if (stat ? stat->start_ticks == key.start_ticks : stat.error().reason != Reason::kGone)
      family.reached.push_back(key);
  }
  return family;
}

std::string name_of(const model::ProcessIdentity& process) {
  return fmt::format("{}/{}", process.pid, process.start_ticks);
}

Checked<void> check_spared(const Op& op, const Family& family) {
  for (const model::ProcessIdentity& process : family.spared)
    if (std::find(op.what.begin(), op.what.end(), name_of(process)) == op.what.end())
      return refuse(Reason::kProtected, "{}, a descendant, may not be touched and goes on",
                    plan::describe(process));
  return {};
}

std::vector<std::int32_t> own_pids() {
  std::vector<std::int32_t> pids;
  for (std::int32_t pid = ::getpid(); pid > 0;) {
    pids.push_back(pid);
    const auto stat = process_stat(pid);
    pid = stat ? stat->parent : 0;
  }
  const std::int32_t monitor = ::getppid();
  struct stat program {
  }, other{};
  if (::stat(exe_link(monitor).c_str(), &program) != 0) return pids;
  for (const auto pid : all_pids()) {
    const auto stat = process_stat(pid);
    if (stat && stat->parent == monitor && ::stat(exe_link(pid).c_str(), &other) == 0 &&
        other.st_dev == program.st_dev && other.st_ino == program.st_ino)
      pids.push_back(pid);
  }
  return pids;
}

Checked<void> send_signal(int pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0)
    return refuse_errno("signal", "a process", errno);
  return {};
}

Checked<void> wait_exit(int pidfd, int seconds) {
  pollfd exited{pidfd, POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return refuse(Reason::kTimeout, "a killed process is still there after {} s", seconds);
    const int ready = ::poll(&exited, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return refuse_errno("wait for", "a process", errno);
  }
}

Checked<void> wait_stopped(std::int32_t pid, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (bool is_late = false;; is_late = std::chrono::steady_clock::now() > deadline) {
    FS_TRY(const ProcessStat stat, process_stat(pid));
    if (stat.state == 'T' || stat.state == 't') return {};
    if (is_late) return refuse(Reason::kTimeout, "process {} does not stop", pid);
    ::poll(nullptr, 0, 1);  // the kernel tells nobody but its parent
  }
}

}  // namespace fleetsweep::act
