#include "agent/scan/mount_points.h"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>

#include "agent/overlay/overlay.h"
#include "agent/scan/text.h"

namespace fleetsweep::scan {
namespace {

constexpr std::string_view kAutomount = "autofs";

}  // namespace

FileSystem file_system_of(long type) {
  // linux/magic.h and the kernel's own sources; the comment names what statfs(2) calls them.
  switch (static_cast<std::uint32_t>(type)) {
    case 0x9fa0:      // proc
    case 0x62656572:  // sysfs
    case 0x27e0eb:    // cgroup
    case 0x63677270:  // cgroup2
    case 0x64626720:  // debugfs
    case 0x74726163:  // tracefs
    case 0x73636673:  // securityfs
    case 0xcafe4a11:  // bpf
    case 0x62656570:  // configfs
    case 0x1cd1:      // devpts
    case 0x958458f6:  // hugetlbfs
    case 0x6e736673:  // nsfs
    case 0x187:       // autofs
    case 0x65735543:  // fusectl
    case 0x19800202:  // mqueue
    case 0x42494e4d:  // binfmt_misc
    case 0x6165676c:  // pstore
    case 0xde5e81e4:  // efivarfs
    case 0xf97cff8c:  // selinux
      return FileSystem::kPseudo;
    case 0x6969:      // nfs
    case 0xff534d42:  // cifs
    case 0xfe534d42:  // smb3
    case 0x517b:      // smb
    case 0x01021997:  // 9p
    case 0x00c36400:  // ceph
    case 0x65735546:  // fuse, of which sshfs and cloud folders are made
    case 0x5346414f:  // openafs
    case 0x6b414653:  // afs
    case 0x73757245:  // coda
      return FileSystem::kElsewhere;
    default:
      return FileSystem::kHeld;
  }
}

FileSystem file_system_of(std::string_view type) {
  if (type == kAutomount) return FileSystem::kPseudo;  // would mount what it stands for
  return is_share(type) ? FileSystem::kElsewhere : FileSystem::kHeld;
}

MountPoints MountPoints::beneath(const std::string& folder, int top) {
  MountPoints points;
  const auto all = mounts();
  points.are_known_ = all.has_value();
  const std::string above = folder == "/" ? "" : folder;
  struct stat status {};
  const bool is_named = !above.empty() && ::fstat(top, &status) == 0;
  for (const Mount& mount : all.value_or(std::vector<Mount>()))
    if (mount.point.starts_with(above + '/')) {  // the last one lies on top
      const std::string point = mount.point.substr(above.size());
      points.all_[point] = is_named && mount.device == status.st_dev ? FileSystem::kHeld
                                                                     : file_system_of(mount.type);
      points.automounts_.erase(point);
      if (mount.type == kAutomount) points.automounts_.insert(point);
    }
  for (const auto& [point, kind] : points.all_)
    if (kind == FileSystem::kElsewhere && point != "/") points.shares_.insert(point);
  return points;
}

std::optional<FileSystem> MountPoints::at(const std::string& path) const {
  const auto found = all_.find(path);
  return found == all_.end() ? std::nullopt : std::optional(found->second);
}

std::string MountPoints::share_of(std::string_view path) const {
  std::string way;
  while (!shares_.empty() && !path.empty()) {
    const std::string_view name = field(path, '/');
    if (name.empty() || name == ".") continue;
    way += '/';
    way += name;
    if (shares_.contains(way)) return way;
  }
  return {};
}

}  // namespace fleetsweep::scan
