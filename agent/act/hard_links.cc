#include "agent/act/hard_links.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "agent/plan/protected.h"

namespace fleetsweep::act {

namespace {

// Whoever asks may wait for ever: for another host, or for what looking mounts.
bool may_hang(std::string_view type) {
  return is_share(type) || type == "autofs";
}

// A path beneath the folder `from`, beneath the folder `to`.
std::string moved(const std::string& path, const std::string& from, const std::string& to) {
  return (to == "/" ? "" : to) + (from == "/" ? path : path.substr(from.size()));
}

class Search {
 public:
  Search(const Tree& tree, Links& links) : tree_(tree), links_(links) {
    for (const auto& [inode, names] : links) devices_.insert(inode.first);
    find_mounts();
  }

  // To the end even when all were found: one that is made meanwhile makes it another number.
  void run(const std::vector<model::FileIdentity>& files) {
    for (const auto& file : files)
      if (links_.contains({file.device, file.inode})) starts_.insert(top_of(file));
    // What lies above comes first, and passes those beneath it on its way.
    while (!starts_.empty()) walk(*starts_.begin());
  }

 private:
  // A mount that is not of a device sought is not even asked where it lies. One of btrfs does not
  // tell the devices of its subvolumes; the last one on a folder lies on top.
  void find_mounts() {
    std::vector<std::string> hanging;
    for (const Mount& mount : mounts().value_or(std::vector<Mount>())) {
      const auto path = tree_.relative(mount.point);
      if (!path || *path == "/") continue;
      mounts_[*path] = devices_.contains(mount.device) || mount.type == "btrfs";
      if (may_hang(mount.type)) hanging.push_back(*path);
    }
    for (const auto& [path, is_sought] : mounts_)
      if (is_sought && std::ranges::none_of(hanging, [&path = path](const std::string& folder) {
            return folder != path && plan::is_beneath(folder, path);
          }))
        starts_.insert(path);
  }

  // The uppermost folder above a file on its device; empty: the root. A subvolume of btrfs begins
  // where nothing is mounted.
  std::string top_of(const model::FileIdentity& file) const {
    std::string top = file.path.substr(0, file.path.rfind('/'));
    while (!top.empty()) {
      const auto above = top.rfind('/');
      const auto folder = open(top.substr(0, above));
      if (above == std::string::npos || !folder || folder->device != file.device) break;
      top.resize(above);
    }
    return top;
  }

  Checked<Parent> open(const std::string& folder) const { return tree_.parent(folder + "/x"); }

  void walk(std::string start) {
    std::vector<std::string> pending = {std::move(start)};
    while (!pending.empty()) {
      const std::string path = std::move(pending.back());
      pending.pop_back();
      starts_.erase(path);
      // By its whole path: however deep it lies, one folder is open.
      const auto folder = open(path);
      if (!folder || !devices_.contains(folder->device)) continue;
      // What is not read holds names that are missing in the count.
      const auto names = names_in(folder->folder.get()).value_or(std::vector<std::string>());
      for (const auto& name : names) look(*folder, path, name, pending);
    }
  }

  void look(const Parent& folder, const std::string& path, const std::string& name,
            std::vector<std::string>& pending) {
    const std::string at = path + "/" + name;
    const auto mount = mounts_.find(at);
    if (mount != mounts_.end() && !mount->second) return;
    struct stat status {};
    if (::fstatat(folder.folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !devices_.contains(status.st_dev))
      return;
    if (S_ISDIR(status.st_mode)) return pending.push_back(at);
    const auto wanted = links_.find({status.st_dev, status.st_ino});
    // A file that is mounted over another has no name there.
    if (wanted == links_.end() || mount != mounts_.end()) return;
    if (seen_.emplace(folder.device, folder.inode, name).second) wanted->second.push_back(at);
  }

  const Tree& tree_;
  Links& links_;
  std::set<std::uint64_t> devices_;
  std::map<std::string, bool> mounts_;  // beneath the root; whether names may lie there
  std::set<std::string> starts_;
  std::set<std::tuple<std::uint64_t, std::uint64_t, std::string>> seen_;  // of names, in a folder
};

}  // namespace

std::vector<std::string> shown_at(const Tree& tree, const std::vector<Mount>& all,
                                  const model::FileIdentity& file) {
  const std::string path = (tree.is_whole_host() ? "" : tree.root()) + file.path;
  const auto holds = [](const Mount& mount, const std::string& one) {
    return mount.point == "/" || plan::is_beneath(mount.point, one);
  };
  const Mount* own = nullptr;  // the last one mounted there lies on top
  for (const Mount& mount : all)
    if (holds(mount, path) && (own == nullptr || mount.point.size() >= own->point.size()))
      own = &mount;
  if (own == nullptr || may_hang(own->type)) return {};
  const std::string inside = moved(path, own->point, own->root);
  std::vector<std::string> paths;
  for (const Mount& mount : all) {
    if (&mount == own || mount.device != own->device ||
        !(mount.root == "/" || plan::is_beneath(mount.root, inside)))
      continue;
    const std::string there = moved(inside, mount.root, mount.point);
    const auto other = tree.relative(there);
    if (!other || *other == file.path || std::ranges::any_of(all, [&](const Mount& one) {
          return may_hang(one.type) && holds(one, there);
        }))
      continue;
    const auto parent = tree.parent(*other);
    struct stat status {};
    if (parent &&
        ::fstatat(parent->folder.get(), parent->leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_dev == file.device && status.st_ino == file.inode)
      paths.push_back(*other);
  }
  return paths;
}

Links names_of(const Tree& tree, const std::vector<model::FileIdentity>& files) {
  Links links;
  for (const auto& file : files)
    if (file.links > 1) links[{file.device, file.inode}];
  if (!links.empty()) Search(tree, links).run(files);
  return links;
}

}  // namespace fleetsweep::act
