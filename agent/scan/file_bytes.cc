#include "agent/scan/file_bytes.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocol/base/assert.h"

namespace fleetsweep::scan {
namespace {

constexpr std::uint64_t kMayHaveHolesBytes = 1024 * 1024;
constexpr std::size_t kOperationBytes = 128 * 1024;  // what the kernel asks of a disk at once
constexpr std::size_t kExtents = 1'000'000;
constexpr std::size_t kColdRanges = 1024;

constexpr std::uint8_t kZeros[64 * 1024] = {};

// Linux 6.14: what this read brings into the page cache leaves it with the read.
constexpr int kDontCache = 0x80;  // RWF_DONTCACHE

}  // namespace

Status FileBytes::read(std::span<std::uint8_t> target, std::uint64_t offset) {
  std::size_t have = 0;
  bool waits = false;
  while (have < target.size()) {
    iovec part{target.data() + have, target.size() - have};
    const int flags = (uncached_ ? kDontCache : 0) | (waits ? 0 : RWF_NOWAIT);
    const ssize_t count = ::preadv2(fd_, &part, 1, static_cast<off_t>(offset + have), flags);
    if (count > 0) {
      have += static_cast<std::size_t>(count);
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count < 0 && errno == EOPNOTSUPP && uncached_) {
      // Without waiting too, the kernel begins to read ahead, and that would look warm.
      uncached_ = false;
      read_nothing_ahead();
    } else if (!waits) {
      // Not there without waiting, or the file ends: the next turn tells which.
      waits = true;
      operations_ += 1 + (target.size() - have - 1) / kOperationBytes;
      // A file system that does not say which: what the tenant may use is not dropped.
      if (count == 0 || errno != EOPNOTSUPP) expect_cold(offset + have, offset + target.size());
    } else if (count < 0) {
      return fail(Code::kUnavailable, "{}", std::strerror(errno));
    } else {
      return fail(Code::kConflict, "became shorter while it was read");
    }
  }
  read_ += target.size();
  return {};
}

void FileBytes::expect_cold(std::uint64_t begin, std::uint64_t end) {
  if (cold_.empty() && uncached_) read_nothing_ahead();
  if (!cold_.empty() && cold_.back().end == begin)
    cold_.back().end = end;
  else if (cold_.size() < kColdRanges)
    cold_.push_back({begin, end});
}

// It would stay in the cache, and be taken for the tenant's.
void FileBytes::read_nothing_ahead() {
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_RANDOM);
}

// The kernel drops clean whole pages only: what the tenant has changed or mapped stays.
void FileBytes::give_back() {
  if (uncached_) return;
  for (const Extent& extent : cold_)
    ::posix_fadvise(fd_, static_cast<off_t>(extent.begin),
                    static_cast<off_t>(extent.end - extent.begin), POSIX_FADV_DONTNEED);
  cold_.clear();
}

FileBytes::Layout FileBytes::layout() const {
  const Layout whole{{{0, size_}}, size_, 0};
  if (size_ < kMayHaveHolesBytes) return whole;
  Layout layout;
  for (std::uint64_t at = 0; at < size_;) {
    const off_t begin = ::lseek(fd_, static_cast<off_t>(at), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // a hole up to the end
    if (begin < 0 || layout.data.size() >= kExtents) return whole;
    const off_t end = ::lseek(fd_, begin, SEEK_HOLE);
    if (end < 0) return whole;
    const Extent extent{static_cast<std::uint64_t>(begin),
                        std::min(static_cast<std::uint64_t>(end), size_)};
    if (extent.begin >= extent.end) break;  // it changes meanwhile
    layout.data.push_back(extent);
    layout.data_bytes += extent.end - extent.begin;
    at = extent.end;
  }
  layout.hole_bytes = size_ - layout.data_bytes;
  return layout;
}

Status FileBytes::each_block(std::uint64_t from, std::span<std::uint8_t> room, const Take& take) {
  const auto tell_hole = [&](std::uint64_t length) {
    while (length > 0) {
      const std::size_t part = std::min<std::uint64_t>(length, sizeof kZeros);
      if (!take(BytesView(kZeros, part))) return false;
      length -= part;
    }
    return true;
  };
  for (const Extent& extent : layout().data) {
    if (extent.end <= from) continue;
    if (extent.begin > from && !tell_hole(extent.begin - from)) return {};
    from = std::max(from, extent.begin);
    while (from < extent.end) {
      const auto part = room.first(std::min<std::uint64_t>(room.size(), extent.end - from));
      FS_CHECK(read(part, from));
      if (!take(part)) return {};
      from += part.size();
    }
  }
  if (from < size_) (void)tell_hole(size_ - from);
  return {};
}

Status FileBytes::each_window(std::size_t longest, std::span<std::uint8_t> room,
                              const TakeWindow& take) {
  FS_ASSERT(longest > 0 && room.size() >= 4 * longest);
  std::size_t have = 0;
  // What follows is joined to the end of what was told before.
  const auto tell = [&](std::size_t fresh) {
    const BytesView window = room.first(have);
    if (!take(window, window.last(fresh))) return false;
    const std::size_t kept = std::min(have, longest - 1);
    std::memmove(room.data(), room.data() + have - kept, kept);
    have = kept;
    return true;
  };
  const auto tell_hole = [&](std::uint64_t length) {
    const std::size_t shown = std::min<std::uint64_t>(length, 2 * longest);
    std::memset(room.data() + have, 0, shown);
    have += shown;
    return tell(0);
  };
  const std::size_t block = room.size() - longest;
  std::uint64_t at = 0;
  for (const Extent& extent : layout().data) {
    if (extent.begin > at && !tell_hole(extent.begin - at)) return {};
    for (at = extent.begin; at < extent.end;) {
      const auto part = room.subspan(have, std::min<std::uint64_t>(block, extent.end - at));
      FS_CHECK(read(part, at));
      have += part.size();
      at += part.size();
      if (!tell(part.size())) return {};
    }
  }
  if (at < size_) (void)tell_hole(size_ - at);
  return {};
}

}  // namespace fleetsweep::scan
