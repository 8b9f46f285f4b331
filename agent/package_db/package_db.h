#pragma once

// Which package a file belongs to, from dpkg's own files beneath a root (info/*.list, *.md5sums,
// diversions, and of status the configuration files, which are in no *.md5sums) and from rpm's
// database: rpmdb.sqlite (rpm 4.16 and later), else Packages.db (ndb, as SUSE has it), else
// Packages (Berkeley DB, as RHEL has it up to 8). Nothing is executed: the tools of an infected
// host may lie. The databases can be written by an attacker too, so "owned" only ever protects a
// file and never proves anything.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep {

// Whether beneath `root` /usr/sbin is a link to /usr/bin: Fedora since 42, and Arch; or a folder of
// links to what is there, as an upgrade of Fedora leaves one that held something else. What
// packages record in sbin lies in bin there; elsewhere they are two.
bool has_only_bin(const std::string& root);

class PackageDb {
 public:
  // Reads DIR/var/lib/dpkg and DIR/var/lib/rpm (or usr/lib/sysimage/rpm). A root without any
  // packages gives an empty database; one whose packages another system keeps, or rpm otherwise, is
  // kInvalid: there every file would look like nobody's.
  static Result<PackageDb> open(const std::string& root);
  PackageDb();
  // Before all packages: the text of dpkg's diversions. At the path of one is what its package
  // brings, and what others call that path is where it leads.
  void add_diversions(std::string_view diversions);
  // What open() does for each package: the lines of its .list, and of its .md5sums if it has one.
  void add(std::string package, std::string_view list, std::string_view md5sums);
  // Then once: the text of dpkg's status file.
  void add_status(std::string_view status);
  // A package's header, as rpm's database has it.
  Status add_rpm(BytesView header);
  PackageDb(PackageDb&&) noexcept;
  PackageDb& operator=(PackageDb&&) noexcept;
  ~PackageDb();

  // `path` is relative to the root and starts with '/'. /bin, /sbin and /lib* are the same as below
  // /usr, whichever spelling the package used, and so is /usr/sbin as /usr/bin where it is a link
  // to it.
  std::optional<std::string> owner(std::string_view path) const;
  // Owned, and the package recorded exactly this digest (lower-case hex) for it.
  bool intact(std::string_view path, std::string_view hex) const;
  // The digest the package recorded: an MD5 of 32 digits, or a SHA-256 of 64. Nothing for files it
  // does not own or made at installation.
  std::optional<std::string> recorded(std::string_view path) const;
  std::size_t files() const;

 private:
  struct Index;
  std::unique_ptr<Index> index_;
};

}  // namespace fleetsweep
