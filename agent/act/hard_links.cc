#include "agent/act/hard_links.h"

#include <set>

namespace fleetsweep::act {

namespace {

void walk(int folder, const std::string& path, const std::set<std::uint64_t>& devices,
          Links& links) {
  for (const auto& name : names_in(folder)) {
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !devices.contains(status.st_dev))
      continue;
    const std::string at = path + "/" + name;
    if (const auto wanted = links.find({status.st_dev, status.st_ino}); wanted != links.end())
      wanted->second.push_back(at);
    if (!S_ISDIR(status.st_mode)) continue;
    UniqueFd inner(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (inner) walk(inner.get(), at, devices, links);
  }
}

}  // namespace

Links names_of(const Tree& tree, const std::vector<model::FileIdentity>& files) {
  Links links;
  std::set<std::uint64_t> devices;
  for (const auto& file : files) {
    if (file.links < 2) continue;
    links[{file.device, file.inode}];
    devices.insert(file.device);
  }
  // To the end even when all were found: a mount may show one name in two places.
  if (!links.empty()) walk(tree.fd(), "", devices, links);
  return links;
}

}  // namespace fleetsweep::act
