#include "agent/package_db/package_db.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <unordered_map>
#include <vector>

#include "agent/package_db/berkeley_hash.h"
#include "agent/package_db/ndb.h"
#include "agent/package_db/rpm_header.h"
#include "agent/package_db/sqlite_rows.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

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
    const bool is_there = fs::exists(root / other, error);
    if (error) return fail(Code::kUnavailable, "{}: {}", (root / other).string(), error.message());
    if (is_there)
      return fail(
          Code::kInvalid,
          "{}: the packages of this host are recorded there, and only the records of dpkg "
          "(var/lib/dpkg/info) and of rpm (rpmdb.sqlite, Packages.db, Packages) can be read: "
          "which files belong to a package is not known; use policies that only report",
          (root / other).string());
  }
  return {};
}

// Open for reading, a regular file; nothing if it is not there.
Result<std::optional<UniqueFd>> open_regular(const fs::path& path, struct stat& status) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  status = {};
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) return fail(Code::kUnavailable, "{}: {}", path.string(), std::strerror(errno));
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) > limits::kRpmDatabaseBytes)
    return fail(Code::kInvalid, "{}: not a regular file of at most {} bytes", path.string(),
                limits::kRpmDatabaseBytes);
  return file;
}

ByteSource source_of(const UniqueFd& file, const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_size),
          [fd = file.get()](std::span<std::uint8_t> target, std::uint64_t offset) {
            return ::pread(fd, target.data(), target.size(), static_cast<off_t>(offset)) ==
                   static_cast<ssize_t>(target.size());
          }};
}

bool is_same_moment(const UniqueFd& file, const struct stat& then) {
  struct stat now {};
  return !file ||
         (::fstat(file.get(), &now) == 0 && now.st_size == then.st_size &&
          now.st_mtim.tv_sec == then.st_mtim.tv_sec && now.st_mtim.tv_nsec == then.st_mtim.tv_nsec);
}

using VisitHeader = std::function<Status(BytesView)>;
struct RpmFormat {
  const char* file;
  Status (*each_header)(const ByteSource& file, const ByteSource& log, const VisitHeader& visit);
};

// In the order in which rpm looks for them if its configuration does not say: the first counts.
constexpr RpmFormat kRpmFormats[] = {
    {"rpmdb.sqlite",
     [](const ByteSource& file, const ByteSource& log, const VisitHeader& visit) {
       return each_blob(file, log, "Packages", 1, limits::kRpmHeaderBytes, visit);
     }},
    {"Packages.db",
     [](const ByteSource& file, const ByteSource&, const VisitHeader& visit) {
       return each_ndb_blob(file, limits::kRpmHeaderBytes, visit);
     }},
    {"Packages",
     [](const ByteSource& file, const ByteSource&, const VisitHeader& visit) {
       return each_berkeley_value(file, limits::kRpmHeaderBytes, visit);
     }},
};

// Whether it is there. rpm may install meanwhile: what was read of two states is read again.
Result<bool> read_rpm(const RpmFormat& format, const fs::path& path, PackageDb& packages) {
  for (int reading = 1; reading <= limits::kRpmReadings; ++reading) {
    struct stat status {
    }, log_status{};
    FS_TRY(const auto file, open_regular(path, status));
    FS_TRY(const auto log, open_regular(path.string() + "-wal", log_status));
    if (!file) return false;
    const UniqueFd none;
    const UniqueFd& log_file = log ? *log : none;
    const auto done =
        format.each_header(source_of(*file, status), source_of(log_file, log_status),
                           [&](BytesView header) { return packages.add_rpm(header); });
    if (!is_same_moment(*file, status) || !is_same_moment(log_file, log_status)) continue;
    if (!done) return fail(done.error().within(path.string()));
    return true;
  }
  return fail(Code::kUnavailable, "{}: rpm is writing to it: try again when that is done",
              path.string());
}

Status read_rpm_of(const fs::path& root, PackageDb& packages, bool& is_there) {
  for (const RpmFormat& format : kRpmFormats)
    for (const char* folder : {"var/lib/rpm", "usr/lib/sysimage/rpm"}) {
      FS_TRY(is_there, read_rpm(format, root / folder / format.file, packages));
      if (is_there) return {};
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
    std::uint32_t digest_at = 0;  // in `digests`
    std::uint8_t digest_bytes = 0;
  };
  struct Diversion {
    std::string to, by;
  };
  std::vector<std::string> packages;
  std::unordered_map<std::string, File> files;
  std::unordered_map<std::string, Diversion> diversions;
  Bytes digests;
  bool has_only_bin = false;  // sbin is a link to it

  std::string name_of(std::string_view path) const {
    constexpr std::string_view kSbin = "/usr/sbin/";
    std::string name = canonical(path);
    if (has_only_bin && name.starts_with(kSbin)) name.erase(5, 1);
    return name;
  }
  // Where the path that a package (libc6:amd64) calls its own lies in fact.
  std::string place_of(std::string_view path, std::string_view package) const {
    std::string name = name_of(path);
    const auto diverted = diversions.find(name);
    const bool is_moved =
        diverted != diversions.end() && diverted->second.by != package.substr(0, package.find(':'));
    return is_moved ? diverted->second.to : name;
  }
  const File* find(std::string_view path) const {
    const std::string name = name_of(path);
    auto found = files.find(name);
    // What was there when its path was diverted may not have been moved.
    if (found == files.end())
      if (const auto diverted = diversions.find(name); diverted != diversions.end())
        found = files.find(diverted->second.to);
    return found == files.end() ? nullptr : &found->second;
  }
  void add(const std::string& name, std::uint32_t package) {
    files.try_emplace(name, File{package});
  }
  void record(const std::string& name, std::string_view hex) {
    const auto digest = from_hex(hex);
    const auto file = files.find(name);
    if (!digest || file == files.end()) return;
    file->second.digest_at = static_cast<std::uint32_t>(digests.size());
    file->second.digest_bytes = static_cast<std::uint8_t>(digest->size());
    append(digests, as_text(*digest));
  }
};

