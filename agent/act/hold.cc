#include "agent/act/hold.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <sstream>

#include "agent/act/process.h"
#include "protocol/base/unique_fd.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

constexpr auto kFreezeWait = std::chrono::seconds(5);
constexpr auto kEmptyWait = std::chrono::seconds(5);
constexpr std::size_t kProcsBytes = 64 << 20;  // of more than the kernel has numbers

// 0, or the errno. A file of the kernel's takes a value in one write.
int write_value(const std::string& path, std::string_view value) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  const auto put = ::write(file.get(), value.data(), value.size());
  return put == static_cast<ssize_t>(value.size()) ? 0 : put < 0 ? errno : EIO;
}

bool is_in_list(std::string_view list, std::string_view wanted) {
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    if (list.substr(at, end - at) == wanted) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

std::optional<FreezerMount> freezer_mount(std::string_view mountinfo) {
  // 36 35 98:0 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
  std::optional<FreezerMount> v1;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash)), after(line.substr(dash + 3));
    std::string id, parent, device, root, point, options, type, source, super;
    before >> id >> parent >> device >> root >> point >> options;
    after >> type >> source >> super;
    if (root != "/" || point.find('\\') != std::string::npos || !is_in_list(options, "rw"))
      continue;
    if (type == "cgroup2") return FreezerMount{true, point};
    if (type == "cgroup" && is_in_list(super, "freezer")) v1 = FreezerMount{false, point};
  }
  return v1;
}

std::optional<std::string> group_in(std::string_view proc_cgroup, bool is_v2) {
  std::istringstream lines{std::string(proc_cgroup)};
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (is_v2 ? !line.starts_with("0::") : !is_in_list(controllers, "freezer")) continue;
    std::string group = line.substr(second + 1);
    if (group.starts_with("/..")) return std::nullopt;  // outside of our cgroup namespace
    return group;
  }
  return std::nullopt;
}

Hold::Hold(const std::string& name)
    : mount_(freezer_mount(kernel_text("/proc/self/mountinfo"))),
      group_("/fleetsweep-hold-" + name) {
  if (mount_) folder_ = (mount_->path == "/" ? "" : mount_->path) + group_;
}

bool Hold::make() const {
  if (!mount_) return false;
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return false;
  const int error = mount_->is_v2 ? write_value(folder_ + "/cgroup.freeze", "1")
                                  : write_value(folder_ + "/freezer.state", "FROZEN");
  if (error != 0) remove();
  return error == 0;
}

std::optional<std::string> Hold::group_of(std::int32_t pid) const {
  if (!mount_) return std::nullopt;
  // A thread that has ended stays where it was.
  return group_in(kernel_text(fmt::format("/proc/{}/cgroup", living_thread(pid))), mount_->is_v2);
}

bool Hold::has(std::int32_t pid) const {
  return group_of(pid) == group_;
}

Checked<std::vector<std::int32_t>> Hold::pids() const {
  std::vector<std::int32_t> pids;
  if (!mount_) return pids;
  const std::string path = folder_ + "/cgroup.procs";
  const auto read = files::read_file(path, kProcsBytes);
  if (!read && read.error().code == Code::kNotFound) return pids;
  if (!read) return refuse(Reason::kIo, "{}", read.error().message);
  std::istringstream text{to_text(*read)};
  for (std::int32_t pid = 0; text >> pid;) pids.push_back(pid);
  return pids;
}

Checked<void> Hold::wait_frozen() const {
  const auto is_frozen = [this] {
    return mount_->is_v2
               ? kernel_text(folder_ + "/cgroup.events").find("frozen 1") != std::string::npos
               : kernel_text(folder_ + "/freezer.state") == "FROZEN\n";
  };
  const auto deadline = std::chrono::steady_clock::now() + kFreezeWait;
  for (bool is_late = false; !is_frozen(); is_late = std::chrono::steady_clock::now() > deadline) {
    if (is_late)
      return refuse(Reason::kTimeout, "{}: not frozen after {} s", folder_, kFreezeWait.count());
    ::poll(nullptr, 0, 1);  // v1 tells nobody
  }
  return {};
}

Checked<void> Hold::take(std::int32_t pid) const {
  if (const int error = write_value(folder_ + "/cgroup.procs", std::to_string(pid)))
    return refuse_errno("freeze process", std::to_string(pid), error);
  return wait_frozen();
}

Checked<std::string> Hold::give_back(std::int32_t pid, const std::string& group) const {
  if (!mount_) return refuse(Reason::kIo, "continue process {}: no cgroups are seen here", pid);
  // If that cannot be read it is written all the same: whoever runs moves to where it was.
  if (const auto now = group_of(pid); now && *now != group_) return std::string();
  const std::string value = std::to_string(pid);
  std::string to = group;
  int error = write_value(mount_->path + to + "/cgroup.procs", value);
  // Who removes groups that are empty did it meanwhile; one of v2 with limits for others holds
  // none.
  while ((error == ENOENT || error == ENODEV || error == EBUSY || error == EOPNOTSUPP) &&
         to.find('/') != std::string::npos) {
    to.resize(to.rfind('/'));
    error = write_value(mount_->path + to + "/cgroup.procs", value);
  }
  if (error == 0 && to != group && group != "/") return to.empty() ? "/" : to;
  if (error == 0 || error == ESRCH) return std::string();
  return refuse_errno("continue process", value, error);
}

Checked<void> Hold::empty(const std::string& group) const {
  if (!mount_) return {};
  FS_TRY(const auto inside, pids());
  for (const std::int32_t pid : inside) FS_CHECK(give_back(pid, group));
  remove();
  return {};
}

void Hold::remove() const {
  const auto deadline = std::chrono::steady_clock::now() + kEmptyWait;
  while (mount_ && ::rmdir(folder_.c_str()) != 0 && errno == EBUSY &&
         kernel_text(folder_ + "/cgroup.procs").empty() &&
         std::chrono::steady_clock::now() < deadline)
    ::poll(nullptr, 0, 1);  // who died in it counts until the kernel has put him away
}

}  // namespace fleetsweep::act
