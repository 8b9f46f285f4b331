#pragma once

// Files beneath --root, never through a symlink.

#include <fcntl.h>
#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/act/outcome.h"
#include "protocol/base/unique_fd.h"
#include "protocol/model/finding.h"

namespace fleetsweep::act {

// The folder of a path, opened component by component without following a link, and the last name.
struct Parent {
  UniqueFd folder;
  std::string leaf;
  std::int64_t mtime_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

class Tree {
 public:
  static Result<Tree> open(const std::string& root);

  const std::string& root() const { return root_; }
  bool is_whole_host() const { return root_ == "/"; }
  int fd() const { return folder_.get(); }
  Checked<Parent> parent(std::string_view path) const;
  // A regular file, read-only; kChanged if it is anything else now, kRaced if it is leased, and
  // stays so after all that may be waited for leases.
  Checked<UniqueFd> file(const Parent& parent, std::string_view path) const;
  // The same through links, which stay in the root: as its programs find it.
  Checked<UniqueFd> followed(const std::string& path) const;
  // Of each that is to be opened, before the first is: the wait for one lease is then that for all.
  void call_lease_back(const std::string& path) const;
  // A path of the host as one of the root; nothing if it does not lie beneath it.
  std::optional<std::string> relative(std::string_view host_path) const;
  // The place that a path of the root leads to, without the links on its way, which stay in the
  // root too; what is not there yet, or is a pattern, keeps its name.
  std::string real(const std::string& path) const;

 private:
  Tree(std::string root, UniqueFd folder);
  Checked<UniqueFd> wait_for(std::string_view path, const std::function<int()>& open) const;

  std::string root_;
  UniqueFd folder_;
  mutable std::chrono::milliseconds wait_left_;  // for leases
};

std::int64_t nanoseconds(const timespec& time);
timespec to_timespec(std::int64_t nanoseconds);
std::int64_t mtime_of(int fd);
// The modification time of an open folder or file, its access time untouched.
Checked<void> set_mtime(int fd, std::int64_t nanoseconds);

// Where a file system has another number since a reboot (a disk was found earlier or later, btrfs,
// device mapper) its files are known by all else.
enum class Device { kCounts, kMayDiffer };

// dev and ino; size and mtime too; and ctime; not the content.
bool is_same_inode(const struct stat& status, const model::FileIdentity& file,
                   Device device = Device::kCounts);
bool is_same_file(const struct stat& status, const model::FileIdentity& file,
                  Device device = Device::kCounts);
bool is_unchanged(const struct stat& status, const model::FileIdentity& file,
                  Device device = Device::kCounts);

// Whose a file is, and who may read it: of `mode` its type and the rights to read.
struct Owner {
  std::uint32_t uid = 0, gid = 0, readers = 0;
  bool operator==(const Owner&) const = default;
};
Owner owner_of(const struct stat& status);
// Of what lies now where a file was found that may have other content by now, or be another one, as
// editors make it. kNobodys where whoever owns the folder may have put a stranger's file there.
inline constexpr Owner kNobodys = {0xffffffff, 0xffffffff, 0xffffffff};
Checked<Owner> owner_at(const Tree& tree, const model::FileIdentity& found);

// Of a name in a folder, not of what it leads to; nothing: nothing has that name.
Checked<std::optional<struct stat>> stat_in(const Parent& parent, const std::string& name);

// Names in a folder, sorted; at a path none where there is no folder.
Checked<std::vector<std::string>> names_in(int folder);
Checked<std::vector<std::string>> names_at(const Tree& tree, const std::string& path);
// What leads nowhere, or elsewhere than by folders alone.
bool is_absent(const Refusal& refusal);

// kChanged above `most` bytes: it cannot be what is looked for, and a sparse file has no end.
Checked<Digest> digest_of(int fd, std::uint64_t most);
// From its beginning; kLimit above `most` bytes.
Checked<std::string> read_text(int fd, std::string_view path, std::size_t most);
// RENAME_NOREPLACE within one folder.
int rename_in(int folder, const std::string& from, const std::string& to, unsigned flags);

Status write_all(int fd, BytesView bytes);
// A path of what is open: for calls that know no descriptors.
std::string descriptor_link(int fd);

}  // namespace fleetsweep::act