PackageDb::PackageDb() : index_(std::make_unique<Index>()) {}
PackageDb::PackageDb(PackageDb&&) noexcept = default;
PackageDb& PackageDb::operator=(PackageDb&&) noexcept = default;
PackageDb::~PackageDb() = default;

bool has_only_bin(const std::string& root) {
  const auto leads = [&](const fs::path& link, const fs::path& there) {
    std::error_code error;
    const fs::path target = fs::read_symlink(fs::path(root) / link, error);
    return !error && ("/" / link.parent_path() / target / ".").lexically_normal() == there / "";
  };
  return leads("usr/sbin", "/usr/bin") || leads("usr/sbin/ldconfig", "/usr/bin/ldconfig");
}

Result<PackageDb> PackageDb::open(const std::string& root) {
  PackageDb db;
  db.index_->has_only_bin = has_only_bin(root);
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
  bool is_rpm = false;
  FS_CHECK(read_rpm_of(root, db, is_rpm));
  if (lists.empty() && !is_rpm) FS_CHECK(not_of_another_system(root));
  std::sort(lists.begin(), lists.end());

  const auto diversions = read_text(fs::path(root) / "var/lib/dpkg/diversions");
  if (diversions)
    db.add_diversions(*diversions);
  else if (diversions.error().code != Code::kNotFound)
    return fail(diversions.error());
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

void PackageDb::add_diversions(std::string_view diversions) {
  // The path, where it is instead, and the package that has the path to itself, or ":".
  std::vector<std::string_view> three;
  each_line(diversions, [&](std::string_view line) {
    three.push_back(line);
    if (three.size() < 3) return;
    if (three[0].starts_with('/') && three[1].starts_with('/'))
      index_->diversions.try_emplace(
          index_->name_of(three[0]),
          Index::Diversion{index_->name_of(three[1]), std::string(three[2])});
    three.clear();
  });
}

void PackageDb::add(std::string package, std::string_view list, std::string_view md5sums) {
  const auto number = static_cast<std::uint32_t>(index_->packages.size());
  each_line(list, [&](std::string_view line) {
    if (line.starts_with('/') && line != "/.") index_->add(index_->place_of(line, package), number);
  });
  // "<32 hex digits>  usr/bin/x"
  each_line(md5sums, [&](std::string_view line) {
    if (line.size() >= 35)
      index_->record(index_->place_of("/" + std::string(line.substr(34)), package),
                     line.substr(0, 32));
  });
  index_->packages.push_back(std::move(package));
}

void PackageDb::add_status(std::string_view status) {
  // "Conffiles:", then " /etc/crontab <32 hex digits>" until a line does not begin with a space.
  // "obsolete" may follow: then another package brings the file today, or none.
  constexpr std::string_view kPackage = "Package: ";
  bool within = false;
  std::string_view package;
  each_line(status, [&](std::string_view line) {
    if (line.starts_with(kPackage)) package = line.substr(kPackage.size());
    if (!line.starts_with(' ')) {
      within = line == "Conffiles:";
      return;
    }
    const std::size_t space = line.rfind(' ');
    if (within && line.size() - space == 33)
      index_->record(index_->place_of(line.substr(1, std::max<std::size_t>(space, 1) - 1), package),
                     line.substr(space + 1));
  });
}

Status PackageDb::add_rpm(BytesView header) {
  FS_TRY(const RpmPackage package, parse_rpm_header(header));
  const auto number = static_cast<std::uint32_t>(index_->packages.size());
  index_->packages.push_back(package.name);
  for (const RpmFile& file : package.files) {
    if (!file.path.starts_with('/')) continue;
    const std::string name = index_->name_of(file.path);
    index_->add(name, number);
    if (!file.digest.empty()) index_->record(name, file.digest);
  }
  return {};
}

std::optional<std::string> PackageDb::owner(std::string_view path) const {
  const Index::File* file = index_->find(path);
  if (file == nullptr) return std::nullopt;
  return index_->packages[file->package];
}

std::optional<std::string> PackageDb::recorded(std::string_view path) const {
  const Index::File* file = index_->find(path);
  if (file == nullptr || file->digest_bytes == 0) return std::nullopt;
  return to_hex(BytesView(index_->digests).subspan(file->digest_at, file->digest_bytes));
}

bool PackageDb::intact(std::string_view path, std::string_view hex) const {
  return recorded(path) == hex;
}

std::size_t PackageDb::files() const {
  return index_->files.size();
}

}  // namespace fleetsweep
