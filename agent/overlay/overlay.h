#pragma once

// Overlay mounts: what a container sees as its / is put together from a folder of its own (upper)
// and from the layers of its image (lower), which other containers share.

#include <sys/stat.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fleetsweep {

struct Overlay {
  std::string mount_point;
  std::string upper;                // empty: nothing can be written
  std::vector<std::string> lowers;  // the topmost first; relative ones as they were given
  std::uint64_t device = 0;         // of the files in it
  std::string container;            // that sees it; empty: none, or nobody said
  std::uint32_t owner = 0;          // the user who mounted it in a user namespace of theirs
  bool operator==(const Overlay&) const = default;
};

struct Mount {
  std::string point;         // where it begins
  std::string type;          // "ext4", "fuse.sshfs"
  std::uint64_t device = 0;  // of the files in it, but for btrfs
  std::string root;          // what of its file system lies there
  std::uint64_t id = 0;      // as /proc/PID/fdinfo has it; of one that is gone another may get it
  bool operator==(const Mount&) const = default;
};

// Of a mount's type: a network or FUSE file system. Others hold its files, and one that hangs holds
// whoever asks.
bool is_share(std::string_view type);

// What this process sees mounted. Nothing: the kernel does not say.
std::optional<std::vector<Mount>> mounts();

// Of /proc/PID/mountinfo. Pure.
std::vector<Mount> parse_mounts(std::string_view mountinfo);
std::vector<Overlay> parse_overlays(std::string_view mountinfo);

// Where, by these mounts of ours, what another process sees at a path may lie: wherever the folder
// of the file system that it sees there is mounted. Pure.
std::vector<std::string> places_of(std::string_view path, const std::vector<Mount>& theirs,
                                   const std::vector<Mount>& ours);

// Those that this process can reach, layers as the folders they are now. Left out are those whose
// layers cannot be reached (the mount itself or a later one lies over them), and those in which
// something else is mounted.
std::vector<Overlay> reachable_overlays();

// Of every mount namespace, ours among them; their layers as the folders they are here. Any user
// can mount any folders in a namespace of their own, and any path can stand there: of a layer that
// does not lie in a folder of the overlay's owner, which nobody else can move, nothing is said.
std::vector<Overlay> overlays_of_host();

// Overlays whose layers all lie beneath these folders: who walks the folders sees everything once,
// and who walks the mount point sees it again, as long as a folder of the overlay's device is
// there.
using View = std::pair<std::string, std::uint64_t>;  // mount point, device
std::set<View> seen_by_layers(const std::vector<Overlay>& overlays,
                              const std::vector<std::string>& folders);

// The file of a layer that a process runs through an overlay mount of its own namespace: to stat()
// that has another device than what it was started by. `path` and `program` are /proc/PID/exe's.
// Nothing: it runs no file of an overlay, or that has changed meanwhile.
std::optional<struct stat> layer_file(int pid, std::string_view path, const struct stat& program);

// The folders that containers' / is put together from, each seen by them as /.
class ContainerFolders {
 public:
  ContainerFolders() = default;  // none
  static ContainerFolders of(const std::vector<Overlay>& overlays);
  explicit ContainerFolders(const std::vector<std::string>& layers);
  const std::set<std::string>& all() const { return folders_; }  // each ends with '/'
  // The path under which containers see it; empty: it lies in none of them.
  std::string_view seen_as(std::string_view path) const;
  bool lie_beneath(std::string_view folder) const;  // one of them at least

 private:
  std::set<std::string> folders_;
};

// Image layers that containers use at the moment, whatever mount namespace they are in.
struct ImageLayer {
  std::string folder;
  std::set<std::string> containers;  // ids, as far as they are known
  // For people, of a path that lies in it: as what its containers see it, which images have the
  // layer, by their ids, and which containers use it; of each the first few.
  std::string text(std::string_view path, const std::set<std::string>& images = {}) const;
};
class ImageLayers {
 public:
  explicit ImageLayers(const std::vector<Overlay>& overlays);
  // The layer in which it lies. Only root's in the stores of docker, containerd, podman and cri-o
  // count: any root can mount any folder as a lower layer, and would so be out of reach.
  std::optional<ImageLayer> of(std::string_view path) const;

 private:
  std::map<std::string, std::set<std::string>> layers_;
};

}  // namespace fleetsweep
