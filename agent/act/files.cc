#include "agent/act/files.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "protocol/base/limits.h"
#include "protocol/crypto/bulk_hash.h"

namespace fleetsweep::act {

namespace {

// glibc 2.36 has no wrapper. The kernel gives up at ".." while anybody moves a file anywhere.
int open_resolved(int folder, const std::string& path, std::uint64_t flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const auto fd =
        static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return fd;
  }
}

// O_NONBLOCK: a FIFO put in its place must not hold us.
int open_leaf(const Parent& parent) {
  return ::openat(parent.folder.get(), parent.leaf.c_str(),
                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

// As long as the kernel lets one be kept that was called back.
std::chrono::milliseconds wait_for_leases() {
  long seconds = 0;
  std::ifstream("/proc/sys/fs/lease-break-time") >> seconds;
  return std::min(std::chrono::seconds(seconds + 1), limits::kLeasesWait);
}

}  // namespace

Tree::Tree(std::string root, UniqueFd folder)
    : root_(std::move(root)), folder_(std::move(folder)), wait_left_(wait_for_leases()) {}

Result<Tree> Tree::open(const std::string& root) {
  char resolved[PATH_MAX];
  if (::realpath(root.c_str(), resolved) == nullptr)
    return fail(Code::kNotFound, "root {}: {}", root, std::strerror(errno));
  UniqueFd folder(::open(resolved, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail(Code::kUnavailable, "root {}: {}", root, std::strerror(errno));
  return Tree(resolved, std::move(folder));
}

Checked<Parent> Tree::parent(std::string_view path) const {
  const auto slash = path.rfind('/');
  if (path.empty() || path[0] != '/' || slash + 1 == path.size() ||
      path.find('\0') != std::string_view::npos)
    return refuse(Reason::kChanged, "{}: not an absolute path of a file", escaped(path));
  Parent parent;
  parent.leaf = std::string(path.substr(slash + 1));
  const std::string folder = slash == 0 ? "." : std::string(path.substr(1, slash - 1));
  if (parent.leaf == "." || parent.leaf == "..")
    return refuse(Reason::kChanged, "{}: not the path of a file", escaped(path));
  parent.folder.reset(open_resolved(folder_.get(), folder, O_RDONLY | O_DIRECTORY,
                                    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
  if (!parent.folder) return refuse_errno("folder of", path, errno);
  struct stat status {};
  if (::fstat(parent.folder.get(), &status) != 0) return refuse_errno("folder of", path, errno);
  parent.mtime_ns = nanoseconds(status.st_mtim);
  parent.device = status.st_dev;
  parent.inode = status.st_ino;
  return parent;
}

// Whoever owns a file may lease it. Each attempt to open it calls that back.
Checked<UniqueFd> Tree::wait_for(std::string_view path, const std::function<int()>& open) const {
  constexpr std::chrono::milliseconds kPause{50};
  for (;; wait_left_ -= kPause) {
    UniqueFd file(open());
    if (file) return file;
    if (errno != EWOULDBLOCK) return refuse_errno("open", path, errno);
    if (wait_left_ < kPause)
      return refuse(Reason::kRaced, "{}: somebody holds a lease on it", escaped(path));
    std::this_thread::sleep_for(kPause);
  }
}

void Tree::call_lease_back(const std::string& path) const {
  if (const auto folder = parent(path)) UniqueFd(open_leaf(*folder));
}

Checked<UniqueFd> Tree::file(const Parent& parent, std::string_view path) const {
  FS_TRY(UniqueFd file, wait_for(path, [&] { return open_leaf(parent); }));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", path, errno);
  if (!S_ISREG(status.st_mode))
    return refuse(Reason::kChanged, "{}: no longer a regular file", escaped(path));
  return file;
}

Checked<UniqueFd> Tree::followed(const std::string& path) const {
  // To open a device may do something.
  const UniqueFd there(open_resolved(folder_.get(), path, O_PATH, RESOLVE_IN_ROOT));
  struct stat status {};
  if (!there || ::fstat(there.get(), &status) != 0) return refuse_errno("open", path, errno);
  if (!S_ISREG(status.st_mode))
    return refuse(Reason::kChanged, "{}: not a regular file", escaped(path));
  return wait_for(path, [&] {
    return ::open(descriptor_link(there.get()).c_str(),
                  O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  });
}

std::string Tree::real(const std::string& path) const {
  if (!path.starts_with('/')) return path;  // a name of Windows
  for (std::size_t end = path.size(); end > 1; end = path.rfind('/', end - 1)) {
    const UniqueFd there(
        open_resolved(folder_.get(), path.substr(0, end), O_PATH, RESOLVE_IN_ROOT));
    if (!there) continue;
    std::error_code error;
    const auto found = std::filesystem::read_symlink(descriptor_link(there.get()), error);
    const auto inside = error ? std::nullopt : relative(found.string());
    return inside ? *inside + path.substr(end) : path;
  }
  return path;
}

std::optional<std::string> Tree::relative(std::string_view host_path) const {
  if (is_whole_host()) return std::string(host_path);
  if (!host_path.starts_with(root_) || host_path.size() <= root_.size() ||
      host_path[root_.size()] != '/')
    return std::nullopt;
  return std::string(host_path.substr(root_.size()));
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

timespec to_timespec(std::int64_t value) {
  timespec time{};
  time.tv_sec = value / 1'000'000'000;
  time.tv_nsec = value % 1'000'000'000;
  if (time.tv_nsec < 0) {  // before 1970
    time.tv_nsec += 1'000'000'000;
    --time.tv_sec;
  }
  return time;
}

std::int64_t mtime_of(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? nanoseconds(status.st_mtim) : 0;
}

Checked<void> set_mtime(int fd, std::int64_t value) {
  const timespec times[2] = {{0, UTIME_OMIT}, to_timespec(value)};
  if (::futimens(fd, times) != 0) return refuse_errno("set time of", "a folder", errno);
  return {};
}

bool is_same_inode(const struct stat& status, const model::FileIdentity& file, Device device) {
  return (status.st_dev == file.device || device == Device::kMayDiffer) &&
         status.st_ino == file.inode;
}

bool is_same_file(const struct stat& status, const model::FileIdentity& file, Device device) {
  return is_same_inode(status, file, device) &&
         static_cast<std::uint64_t>(status.st_size) == file.size &&
         nanoseconds(status.st_mtim) == file.mtime_ns;
}

bool is_unchanged(const struct stat& status, const model::FileIdentity& file, Device device) {
  return is_same_file(status, file, device) && nanoseconds(status.st_ctim) == file.ctime_ns;
}

Owner owner_of(const struct stat& status) {
  return {status.st_uid, status.st_gid, status.st_mode & (S_IFMT | 0444)};
}

Checked<Owner> owner_at(const Tree& tree, const model::FileIdentity& found) {
  const auto parent = tree.parent(found.path);
  if (!parent && is_absent(parent.error())) return kNobodys;
  if (!parent) return fail(parent.error());
  FS_TRY(const auto status, stat_in(*parent, parent->leaf));
  struct stat folder {};
  if (::fstat(parent->folder.get(), &folder) != 0)
    return refuse_errno("stat the folder of", found.path, errno);
  if (!status) return kNobodys;
  // A group of the owner's own has his number; with the sticky bit nobody moves a stranger's file.
  const bool is_shared = (folder.st_mode & S_IWOTH) != 0 ||
                         ((folder.st_mode & S_IWGRP) != 0 && (folder.st_mode & S_ISVTX) == 0 &&
                          folder.st_gid != folder.st_uid);
  const bool is_of_folder = !is_shared && (folder.st_uid == 0 || folder.st_uid == status->st_uid);
  return is_of_folder || is_same_inode(*status, found) ? owner_of(*status) : kNobodys;
}

Checked<std::optional<struct stat>> stat_in(const Parent& parent, const std::string& name) {
  struct stat status {};
  if (::fstatat(parent.folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return status;
  if (errno == ENOENT || errno == ENAMETOOLONG) return std::nullopt;
  return refuse_errno("stat", name, errno);
}

Checked<std::vector<std::string>> names_in(int folder) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return refuse_errno("open", "a folder", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(copy), ::closedir);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return refuse_errno("read", "a folder", errno);
  std::sort(names.begin(), names.end());
  return names;
}

Checked<std::vector<std::string>> names_at(const Tree& tree, const std::string& path) {
  const auto inside = tree.parent(path + "/x");
  if (!inside && is_absent(inside.error())) return std::vector<std::string>();
  if (!inside) return fail(inside.error());
  return names_in(inside->folder.get());
}

bool is_absent(const Refusal& refusal) {
  return refusal.reason == Reason::kGone || refusal.reason == Reason::kChanged;
}

Checked<Digest> digest_of(int fd, std::uint64_t most) {
  crypto::BulkHash hash(crypto::HashKind::kSha256);
  Bytes buffer(256 * 1024);
  for (std::uint64_t at = 0;;) {
    const auto got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno("read", "a file", errno);
    if (got == 0) break;
    hash.update(BytesView(buffer).first(static_cast<std::size_t>(got)));
    at += static_cast<std::uint64_t>(got);
    if (at > most) return refuse(Reason::kChanged, "a file of more than {} bytes", most);
  }
  return *Digest::from(hash.finish());
}

Checked<std::string> read_text(int fd, std::string_view path, std::size_t most) {
  std::string text;
  char buffer[64 * 1024];
  for (;;) {
    const auto got = ::pread(fd, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno("read", path, errno);
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > most)
      return refuse(Reason::kLimit, "{}: larger than {} bytes", escaped(path), most);
  }
}

int rename_in(int folder, const std::string& from, const std::string& to, unsigned flags) {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), flags) == 0) return 0;
  // NTFS through FUSE knows no flags: what stands in the way is looked for first.
  struct stat status {};
  if (errno != EINVAL || flags != RENAME_NOREPLACE) return -1;
  if (::fstatat(folder, to.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return -1;
  }
  return errno == ENOENT ? ::renameat(folder, from.c_str(), folder, to.c_str()) : -1;
}

Status write_all(int fd, BytesView bytes) {
  while (!bytes.empty()) {
    const auto put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail(Code::kUnavailable, "write: {}", std::strerror(errno));
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

std::string descriptor_link(int fd) {
  return fmt::format("/proc/self/fd/{}", fd);
}

}  // namespace fleetsweep::act
