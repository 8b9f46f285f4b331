#include "agent/scan/root.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "agent/hive/paths.h"
#include "agent/hive/volume.h"
#include "agent/scan/text.h"

namespace fleetsweep::scan {
namespace {

constexpr int kReadFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kLinksMax = 40;  // of one path, as the kernel's MAXSYMLINKS

bool is_link(int folder, const char* name) {
  struct stat status {};
  return ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

// To open a watchdog or a tape does something, and anybody may name it in a file of their own.
bool is_device(int folder, const char* name) {
  struct stat status {};
  return ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode));
}

// The next name of a path, which loses it.
std::string take_name(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string name(path.substr(0, path.find('/')));
  path.remove_prefix(name.size());
  return name;
}

// Name by name: a system call filter sees the flags of openat, and not those of openat2, which
// would do it at once. The path has no "..".
UniqueFd open_names(int folder, std::string_view path, int flags) {
  UniqueFd held;
  std::string name = take_name(path);
  while (true) {
    std::string next = take_name(path);
    if (next.empty() && flags == 0 && is_device(folder, name.c_str())) {
      errno = ENODEV;
      return {};
    }
    if (next.empty()) {
      UniqueFd end = open_beneath(folder, name.empty() ? "." : name.c_str(), flags);
      if (!end && errno == ENOTDIR) errno = is_link(folder, name.c_str()) ? ELOOP : ENOTDIR;
      return end;
    }
    UniqueFd below(::openat(folder, name.c_str(), kReadFlags | O_PATH | O_DIRECTORY));
    if (!below) {
      if (errno == ENOTDIR) errno = is_link(folder, name.c_str()) ? ELOOP : ENOTDIR;
      return {};
    }
    held = std::move(below);
    folder = held.get();
    name = std::move(next);
  }
}

Result<std::string> small_text(const UniqueFd& fd, std::size_t bytes_max) {
  if (!fd)
    return fail(errno == ENOENT ? Code::kNotFound : Code::kUnavailable, "{}", unopened(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::size_t>(status.st_size) > bytes_max)
    return fail(Code::kInvalid, "not a regular file of at most {} bytes", bytes_max);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t count = ::pread(fd.get(), text.data(), text.size(), 0);
  if (count < 0) return fail(Code::kUnavailable, "{}", std::strerror(errno));
  text.resize(static_cast<std::size_t>(count));
  return text;
}

}  // namespace

std::string unopened(int error) {
  if (error == EREMOTE) return std::string(kInShare);
  return error == ELOOP ? "behind a link that may be of others than root or the owner of what it "
                          "leads to: not looked at"
                        : std::strerror(error);
}

UniqueFd open_beneath(int folder, const char* name, int extra_flags) {
  UniqueFd fd(::openat(folder, name, kReadFlags | O_NOATIME | extra_flags));
  // O_NOATIME is for the owner and root.
  if (!fd && errno == EPERM) fd.reset(::openat(folder, name, kReadFlags | extra_flags));
  return fd;
}

bool look_at(int folder, const char* name, struct stat& status, std::int64_t& born_ns) {
  struct statx seen;  // some 200 bytes that the kernel fills, for each file of a host
  if (::statx(folder, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
              STATX_BASIC_STATS | STATX_BTIME, &seen) != 0)
    return false;
  const auto time = [](const statx_timestamp& stamp) {
    return timespec{static_cast<time_t>(stamp.tv_sec), static_cast<long>(stamp.tv_nsec)};
  };
  status = {};
  status.st_dev = makedev(seen.stx_dev_major, seen.stx_dev_minor);
  status.st_ino = seen.stx_ino;
  status.st_mode = seen.stx_mode;
  status.st_nlink = seen.stx_nlink;
  status.st_uid = seen.stx_uid;
  status.st_gid = seen.stx_gid;
  status.st_size = static_cast<off_t>(seen.stx_size);
  status.st_mtim = time(seen.stx_mtime);
  status.st_ctim = time(seen.stx_ctime);
  born_ns = (seen.stx_mask & STATX_BTIME) != 0
                ? seen.stx_btime.tv_sec * 1'000'000'000 + seen.stx_btime.tv_nsec
                : 0;
  return true;
}

void identify(model::FileIdentity& identity, const struct stat& status) {
  const auto nanoseconds = [](const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  identity.device = status.st_dev;
  identity.inode = status.st_ino;
  identity.size = static_cast<std::uint64_t>(status.st_size);
  identity.mtime_ns = nanoseconds(status.st_mtim);
  identity.ctime_ns = nanoseconds(status.st_ctim);
  identity.links = static_cast<std::uint32_t>(status.st_nlink);
}

model::FileIdentity identity_of(std::string path, const struct stat& status) {
  model::FileIdentity identity;
  identity.path = std::move(path);
  identify(identity, status);
  return identity;
}

bool is_seen(const model::FileIdentity& seen, const struct stat& status) {
  const model::FileIdentity now = identity_of({}, status);
  return now.device == seen.device && now.inode == seen.inode && now.size == seen.size &&
         now.mtime_ns == seen.mtime_ns && now.ctime_ns == seen.ctime_ns && now.links == seen.links;
}

Result<Root> Root::open(const std::string& folder) {
  char real[PATH_MAX];
  if (::realpath(folder.c_str(), real) == nullptr)
    return fail(Code::kNotFound, "root {}: {}", escaped(folder), std::strerror(errno));
  Root root;
  root.path_ = real;
  root.fd_.reset(::open(real, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.fd_) return fail(Code::kNotFound, "root {}: {}", escaped(folder), std::strerror(errno));
  root.mounts_ = MountPoints::beneath(root.path_, root.fd_.get());
  FS_TRY(root.is_windows_, hive::holds_windows(root.path_));
  root.read_links();
  root.read_homes();
  for (const Home& home : root.homes_) root.find_links(home.path);
  return root;
}

bool Root::is_root_of(int pid) const {
  struct stat ours {
  }, theirs{};
  return ::fstat(fd_.get(), &ours) == 0 &&
         ::stat(("/proc/" + std::to_string(pid) + "/root").c_str(), &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

void Root::leave_out(const std::string& folder) {
  if (::stat(folder.c_str(), &left_out_) != 0) left_out_ = {};
}

bool Root::is_left_out(const struct stat& folder) const {
  return left_out_.st_ino != 0 && folder.st_ino == left_out_.st_ino &&
         folder.st_dev == left_out_.st_dev;
}

UniqueFd Root::open_plain(std::string_view path, int flags) const {
  if (share_of(path).empty()) return open_names(fd_.get(), path, flags);
  errno = EREMOTE;
  return {};
}

// The folder above one that is there and no link; that above the root is the root.
bool Root::go_up(std::string& way) const {
  if (!open_plain(way, O_PATH | O_DIRECTORY)) return false;
  way.erase(std::min(way.rfind('/'), way.size()));
  return true;
}

UniqueFd Root::open_path(std::string_view path, int flags) const {
  if (path.find("..") == std::string_view::npos) return open_plain(path, flags);
  std::string way;
  for (std::string name = take_name(path); !name.empty(); name = take_name(path)) {
    if (name != "..")
      way += "/" + name;
    else if (!go_up(way))
      return {};
  }
  return open_plain(way, flags);
}

UniqueFd Root::open_folder(const std::string& path) const {
  return open_path(path, O_DIRECTORY);
}

UniqueFd Root::open_file(const std::string& path) const {
  return open_path(path, 0);
}

UniqueFd Root::open_followed(const std::string& path, std::string* real, int flags) const {
  std::string way, todo = path;  // what leads on without links, and what may not
  for (int links = 0; true;) {
    std::string_view rest = todo;
    const std::string name = take_name(rest);
    if (name.empty()) {
      if (real != nullptr) *real = way.empty() ? "/" : way;
      return open_plain(way, flags);
    }
    char target[PATH_MAX];
    ssize_t size = -1;
    if (way.size() + todo.size() >= PATH_MAX) {
      errno = ENAMETOOLONG;
      return {};
    }
    if (name == "..") {
      if (!go_up(way)) return {};
    } else if (name != ".") {
      const UniqueFd folder = open_plain(way, O_PATH | O_DIRECTORY);
      if (!folder) return {};
      if (!share_of(way + "/" + name).empty() || mounts_.is_automount(way + "/" + name)) {
        if (real != nullptr) *real = way + "/" + name;
        errno = EREMOTE;
        return {};
      }
      size = ::readlinkat(folder.get(), name.c_str(), target, sizeof target);
      if (size < 0 && errno != EINVAL && errno != ENOENT) return {};
      if (size < 0) way += "/" + name;  // what is no link, or nothing
    }
    todo = rest;
    if (size < 0) continue;
    if (++links > kLinksMax) {
      errno = ELOOP;
      return {};
    }
    const std::string_view leads(target, static_cast<std::size_t>(size));
    if (leads.starts_with('/')) way.clear();
    todo.insert(0, leads);
  }
}

Result<std::string> Root::read_small(const std::string& path, std::size_t bytes_max) const {
  return small_text(open_file(path), bytes_max);
}

// Only links that the system itself is known to have, and only where they lead as they should: any
// other link stays what it is.
void Root::read_links() {
  constexpr struct {
    const char *alias, *real;
  } kKnown[] = {{"bin", "usr/bin"},     {"sbin", "usr/sbin"},     {"lib", "usr/lib"},
                {"lib32", "usr/lib32"}, {"lib64", "usr/lib64"},   {"libx32", "usr/libx32"},
                {"var/run", "run"},     {"var/lock", "run/lock"}, {"var/mail", "var/spool/mail"}};
  for (const auto& known : kKnown) {
    char target[PATH_MAX];
    if (!share_of(known.alias).empty()) continue;
    const ssize_t size = ::readlinkat(fd_.get(), known.alias, target, sizeof target);
    if (size <= 0) continue;
    std::string_view text(target, static_cast<std::size_t>(size));
    while (text.starts_with("../")) text.remove_prefix(3);
    while (text.starts_with('/')) text.remove_prefix(1);
    if (text == known.real)
      links_.push_back({"/" + std::string(known.alias) + "/", "/" + std::string(known.real) + "/"});
  }
}

void Root::find_links(std::string_view path) {
  int links = 0;
  std::vector<Link> passed;
  if (!is_windows_) lead({}, real(path.substr(0, path.find_first_of("*?"))), links, passed);
  for (Link& link : passed)
    if (std::none_of(links_.begin(), links_.end(),
                     [&](const Link& known) { return known.alias == link.alias; }))
      links_.push_back(std::move(link));
}

std::optional<std::string> Root::led(std::string_view path) const {
  int links = 0;
  std::vector<Link> passed;
  auto way = lead({}, path, links, passed);
  if (way && way->empty()) *way = "/";
  return way;
}

std::optional<std::string> Root::lead(std::string way, std::string_view path, int& links,
                                      std::vector<Link>& passed) const {
  for (std::string name = take_name(path); !name.empty(); name = take_name(path)) {
    struct stat above {
    }, link{};
    const UniqueFd folder = open_plain(way, O_PATH | O_DIRECTORY);
    if (name == "..") way.erase(std::min(way.rfind('/'), way.size()));
    if (name == "." || name == "..") continue;
    const std::string here = way + "/" + name;
    // No link can be asked for in a share: whoever opens this path learns that it lies in one.
    if (!share_of(here).empty()) return here + std::string(path);
    if (!folder || ::fstatat(folder.get(), name.c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0)
      return std::nullopt;
    if (!S_ISLNK(link.st_mode)) {
      way = here;
      continue;
    }
    // In a sticky folder nobody moves what is another's.
    const bool is_owners =
        ::fstat(folder.get(), &above) == 0 && above.st_uid == link.st_uid &&
        ((above.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (above.st_mode & S_ISVTX) != 0);
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(folder.get(), name.c_str(), target, sizeof target);
    if (!is_owners || size <= 0 || ++links > kLinksMax) return std::nullopt;
    const auto real = lead(target[0] == '/' ? std::string() : way,
                           {target, static_cast<std::size_t>(size)}, links, passed);
    const UniqueFd end = real ? open_plain(*real, O_PATH | O_DIRECTORY) : UniqueFd();
    const bool is_share = real && !share_of(*real).empty();  // nobody says whose it is
    if (is_share ? link.st_uid != 0
                 : !end || ::fstat(end.get(), &above) != 0 ||
                       (link.st_uid != 0 && link.st_uid != above.st_uid))
      return std::nullopt;
    passed.push_back({here + "/", *real + "/"});
    way = *real;
  }
  return way;
}

void Root::read_homes() {
  constexpr std::size_t kPasswdBytes = 4 << 20;
  // Whoever looks a user up follows a link.
  const auto passwd = small_text(open_followed("/etc/passwd"), kPasswdBytes);
  if (!passwd && passwd.error().code != Code::kNotFound) homes_unread_ = passwd.error().message;
  if (!passwd) return;
  std::string_view text = *passwd;
  while (!text.empty()) {
    // name:password:uid:gid:comment:home:shell; without a shell, which is /bin/sh then, the last
    // colon may be missing.
    std::string_view line = field(text, '\n');
    const std::string name(field(line, ':'));
    field(line, ':');
    const std::string_view uid = field(line, ':');
    if (line.empty()) continue;
    users_.emplace_back(uid, name);
    field(line, ':');
    field(line, ':');
    std::string home(field(line, ':'));
    while (home.size() > 1 && home.back() == '/') home.pop_back();
    constexpr std::string_view kSystems[] = {"/",         "/bin", "/sbin", "/usr/bin",
                                             "/usr/sbin", "/dev", "/proc", "/sys"};
    const bool is_systems =
        std::find(std::begin(kSystems), std::end(kSystems), home) != std::end(kSystems);
    const bool known = std::any_of(homes_.begin(), homes_.end(),
                                   [&](const Home& other) { return other.path == home; });
    if (home.starts_with('/') && !known) homes_.push_back({name, std::move(home), is_systems});
  }
}

std::vector<Home> Root::homes(std::string_view beneath, bool is_file) const {
  const bool is_small =
      beneath.starts_with("/.") || (is_file && beneath.find_first_of("*?") == std::string::npos);
  std::vector<Home> found;
  for (const Home& home : homes_) {
    if (home.is_systems && !is_small) continue;
    found.push_back(home);
    if (home.path == "/") found.back().path.clear();
    found.back().path += beneath;
  }
  return found;
}

std::string Root::user_name(unsigned uid) const {
  const std::string number = std::to_string(uid);
  const auto found = std::find_if(users_.begin(), users_.end(),
                                  [&](const auto& user) { return user.first == number; });
  return found == users_.end() ? number : found->second;
}

std::string Root::real(std::string_view path) const {
  std::string way = std::string(path) + "/";
  for (int links = 0; links < kLinksMax; ++links) {
    const auto link = std::find_if(links_.begin(), links_.end(),
                                   [&](const Link& known) { return way.starts_with(known.alias); });
    if (link == links_.end()) break;
    way = link->real + way.substr(link->alias.size());
  }
  if (way.size() > 1) way.pop_back();
  return way;
}

std::vector<std::string> Root::aliases(std::string_view path) const {
  if (is_windows_) return {hive::spelling_of(path)};
  std::vector<std::string> all{std::string(path)};
  // One spelling has others: /home/ann may be /var/home/ann, and that /data/ann.
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const Link& link : links_) {
      const bool is_endless = i > 0 && link.alias.starts_with(link.real);
      if (is_endless || all.size() > kAliasesMax || !all[i].starts_with(link.real)) continue;
      std::string other = link.alias + all[i].substr(link.real.size());
      if (std::find(all.begin(), all.end(), other) == all.end()) all.push_back(std::move(other));
    }
  all.erase(all.begin());
  return all;
}

}  // namespace fleetsweep::scan
