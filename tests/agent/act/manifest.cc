#include "tests/agent/act/manifest.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <set>

#include "protocol/base/assert.h"
#include "protocol/base/unique_fd.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

// All extended attributes, their values in hexadecimal digits.
std::string attributes_of(const std::string& path) {
  std::array<char, 4096> names{};
  std::array<std::uint8_t, 65536> value;  // filled by the kernel
  const auto size = ::llistxattr(path.c_str(), names.data(), names.size());
  FS_ASSERT(size >= 0 || errno == ENOTSUP);
  std::set<std::string> all;
  for (const char* name = names.data(); size > 0 && name < names.data() + size;
       name += std::strlen(name) + 1) {
    const auto length = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    FS_ASSERT(length >= 0);
    const auto bytes = BytesView(value).first(static_cast<std::size_t>(length));
    all.insert(fmt::format(" {}={}", name, to_hex(bytes)));
  }
  return fmt::format("{}", fmt::join(all, ""));
}

int inode_flags_of(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  int flags = 0;
  return file && ::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) == 0 ? flags : 0;
}

}  // namespace

std::string manifest_of(const std::string& root, Told told) {
  std::set<std::string> lines;
  const auto tell = [&](const std::string& path) {
    struct stat status {};
    FS_ASSERT(::lstat(path.c_str(), &status) == 0);
    const bool is_file = S_ISREG(status.st_mode);
    std::string line =
        fmt::format("{} {:o} {}:{} {} {} {}", path.substr(std::min(root.size() + 1, path.size())),
                    status.st_mode, status.st_uid, status.st_gid, status.st_nlink,
                    S_ISLNK(status.st_mode) ? std::filesystem::read_symlink(path).string() : "",
                    is_file ? crypto::sha256(as_bytes(read_text(path))).hex() : "");
    if (told == Told::kAll)
      line += fmt::format(" {}.{:09} {:x}{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                          is_file || S_ISDIR(status.st_mode) ? inode_flags_of(path) : 0,
                          attributes_of(path));
    lines.insert(line);
  };
  tell(root);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) tell(entry.path());
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

}  // namespace fleetsweep::act
