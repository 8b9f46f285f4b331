#include "agent/scan/raw_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace fleetsweep::scan::raw {
namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;

struct KernelEntry {  // struct linux_dirent64, getdents64(2)
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[1];
};

}  // namespace

UniqueFd open(const std::string& path, int extra_flags) {
  return UniqueFd(static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path.c_str(),
                                             O_RDONLY | O_CLOEXEC | O_NONBLOCK | extra_flags)));
}

std::string read(int fd, std::size_t most) {
  std::string text;
  while (fd >= 0 && text.size() < most) {
    const std::size_t have = text.size();
    const std::size_t size = std::min(have == 0 ? std::size_t{4096} : kBlockBytes, most - have);
    text.resize(have + size);
    const long count = ::syscall(SYS_read, fd, text.data() + have, size);
    text.resize(have + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count <= 0) break;
  }
  return text;
}

std::string read(const std::string& path, std::size_t most) {
  const UniqueFd fd = open(path);
  return read(fd.get(), most);
}

std::string link(const std::string& path) {
  char target[PATH_MAX];
  const long size = ::syscall(SYS_readlinkat, AT_FDCWD, path.c_str(), target, sizeof target);
  return size <= 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

std::optional<std::vector<Entry>> list(int folder) {
  std::vector<Entry> entries;
  if (folder < 0 || ::syscall(SYS_lseek, folder, 0, SEEK_SET) < 0) return std::nullopt;
  std::vector<char> block(kBlockBytes);
  while (true) {
    const long size = ::syscall(SYS_getdents64, folder, block.data(), block.size());
    if (size < 0) return std::nullopt;
    if (size == 0) return entries;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const KernelEntry*>(block.data() + at);
      at += entry->length;
      if (std::strcmp(entry->name, ".") != 0 && std::strcmp(entry->name, "..") != 0)
        entries.push_back({entry->name, entry->type});
    }
  }
}

std::optional<std::vector<Entry>> list(const std::string& folder) {
  const UniqueFd fd = open(folder, O_DIRECTORY);
  return list(fd.get());
}

}  // namespace fleetsweep::scan::raw
