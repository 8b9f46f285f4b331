#include "agent/scan/table_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

// A full table, and what stands before its entries.
constexpr std::size_t kFileBytes =
    limits::kKnownFiles * sizeof(IdentityTable::Known) + limits::kKnownQuestions * 64;

}  // namespace

Result<TableFile> TableFile::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd) return fail(Code::kInvalid, "{}: {}", path, std::strerror(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
      (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Code::kInvalid, "{}: expected a file of our own that nobody else can write", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
    return fail(Code::kConflict, "{}: another scan works with it", path);
  return TableFile(path, std::move(fd));
}

Result<IdentityTable> TableFile::load() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0)
    return fail(Code::kInternal, "{}: {}", path_, std::strerror(errno));
  if (status.st_size == 0) return fail(Code::kNotFound, "{}: empty", path_);
  Bytes bytes(std::min(static_cast<std::size_t>(status.st_size), kFileBytes));
  for (std::size_t have = 0; have < bytes.size();) {
    const ssize_t count =
        ::pread(fd_.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(Code::kInvalid, "{}: cannot be read", path_);
    have += static_cast<std::size_t>(count);
  }
  auto table = IdentityTable::decode(std::move(bytes));
  if (!table) return fail(table.error().within(path_));
  return table;
}

Status TableFile::save(IdentityTable& table) const {
  const BytesView bytes = table.encode();
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t count =
        ::pwrite(fd_.get(), bytes.data() + sent, bytes.size() - sent, static_cast<off_t>(sent));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(Code::kUnavailable, "{}: {}", path_, std::strerror(errno));
    sent += static_cast<std::size_t>(count);
  }
  return {};
}

}  // namespace fleetsweep::scan
