#pragma once

// What is mounted where in a root, as mountinfo tells. None of the mounts is asked for that: a
// share that nobody serves any more holds whoever looks at anything in it.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace fleetsweep::scan {

enum class FileSystem { kHeld, kPseudo, kElsewhere };

// By the magic number of statfs(2).
FileSystem file_system_of(long type);
// By its name in mountinfo: what must not even be opened, since nobody may answer. All else is
// held.
FileSystem file_system_of(std::string_view type);

// For people: why nothing in a share is looked at.
inline constexpr std::string_view kInShare = "a network or FUSE file system: not looked at";

// As it was when it was asked: what is mounted since is taken for a part of the one around it.
class MountPoints {
 public:
  MountPoints() = default;  // nothing is known
  // Of the folder that is open as `top`. Whoever names a folder wants it looked at: ntfs-3g, too,
  // is a file system of FUSE.
  static MountPoints beneath(const std::string& folder, int top);

  bool are_known() const { return are_known_; }
  // What begins at this path, as the folder has it; nothing: no mount does.
  std::optional<FileSystem> at(const std::string& path) const;
  // Where the share begins in which a path lies that has no links; empty: in none. That / itself is
  // one does not count: we run from it.
  std::string share_of(std::string_view path) const;
  // Opening what lies there would mount something.
  bool is_automount(const std::string& path) const { return automounts_.contains(path); }

 private:
  bool are_known_ = false;
  std::map<std::string, FileSystem> all_;
  std::set<std::string> shares_, automounts_;
};

}  // namespace fleetsweep::scan
