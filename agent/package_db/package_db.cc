#include "agent/package_db/package_db.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <unordered_map>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

using Md5 = std::array<std::uint8_t, 16>;

// "/lib/x" and "/usr/lib/x" are one file on a merged system, and packages record either.
std::string canonical(std::string_view path) {
  for (const std::string_view folder :
       {"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/"})
    if (path.starts_with(folder)) return "/usr" + std::string(path);
  return std::string(path);
}

// The folder is an infected host's: a FIFO, a device or a link out of the root is not read.
Result<std::string> read_text(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  if (!file)
    return fail(errno == ENOENT ? Code::kNotFound : Code::kUnavailable, "{}: {}", path.string(),
                std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::size_t>(status.st_size) > limits::kPackageListBytes)
    return fail(Code::kInvalid, "{}: not a regular file of at most {} bytes", path.string(),
                limits::kPackageListBytes);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + have, text.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(Code::kUnavailable, "{}: {}", path.string(), std::strerror(errno));
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  text.resize(have);
  return text;
}

// Nothing says whose a file is where the packages are in one of these.
Status not_of_another_system(const fs::path& root) {
  for (const char* other :
       {"var/lib/rpm", "usr/lib/sysimage/rpm", "lib/apk/db", "var/lib/pacman"}) {
    std::error_code error;
    if (fs::exists(root / other, error))
      return fail(Code::kInvalid,
                  "{}: the packages of this host are recorded there, and only dpkg's records "
                  "(var/lib/dpkg/info) can be read: which files belong to a package is not known; "
                  "use policies that only report",
                  (root / other).string());
  }
  return {};
}

template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

struct PackageDb::Index {
  struct File {
    std::uint32_t package = 0;
    bool has_md5 = false;
    Md5 md5{};
  };
  std::vector<std::string> packages;
  std::unordered_map<std::string, File> files;

  const File* find(std::string_view path) const {
    const auto found = files.find(canonical(path));
    return found == files.end() ? nullptr : &found->second;
  }
  void record(std::string_view path, std::string_view md5_hex) {
    const auto md5 = from_hex(md5_hex);
    const auto file = files.find(canonical(path));
    if (!md5 || file == files.end()) return;
    file->second.has_md5 = true;
    std::copy(md5->begin(), md5->end(), file->second.md5.begin());
  }
};

PackageDb::PackageDb() : index_(std::make_unique<Index>()) {}
PackageDb::PackageDb(PackageDb&&) noexcept = default;
PackageDb& PackageDb::operator=(PackageDb&&) noexcept = default;
PackageDb::~PackageDb() = default;

Result<PackageDb> PackageDb::open(const std::string& root) {
  PackageDb db;
  const fs::path info = fs::path(root) / "var/lib/dpkg/info";
  std::error_code error;
  fs::directory_iterator entries(info, error);
  if (error == std::errc::no_such_file_or_directory) error.clear();
  std::vector<fs::path> lists;
  for (; entries != fs::directory_iterator(); entries.increment(error)) {
    if (error) break;
    if (entries->path().extension() == ".list") lists.push_back(entries->path());
  }
  if (error) return fail(Code::kUnavailable, "{}: {}", info.string(), error.message());
  if (lists.empty()) FS_CHECK(not_of_another_system(root));
  std::sort(lists.begin(), lists.end());

  for (const fs::path& list : lists) {
    FS_TRY(const std::string text, read_text(list));
    const auto sums = read_text(fs::path(list).replace_extension(".md5sums"));
    if (!sums && sums.error().code != Code::kNotFound) return fail(sums.error());
    db.add(list.stem().string(), text, sums ? std::string_view(*sums) : std::string_view());
  }
  const auto status = read_text(fs::path(root) / "var/lib/dpkg/status");
  if (status)
    db.add_status(*status);
  else if (status.error().code != Code::kNotFound)
    return fail(status.error());
  return db;
}

void PackageDb::add(std::string package, std::string_view list, std::string_view md5sums) {
  const auto number = static_cast<std::uint32_t>(index_->packages.size());
  index_->packages.push_back(std::move(package));
  each_line(list, [&](std::string_view line) {
    if (line.starts_with('/') && line != "/.")
      index_->files.try_emplace(canonical(line), Index::File{number});
  });
  // "<32 hex digits>  usr/bin/x"
  each_line(md5sums, [&](std::string_view line) {
    if (line.size() >= 35) index_->record("/" + std::string(line.substr(34)), line.substr(0, 32));
  });
}

void PackageDb::add_status(std::string_view status) {
  // "Conffiles:", then " /etc/crontab <32 hex digits>" until a line does not begin with a space.
  // "obsolete" may follow: then another package brings the file today, or none.
  bool within = false;
  each_line(status, [&](std::string_view line) {
    if (!line.starts_with(' ')) {
      within = line == "Conffiles:";
      return;
    }
    const std::size_t space = line.rfind(' ');
    if (within && line.size() - space == 33)
      index_->record(line.substr(1, std::max<std::size_t>(space, 1) - 1), line.substr(space + 1));
  });
}

std::optional<std::string> PackageDb::owner(std::string_view path) const {
  const Index::File* file = index_->find(path);
  if (file == nullptr) return std::nullopt;
  return index_->packages[file->package];
}

std::optional<std::string> PackageDb::recorded_md5(std::string_view path) const {
  const Index::File* file = index_->find(path);
  if (file == nullptr || !file->has_md5) return std::nullopt;
  return to_hex(file->md5);
}

bool PackageDb::intact(std::string_view path, std::string_view md5_hex) const {
  return recorded_md5(path) == md5_hex;
}

std::size_t PackageDb::files() const {
  return index_->files.size();
}

}  // namespace fleetsweep
