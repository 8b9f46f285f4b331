#include "agent/act/provenance.h"

#include <sys/sysmacros.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "agent/act/process.h"
#include "agent/overlay/container.h"
#include "agent/overlay/overlay.h"

namespace fleetsweep::act {

namespace {

namespace fs = std::filesystem;

fs::path proc_of(std::int32_t pid) {
  return fs::path("/proc") / std::to_string(pid);
}

std::string target_of(const fs::path& path) {
  std::error_code error;
  return fs::read_symlink(path, error);
}

// Mounts whose files may be looked at: of a share whoever asks may wait for ever.
class HeldMounts {
 public:
  // Those of a process, once for all that see the same.
  void add(const fs::path& process) {
    if (!seen_.emplace(target_of(process / "ns/mnt"), target_of(process / "root")).second) return;
    for (const Mount& mount : parse_mounts(kernel_text(process / "mountinfo")))
      if (!is_share(mount.type)) ids_.insert(mount.id);
  }
  // Not of what was unmounted since it was opened: nobody says what that is.
  bool hold(const fs::path& process, const fs::path& descriptor) const {
    constexpr std::string_view kId = "mnt_id:";
    const std::string text = kernel_text(process / "fdinfo" / descriptor);
    const auto at = text.find(kId);
    return at != std::string::npos &&
           ids_.contains(std::strtoull(text.c_str() + at + kId.size(), nullptr, 10));
  }

 private:
  std::set<std::pair<std::string, std::string>> seen_;
  std::set<std::uint64_t> ids_;
};

// As the kernel knows it without asking anybody.
void add_target(const fs::path& link, std::vector<MappedFile>& files) {
  struct statx status {};
  if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &status) == 0 &&
      S_ISREG(status.stx_mode))
    files.push_back(
        {status.stx_ino, makedev(status.stx_dev_major, status.stx_dev_minor), std::string()});
}

std::vector<MappedFile> files_of(const Tree& tree, std::int32_t pid, const HeldMounts& mounts) {
  const fs::path process = proc_of(pid);
  auto files = files_mapped_by(tree, pid);
  add_target(process / "exe", files);
  std::error_code error;
  for (fs::directory_iterator at(process / "fd", error); !error && at != fs::directory_iterator();
       at.increment(error))
    if (target_of(at->path()).starts_with('/') && mounts.hold(process, at->path().filename()))
      add_target(at->path(), files);
  return files;
}

// "name:password:id:...", a line each; the first that fits, as getpwuid() and getgrgid() do.
std::string name_of(const std::string& text, std::uint32_t id) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, password, number;
    if (std::getline(fields, name, ':') && std::getline(fields, password, ':') &&
        std::getline(fields, number, ':') && number == std::to_string(id))
      return name;
  }
  return {};
}

}  // namespace

void Provenance::note_processes() {
  users_.clear();
  places_.clear();
  const auto pids = all_pids();
  HeldMounts mounts;
  for (const auto pid : pids) mounts.add(proc_of(pid));
  for (const auto pid : pids) {
    if (pid == ::getpid()) continue;
    const fs::path process = proc_of(pid);
    for (auto& file : files_of(tree_, pid, mounts)) users_.emplace(std::move(file), pid);
    struct stat space {};
    const bool is_seen = ::stat((process / "ns/mnt").c_str(), &space) == 0;
    places_[pid] = {container_id(kernel_text(process / "cgroup")), is_seen ? space.st_ino : 0};
  }
}

std::string Provenance::read(const std::string& path) const {
  constexpr std::size_t kAccountBytes = 4 << 20;
  const auto parent = tree_.parent(path);
  if (!parent) return {};
  const auto file = tree_.file(*parent, path);
  if (!file) return {};
  std::string text(kAccountBytes, '\0');
  const auto got = ::pread(file->get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

void Provenance::fill(Metadata& metadata) {
  if (!passwd_) passwd_ = read("/etc/passwd");
  if (!group_) group_ = read("/etc/group");
  if (!packages_) {
    auto opened = PackageDb::open(tree_.root());
    packages_ = opened ? std::move(*opened) : PackageDb();
  }
  metadata.user = name_of(*passwd_, metadata.uid);
  metadata.group = name_of(*group_, metadata.gid);
  if (metadata.links > 0) metadata.package = packages_->owner(metadata.path).value_or("");
  std::set<std::int32_t> pids;
  each_mapper(users_, {metadata.inode, metadata.device, metadata.path},
              [&](std::int32_t pid) { pids.insert(pid); });
  metadata.pids.assign(pids.begin(), pids.end());
}

void Provenance::fill_place(Metadata& metadata) const {
  for (const auto pid : metadata.pids) {
    const auto place = places_.find(pid);
    if (place == places_.end()) continue;
    metadata.container = place->second.container;
    metadata.mount_namespace = place->second.mount_namespace;
    return;
  }
}

}  // namespace fleetsweep::act
