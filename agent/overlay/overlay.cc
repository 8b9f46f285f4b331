#include "agent/overlay/overlay.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "agent/overlay/container.h"
#include "protocol/base/bytes.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kStores[] = {"/overlay2/",  // docker
                                        "/io.containerd.snapshotter.v1.overlayfs/snapshots/",
                                        "/containers/storage/overlay/"};  // podman, cri-o

std::string_view next_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

// "8:1"
std::uint64_t parse_device(std::string_view text) {
  unsigned major = 0, minor = 0;
  return std::sscanf(std::string(text).c_str(), "%u:%u", &major, &minor) == 2
             ? makedev(major, minor)
             : 0;
}

// proc(5): space, tab, newline and backslash are written as \ooo.
std::string unescaped(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view digits = text.substr(std::min(at + 1, text.size()), 3);
    const bool is_octal = text[at] == '\\' && digits.size() == 3 &&
                          digits.find_first_not_of("01234567") == std::string_view::npos;
    if (!is_octal) {
      result += text[at];
      continue;
    }
    result += static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');
    at += 3;
  }
  return result;
}

// Folders with ':' between them; one that belongs to a name has a backslash before it.
void add_folders(std::string_view list, std::vector<std::string>& folders) {
  std::string folder;
  for (std::size_t at = 0; at <= list.size(); ++at) {
    if (at == list.size() || list[at] == ':') {
      if (!folder.empty()) folders.push_back(std::exchange(folder, {}));
    } else {
      if (list[at] == '\\' && at + 1 < list.size()) ++at;
      folder += list[at];
    }
  }
}

// Options are separated by commas, which a folder's name has with a backslash.
Overlay parse_options(std::string_view options, std::string mount_point) {
  Overlay overlay;
  overlay.mount_point = std::move(mount_point);
  for (std::size_t start = 0; start < options.size();) {
    std::size_t end = start;
    while (end < options.size() && options[end] != ',') end += options[end] == '\\' ? 2 : 1;
    end = std::min(end, options.size());
    const std::string option = unescaped(options.substr(start, end - start));
    const std::size_t equals = option.find('=');
    const std::string_view key = std::string_view(option).substr(0, equals);
    const std::string_view value = equals == std::string::npos
                                       ? std::string_view{}
                                       : std::string_view(option).substr(equals + 1);
    if (key == "upperdir")
      overlay.upper = value;
    else if (key == "lowerdir" || key == "lowerdir+" || key == "datadir+")
      add_folders(value, overlay.lowers);
    start = end + 1;
  }
  return overlay;
}

void for_each_mount(std::string_view mountinfo, const auto& use) {
  while (!mountinfo.empty()) {
    std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
    mountinfo.remove_prefix(std::min(line.size() + 1, mountinfo.size()));
    // id parent device root mount-point options fields... - type source options
    Mount mount;
    mount.id = std::strtoull(std::string(next_word(line)).c_str(), nullptr, 10);
    next_word(line);
    mount.device = parse_device(next_word(line));
    mount.root = unescaped(next_word(line));
    mount.point = unescaped(next_word(line));
    while (!line.empty() && next_word(line) != "-") continue;
    mount.type = next_word(line);
    next_word(line);
    use(std::move(mount), next_word(line));
  }
}

// The first few of them, if there are any.
std::string listed(std::string_view what, const std::set<std::string>& ids) {
  constexpr std::size_t kIds = 5, kDigits = 12;  // as docker shows an id
  std::string text;
  std::size_t shown = 0;
  for (const std::string& id : ids) {
    if (shown == kIds) return text + fmt::format(" and {} more", ids.size() - shown);
    text += (shown++ == 0 ? fmt::format("; {} ", what) : ", ") + id.substr(0, kDigits);
  }
  return text;
}

bool is_beneath(std::string_view folder, std::string_view path) {
  return folder == "/" || path == folder ||
         (path.starts_with(folder) && path[folder.size()] == '/');
}

