#include "agent/scan/own_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/scan/large_pages.h"

namespace fleetsweep::scan {

Result<OwnFile> OwnFile::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd) return fail(Code::kInvalid, "{}: {}", path, std::strerror(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Code::kInvalid, "{}: expected a file of our own that nobody else can write", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::kConflict, "{}: another scan works with it", path);
  return OwnFile(path, std::move(fd));
}

Result<std::uint64_t> OwnFile::size() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0)
    return fail(Code::kInternal, "{}: {}", path_, std::strerror(errno));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<Bytes> OwnFile::read(std::uint64_t offset, std::size_t bytes_max) const {
  FS_TRY(const std::uint64_t all, size());
  const std::size_t wanted = std::min<std::uint64_t>(all - std::min(all, offset), bytes_max);
  Bytes bytes;
  bytes.reserve(wanted);
  // Half of what reading a known tree's table costs would be the faults of small pages.
  expect_all(bytes.data(), wanted);
  // By way of the processor's cache: a vector that grows by zeroes would be written twice.
  std::array<std::uint8_t, 64 * 1024> piece;
  while (bytes.size() < wanted) {
    const ssize_t count =
        ::pread(fd_.get(), piece.data(), std::min(piece.size(), wanted - bytes.size()),
                static_cast<off_t>(offset + bytes.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(Code::kInvalid, "{}: cannot be read", path_);
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + count);
  }
  return bytes;
}

Status OwnFile::clear() const {
  if (::ftruncate(fd_.get(), 0) != 0)
    return fail(Code::kUnavailable, "{}: {}", path_, std::strerror(errno));
  return {};
}

Status OwnFile::write(std::uint64_t offset, BytesView bytes) const {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::pwrite(fd_.get(), bytes.data() + sent, bytes.size() - sent,
                                   static_cast<off_t>(offset + sent));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(Code::kUnavailable, "{}: {}", path_, std::strerror(errno));
    sent += static_cast<std::size_t>(count);
  }
  return {};
}

}  // namespace fleetsweep::scan
