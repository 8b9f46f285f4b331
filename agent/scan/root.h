#pragma once

// The tree that is scanned. An open goes from name to name and follows no link, and none leaves the
// root, whatever the tree does meanwhile; of a folder that is moved out of it during a walk, what
// is in it may still be read. Nothing is opened, nor asked for, in a share that lies in it: nobody
// may answer.

#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scan/mount_points.h"
#include "protocol/base/result.h"
#include "protocol/base/unique_fd.h"
#include "protocol/model/finding.h"

namespace fleetsweep::scan {

// Of one path, besides what a container sees it as; more are not asked.
constexpr std::size_t kAliasesMax = 16;

struct Home {
  std::string user;
  std::string path;
  bool is_systems = false;  // a folder such as /usr/sbin, which daemons call their home
};

class Root {
 public:
  static Result<Root> open(const std::string& folder);

  bool is_whole() const { return path_ == "/"; }   // the host itself, not a folder of it
  bool is_windows() const { return is_windows_; }  // a volume of Windows
  const std::string& path() const { return path_; }
  // The very folder that is / to this process.
  bool is_root_of(int pid) const;
  // A folder of the host, wherever it lies, in which no walk looks at anything; one that is not
  // there is none.
  void leave_out(const std::string& folder);
  // Of a folder's number the answer may be wrong where file systems meet.
  bool may_be_left_out(std::uint64_t inode) const { return inode == left_out_.st_ino; }
  bool is_left_out(const struct stat& folder) const;

  const MountPoints& mount_points() const { return mounts_; }
  // The network or FUSE mount in which a path lies that has no links; empty: none.
  std::string share_of(std::string_view path) const { return mounts_.share_of(path); }

  // `path` starts with '/'. errno: ELOOP where a link is on the way, ENODEV for a device, EREMOTE
  // in a share.
  UniqueFd open_folder(const std::string& path) const;
  UniqueFd open_file(const std::string& path) const;  // any other kind; never blocks
  // The file that a path leads to through links, which stay in the root too; `real` is its path
  // without them, with EREMOTE as far as the share.
  // Nothing is mounted for it: EREMOTE too.
  UniqueFd open_followed(const std::string& path, std::string* real = nullptr, int flags = 0) const;
  // The text of a small regular file; kNotFound, kInvalid (too large, not a file), kUnavailable.
  Result<std::string> read_small(const std::string& path, std::size_t bytes_max) const;

  // Of the users in etc/passwd, each path once; the path is that of `beneath` in it. A folder of
  // the system holds what is no user's: in it only what begins with a dot counts, or one file.
  std::vector<Home> homes(std::string_view beneath, bool is_file = false) const;
  // Why etc/passwd could not be read; empty: it was, or is not there.
  const std::string& homes_unread() const { return homes_unread_; }
  // Of a volume of Windows: folders of users elsewhere than in Users. Its registry tells.
  void set_profiles(std::vector<std::string> profiles) { profiles_ = std::move(profiles); }
  const std::vector<std::string>& profiles() const { return profiles_; }
  // Its name there, or the number.
  std::string user_name(unsigned uid) const;

  // Links to folders on the way of this path, as far as they are root's or of the owner of what
  // they lead to: from now on they are as the system's own. The path may end in a pattern.
  void find_links(std::string_view path);
  // Where such links on the way of this path lead; nothing where one is another's, or nothing lies
  // there. They stay unknown to the others here.
  std::optional<std::string> led(std::string_view path) const;
  // The real spelling of a path below one of the system's own links (/lib, /var/run ...), and the
  // other way round.
  std::string real(std::string_view path) const;
  std::vector<std::string> aliases(std::string_view path) const;

 private:
  struct Link {
    std::string alias, real;  // "/lib/", "/usr/lib/"
  };
  // Where a path leads from `way`, which has no link; nothing where somebody else decides.
  std::optional<std::string> lead(std::string way, std::string_view path, int& links,
                                  std::vector<Link>& passed) const;
  UniqueFd open_plain(std::string_view path, int flags) const;
  UniqueFd open_path(std::string_view path, int flags) const;
  bool go_up(std::string& way) const;
  void read_links();
  void read_homes();
  std::string path_;
  bool is_windows_ = false;
  UniqueFd fd_;
  MountPoints mounts_;
  struct stat left_out_ {};  // zeroes: nothing
  std::vector<Link> links_;
  std::vector<Home> homes_;
  std::string homes_unread_;
  std::vector<std::string> profiles_;
  std::vector<std::pair<std::string, std::string>> users_;  // uid, name
};

// Opens for reading without following, blocking or touching the access time where that is allowed.
// `name` is one that a folder has given.
UniqueFd open_beneath(int folder, const char* name, int extra_flags = 0);

// What lies there, links not followed; `born_ns` is 0 where the file system keeps no birth. False
// with errno.
bool look_at(int folder, const char* name, struct stat& status, std::int64_t& born_ns);

// For people: why what lies at a path could not be opened.
std::string unopened(int error);
using Unreadable = std::function<void(const std::string& path, std::string_view why)>;

// All of it but path and digest.
void identify(model::FileIdentity& identity, const struct stat& status);
model::FileIdentity identity_of(std::string path, const struct stat& status);

// The very object, unchanged.
bool is_seen(const model::FileIdentity& seen, const struct stat& status);

}  // namespace fleetsweep::scan
