#include "protocol/runtime/files/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace fleetsweep::files {
namespace {

constexpr std::size_t kLockBytes = 64;

// An open file; closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

tl::unexpected<Error> cannot(std::string_view verb, const std::string& path) {
  return fail(system_error(errno, fmt::format("{} {}", verb, path)));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status write_all(int file, BytesView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Status sync_folder(const std::string& folder) {
  const Descriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() < 0 || fsync(directory.number()) != 0) return cannot("sync", folder);
  return {};
}

// The content in a file beside `path` under a name of its own, synced. The caller renames or
// removes it.
Result<std::string> write_beside(const std::string& path, BytesView content, unsigned mode) {
  std::string name = path + ".XXXXXX";
  const Descriptor file(mkostemp(name.data(), O_CLOEXEC));  // O_EXCL: follows nothing
  if (file.number() < 0) return cannot("create a file beside", path);
  Status status = write_all(file.number(), content, path);
  if (status && (fchmod(file.number(), mode) != 0 || fsync(file.number()) != 0))
    status = cannot("write", path);
  if (!status) {
    unlink(name.c_str());
    return fail(status.error());
  }
  return name;
}

Status make_parents(const std::string& path) {
  for (auto slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST)
      return cannot("create the folder", parent);
  }
  return {};
}

int open_lock(const std::string& path) {
  return open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

// For the message to who comes second only; the lock is the kernel's.
Status write_holder(int file, const std::string& path) {
  const std::string pid = fmt::format("{}", getpid());
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    return cannot("write", path);
  return {};
}

}  // namespace

Error system_error(int error_number, std::string_view doing) {
  const auto error = [&](Code code, std::string_view reason) {
    return Error{code, fmt::format("cannot {}: {}", doing, reason)};
  };
  switch (error_number) {
    case ENOENT:
      return error(Code::kNotFound, "it does not exist");
    case ENOSPC:
    case EDQUOT:
      return error(Code::kUnavailable, "the disk is full: free space there, then try again");
    case EMFILE:
    case ENFILE:
      return error(Code::kOverloaded, "no file descriptor is left (see ulimit -n)");
    case EACCES:
    case EPERM:
      return error(
          Code::kInvalid,
          fmt::format("permission denied for user {}: run this as its owner, or give it to "
                      "this user",
                      static_cast<unsigned>(geteuid())));
    case EROFS:
      return error(Code::kInvalid,
                   "the file system is read-only: mount it writable, or name a folder elsewhere");
    case ELOOP:
      return error(Code::kInvalid, "it is a symbolic link, which is not followed here");
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
      return error(Code::kInvalid, std::strerror(error_number));
    default:
      return error(Code::kInternal, std::strerror(error_number));
  }
}

Status check_descriptors(std::size_t needed, std::string_view who_needs) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return fail(system_error(errno, "learn how many files may be open"));
  if (limit.rlim_cur < needed && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < needed)
    return fail(Code::kUnavailable,
                "{} {} open files, this process may have {}: raise `ulimit -n` (LimitNOFILE)",
                who_needs, needed, limit.rlim_cur);
  return {};
}

Result<Bytes> read_file(const std::string& path, std::size_t size_max, Links links) {
  // Non-blocking, so that a FIFO in the place of a file does not hold us.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const Descriptor file(open(path.c_str(), links == Links::kRefuse ? flags | O_NOFOLLOW : flags));
  if (file.number() < 0) return cannot("read", path);
  struct stat status;
  if (fstat(file.number(), &status) != 0) return cannot("read", path);
  if (!S_ISREG(status.st_mode)) return fail(Code::kInvalid, "{} is not a regular file", path);
  Bytes content(std::min<std::size_t>(static_cast<std::size_t>(status.st_size), size_max) + 1);
  std::size_t size = 0;
  while (size <= size_max) {
    if (size == content.size()) content.resize(std::min(content.size() * 2, size_max + 1));
    const ssize_t count = read(file.number(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > size_max)
    return fail(Code::kInvalid, "{} is larger than {} bytes, the most that is read", path,
                size_max);
  content.resize(size);
  return content;
}

Status write_file_atomic(const std::string& path, BytesView content, unsigned mode) {
  FS_TRY(const std::string temporary, write_beside(path, content, mode));
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = system_error(errno, fmt::format("replace {}", path));
    unlink(temporary.c_str());
    return fail(error);
  }
  return sync_folder(folder_of(path));
}

Status write_new_file(const std::string& path, BytesView content, unsigned mode) {
  FS_TRY(const std::string temporary, write_beside(path, content, mode));
  const int linked = link(temporary.c_str(), path.c_str());
  const int reason = errno;
  unlink(temporary.c_str());
  if (linked != 0 && reason == EEXIST)
    return fail(Code::kConflict, "{} exists already and is not overwritten", path);
  if (linked != 0) return fail(system_error(reason, fmt::format("create {}", path)));
  return sync_folder(folder_of(path));
}

Status make_private_directory(const std::string& path) {
  FS_CHECK(make_parents(path));
  if (mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return cannot("create the folder", path);
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return cannot("look at", path);
  if (!S_ISDIR(status.st_mode)) return fail(Code::kInvalid, "{} is not a folder", path);
  if (status.st_uid != geteuid())
    return fail(Code::kInvalid, "the folder {} belongs to user {}, not to user {} who runs this",
                path, static_cast<unsigned>(status.st_uid), static_cast<unsigned>(geteuid()));
  if ((status.st_mode & 077) != 0)
    return fail(Code::kInvalid, "the folder {} is open to others (mode {:o}): chmod 700 {}", path,
                static_cast<unsigned>(status.st_mode & 07777), path);
  return {};
}

Result<StateLock> StateLock::acquire(const std::string& directory, std::string_view program) {
  const std::string path = directory + "/lock";
  Descriptor file(open_lock(path));
  if (file.number() < 0) return cannot("lock", path);
  if (flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return cannot("lock", path);
    char holder[kLockBytes] = {};
    const ssize_t size = pread(file.number(), holder, sizeof holder - 1, 0);
    return fail(Code::kConflict, "another {} is running with this state ({}, pid {})", program,
                directory, size > 0 ? std::string_view(holder) : std::string_view("unknown"));
  }
  FS_CHECK(write_holder(file.number(), path));
  return StateLock(file.release());
}

Result<StateLock> StateLock::await(const std::string& directory) {
  const std::string path = directory + "/lock";
  Descriptor file(open_lock(path));
  if (file.number() < 0) return cannot("lock", path);
  while (flock(file.number(), LOCK_EX) != 0)
    if (errno != EINTR) return cannot("lock", path);
  FS_CHECK(write_holder(file.number(), path));
  return StateLock(file.release());
}

StateLock::StateLock(StateLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StateLock::~StateLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace fleetsweep::files
