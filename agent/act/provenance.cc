#include "agent/act/provenance.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/overlay/container.h"

namespace fleetsweep::act {

namespace {

namespace fs = std::filesystem;
using Inode = std::pair<std::uint64_t, std::uint64_t>;

void add_target(const fs::path& link, std::set<Inode>& files) {
  struct stat status {};
  if (::stat(link.c_str(), &status) == 0 && S_ISREG(status.st_mode))
    files.emplace(status.st_dev, status.st_ino);
}

std::set<Inode> files_of(const fs::path& process) {
  std::set<Inode> files;
  add_target(process / "exe", files);
  std::ifstream maps(process / "maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned major = 0, minor = 0;
    unsigned long inode = 0;
    if (std::sscanf(line.c_str(), "%*s %*s %*s %x:%x %lu", &major, &minor, &inode) == 3 &&
        inode != 0)
      files.emplace(makedev(major, minor), inode);
  }
  std::error_code error;
  for (fs::directory_iterator at(process / "fd", error); !error && at != fs::directory_iterator();
       at.increment(error))
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
  std::error_code error;
  for (fs::directory_iterator at("/proc", error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    const std::string name = at->path().filename();
    std::int32_t pid = 0;
    const char* end = name.data() + name.size();
    if (std::from_chars(name.data(), end, pid).ptr != end || pid == ::getpid()) continue;
    for (const Inode& file : files_of(at->path())) users_[file].push_back(pid);
    std::ostringstream text;  // no iterator over the buffer: that throws if the process ends
    text << std::ifstream(at->path() / "cgroup").rdbuf();
    const std::string groups = text.str();
    struct stat space {};
    const bool is_seen = ::stat((at->path() / "ns/mnt").c_str(), &space) == 0;
    places_[pid] = {container_id(groups), is_seen ? space.st_ino : 0};
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
  const auto users = users_.find({metadata.device, metadata.inode});
  if (users != users_.end()) metadata.pids = users->second;
  std::sort(metadata.pids.begin(), metadata.pids.end());
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