std::string text_of(const std::string& path) {
  // Of a process that ends meanwhile: an iterator over the buffer would throw.
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Containerd gives layers relative to the folder of all snapshots, in which the upper one lies too.
std::string real_layer(const std::string& layer, const std::string& upper) {
  std::error_code error;
  if (layer.starts_with('/')) return fs::canonical(layer, error).string();
  for (fs::path folder = fs::path(upper).parent_path(); folder.has_relative_path();
       folder = folder.parent_path())
    if (const fs::path found = fs::canonical(folder / layer, error); !error) return found.string();
  return {};
}

// False: a layer is not there, or the mount lies over it.
bool resolve(Overlay& overlay) {
  for (std::string& lower : overlay.lowers) lower = real_layer(lower, overlay.upper);
  std::error_code error;
  if (!overlay.upper.empty()) overlay.upper = fs::canonical(overlay.upper, error).string();
  if (error) return false;
  const auto is_reached = [&](const std::string& layer) {
    return !layer.empty() && !is_beneath(overlay.mount_point, layer);
  };
  return std::all_of(overlay.lowers.begin(), overlay.lowers.end(), is_reached) &&
         (overlay.upper.empty() || is_reached(overlay.upper));
}

// When something was mounted last at each point: mountinfo lists mounts in the order in which they
// were made. In a namespace that was copied since it need not, and then a folder may count as
// covered that is not.
using Mounted = std::map<std::string, std::size_t>;

bool holds_mounts(const Mounted& mounted, const std::string& folder) {
  const auto next = mounted.upper_bound(folder == "/" ? folder : folder + "/");
  return next != mounted.end() && is_beneath(folder, next->first);
}

// What lies there is not, or not all of it, what lay there then.
bool is_covered(const Mounted& mounted, std::size_t since, const std::string& layer) {
  if (holds_mounts(mounted, layer)) return true;
  for (fs::path above = layer; true; above = above.parent_path()) {
    const auto found = mounted.find(above);
    if (found != mounted.end() && found->second > since) return true;
    if (!above.has_relative_path()) return false;
  }
}

bool is_one(int a, int b) {
  struct stat first {
  }, second{};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// Whose the user namespace of a mount namespace is, which decides who may mount in it; 0: it is
// ours. Nothing: it is not, and root of some container made it.
std::optional<std::uint32_t> owner_of(const fs::path& mount_namespace) {
  const UniqueFd space(::open(mount_namespace.c_str(), O_RDONLY | O_CLOEXEC)),
      ours(::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
  const UniqueFd users(space ? ::ioctl(space.get(), NS_GET_USERNS) : -1);
  uid_t owner = 0;
  if (!users || !ours) return std::nullopt;
  if (is_one(users.get(), ours.get())) return 0;
  return ::ioctl(users.get(), NS_GET_OWNER_UID, &owner) == 0 && owner != 0 ? std::optional(owner)
                                                                           : std::nullopt;
}

bool lies_with(std::uint32_t owner, const std::string& layer) {
  fs::path above = fs::path(layer).parent_path();
  for (bool is_first = true; true; is_first = false, above = above.parent_path()) {
    struct stat folder {};
    if (::lstat(above.c_str(), &folder) != 0 ||
        (folder.st_uid != owner && (is_first || folder.st_uid != 0)))
      return false;
    // In a sticky one nobody moves what is not theirs.
    if ((folder.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
        (is_first || (folder.st_mode & S_ISVTX) == 0))
      return false;
    if (!above.has_relative_path()) return true;
  }
}

}  // namespace

bool is_share(std::string_view type) {
  constexpr std::string_view kNames[] = {"nfs",  "nfs4", "cifs",    "smb3", "smbfs", "9p",
                                         "ceph", "fuse", "fuseblk", "afs",  "coda"};
  return type.starts_with("fuse.") ||
         std::find(std::begin(kNames), std::end(kNames), type) != std::end(kNames);
}

std::optional<std::vector<Mount>> mounts() {
  auto all = parse_mounts(text_of("/proc/self/mountinfo"));
  return all.empty() ? std::nullopt : std::optional(std::move(all));
}

std::vector<Mount> parse_mounts(std::string_view mountinfo) {
  std::vector<Mount> all;
  for_each_mount(mountinfo,
                 [&](Mount mount, std::string_view) { all.push_back(std::move(mount)); });
  return all;
}

std::vector<std::string> places_of(std::string_view path, const std::vector<Mount>& theirs,
                                   const std::vector<Mount>& ours) {
  const auto moved = [](std::string_view way, std::string_view from, const std::string& to) {
    if (from != "/") way.remove_prefix(from.size());
    return to == "/" ? std::string(way) : to + std::string(way);
  };
  // The last one lies on top.
  const auto over = std::find_if(theirs.rbegin(), theirs.rend(),
                                 [&](const Mount& mount) { return is_beneath(mount.point, path); });
  std::vector<std::string> places;
  if (over == theirs.rend()) return places;
  const std::string inside = moved(path, over->point, over->root);
  for (const Mount& mount : ours)
    if (mount.device == over->device && is_beneath(mount.root, inside))
      places.push_back(moved(inside, mount.root, mount.point));
  return places;
}

std::vector<Overlay> parse_overlays(std::string_view mountinfo) {
  std::vector<Overlay> overlays;
  for_each_mount(mountinfo, [&](Mount mount, std::string_view options) {
    if (mount.type != "overlay") return;
    overlays.push_back(parse_options(options, std::move(mount.point)));
    overlays.back().device = mount.device;
  });
  return overlays;
}

std::vector<Overlay> reachable_overlays() {
  const std::string mountinfo = text_of("/proc/self/mountinfo");
  const std::vector<Mount> all = parse_mounts(mountinfo);
  Mounted mounted;
  for (std::size_t i = 0; i < all.size(); ++i) mounted[all[i].point] = i;
  std::vector<Overlay> overlays = parse_overlays(mountinfo);
  std::erase_if(overlays, [&](Overlay& overlay) {
    if (holds_mounts(mounted, overlay.mount_point) || !resolve(overlay)) return true;
    const auto made = std::find_if(all.begin(), all.end(), [&overlay](const Mount& mount) {
      return mount.point == overlay.mount_point && mount.device == overlay.device;
    });
    const auto is_hidden =
        [&, since = static_cast<std::size_t>(made - all.begin())](const std::string& layer) {
          return is_covered(mounted, since, layer);
        };
    return std::any_of(overlay.lowers.begin(), overlay.lowers.end(), is_hidden) ||
           (!overlay.upper.empty() && is_hidden(overlay.upper));
  });
  return overlays;
}

std::set<View> seen_by_layers(const std::vector<Overlay>& overlays,
                              const std::vector<std::string>& folders) {
  const auto is_walked = [&](const std::string& layer) {
    return std::any_of(folders.begin(), folders.end(),
                       [&](const std::string& folder) { return is_beneath(folder, layer); });
  };
  std::set<View> seen;
  for (const Overlay& overlay : overlays)
    if (std::all_of(overlay.lowers.begin(), overlay.lowers.end(), is_walked) &&
        (overlay.upper.empty() || is_walked(overlay.upper)))
      seen.emplace(overlay.mount_point, overlay.device);
  return seen;
}

std::optional<struct stat> layer_file(int pid, std::string_view path, const struct stat& program) {
  for (Overlay& overlay : parse_overlays(text_of("/proc/" + std::to_string(pid) + "/mountinfo"))) {
    if (overlay.device != program.st_dev || !is_beneath(overlay.mount_point, path)) continue;
    resolve(overlay);
    std::string_view below = path;
    if (overlay.mount_point != "/") below.remove_prefix(overlay.mount_point.size());
    std::vector<std::string> layers = std::move(overlay.lowers);
    layers.insert(layers.begin(), std::move(overlay.upper));
    for (const std::string& layer : layers) {
      struct stat file {};
      if (layer.empty() || ::lstat((layer + std::string(below)).c_str(), &file) != 0) continue;
      if (S_ISREG(file.st_mode) && file.st_ino == program.st_ino &&
          file.st_size == program.st_size && file.st_mtim.tv_sec == program.st_mtim.tv_sec &&
          file.st_mtim.tv_nsec == program.st_mtim.tv_nsec)
        return file;
      break;  // it hides those beneath
    }
  }
  return std::nullopt;
}

ContainerFolders::ContainerFolders(const std::vector<std::string>& layers) {
  for (const std::string& layer : layers) folders_.insert(layer + "/");
}

std::string_view ContainerFolders::seen_as(std::string_view path) const {
  if (folders_.empty()) return {};
  // Of all that come before it, the one that it lies in is the last: none lies in another.
  const auto after = folders_.upper_bound(std::string(path) + "/");
  if (after == folders_.begin()) return {};
  const std::string& folder = *std::prev(after);
  if (path.size() + 1 == folder.size() && folder.starts_with(path)) return "/";
  return path.starts_with(folder) ? path.substr(folder.size() - 1) : std::string_view{};
}

bool ContainerFolders::lie_beneath(std::string_view folder) const {
  if (folders_.empty()) return false;
  const auto next = folders_.lower_bound(folder == "/" ? "/" : std::string(folder) + "/");
  return next != folders_.end() && is_beneath(folder, *next);
}

std::string ImageLayer::text(std::string_view path, const std::set<std::string>& images) const {
  return fmt::format("in a layer of a container image, as {}",
                     escaped(path.substr(folder.size()))) +
         listed("of image", images) + listed("used by container", containers);
}

ImageLayers::ImageLayers(const std::vector<Overlay>& overlays) {
  for (const Overlay& overlay : overlays)
    for (const std::string& lower : overlay.lowers)
      if (overlay.owner == 0 &&
          std::any_of(std::begin(kStores), std::end(kStores), [&](std::string_view store) {
            return lower.find(store) != std::string::npos;
          }))
        if (auto& containers = layers_[lower]; !overlay.container.empty())
          containers.insert(overlay.container);
}

std::vector<Overlay> overlays_of_host() {
  std::vector<Overlay> overlays;
  std::set<std::string> namespaces;
  std::set<std::uint64_t> roots;  // overlays that root has mounted, whoever sees them now
  std::vector<Overlay> others;    // of root in some container
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; process != end;
       process.increment(error)) {
    const fs::path folder = process->path();
    const fs::path space = fs::read_symlink(folder / "ns/mnt", error);
    if (error || namespaces.contains(space.string())) continue;
    const std::string mounts = text_of((folder / "mountinfo").string());
    if (mounts.empty()) continue;  // it has ended, and another may show them
    namespaces.insert(space.string());
    const auto owner = owner_of(folder / "ns/mnt");
    for (Overlay& overlay : parse_overlays(mounts)) {
      resolve(overlay);
      overlay.container = container_id(text_of((folder / "cgroup").string()));
      overlay.owner = owner.value_or(0);
      if (owner == 0u) roots.insert(overlay.device);
      (owner ? overlays : others).push_back(std::move(overlay));
    }
  }
  for (Overlay& overlay : others)
    if (roots.contains(overlay.device)) overlays.push_back(std::move(overlay));
  for (Overlay& overlay : overlays) {
    const auto is_foreign = [&](const std::string& layer) {
      return layer.empty() || !lies_with(overlay.owner, layer);
    };
    std::erase_if(overlay.lowers, is_foreign);
    if (is_foreign(overlay.upper)) overlay.upper.clear();
  }
  return overlays;
}

ContainerFolders ContainerFolders::of(const std::vector<Overlay>& overlays) {
  std::vector<std::string> layers;
  for (const Overlay& overlay : overlays) {
    if (overlay.mount_point != "/") continue;
    layers.push_back(overlay.upper);
    layers.insert(layers.end(), overlay.lowers.begin(), overlay.lowers.end());
  }
  // Of a system that is itself put together so, they cannot be reached.
  std::erase_if(layers, [](const std::string& layer) { return layer.size() < 2; });
  return ContainerFolders(layers);
}

std::optional<ImageLayer> ImageLayers::of(std::string_view path) const {
  for (const auto& [folder, containers] : layers_)
    if (is_beneath(folder, path)) return ImageLayer{folder, containers};
  return std::nullopt;
}

}  // namespace fleetsweep
