#pragma once

// Everything about a file but its content: what makes it byte for byte the same file again, and
// what an analyst asks about it later.

#include <map>
#include <vector>

#include "agent/act/files.h"

namespace fleetsweep::act {

using Sha1 = Fixed<20, struct Sha1Tag>;
using Md5 = Fixed<16, struct Md5Tag>;

// Bytes of a file that the disk holds; between two of them is a hole.
struct Extent {
  std::uint64_t at = 0, bytes = 0;
  bool operator==(const Extent&) const = default;
};

struct Metadata {
  std::string path;
  std::vector<std::string> names;  // all that were taken with it; none of evidence and edits
  std::uint64_t device = 0, inode = 0;
  std::uint32_t mode = 0, uid = 0, gid = 0, links = 1;
  std::string user, group;  // what uid and gid were called then; empty: nothing
  std::uint64_t size = 0, blocks = 0;
  std::vector<Extent> data;  // where its bytes are
  std::int64_t mtime_ns = 0, atime_ns = 0, ctime_ns = 0;
  std::int64_t btime_ns = 0;                  // 0 where a file system has none
  std::uint32_t flags = 0;                    // FS_IOC_GETFLAGS
  std::map<std::string, std::string> xattrs;  // capabilities and ACLs are among them
  Digest sha256;
  Sha1 sha1;
  Md5 md5;
  std::string verdict, detection;  // ids in the policy
  model::RuleMatch rule;
  std::string package;             // that owns it; empty: none
  std::vector<std::int32_t> pids;  // that ran, mapped or held it when cleaning began
  // Of the first of them: the container it ran in (empty: none) and its mount namespace.
  std::string container;
  std::uint64_t mount_namespace = 0;
  // Of what was purged the vault keeps all this and not the content; what it reads says so.
  bool has_content = true;
  bool operator==(const Metadata&) const = default;

  // Whether any byte of [at, at + bytes) is in no hole.
  bool has_data(std::uint64_t at, std::uint64_t bytes) const;
};

Bytes encode(const Metadata& metadata);
Result<Metadata> decode_metadata(BytesView bytes);

// Of an open file; the digest is the caller's to fill in. kLimit: its extended attributes are more
// than limits::kAttributeBytes.
Checked<Metadata> read_metadata(int fd, std::string_view path);
// Owner, mode, extended attributes (and no other ones), times; not the flags.
Checked<void> apply_metadata(int fd, const Metadata& metadata);
// It is what these two would make of it; but for the time of access.
bool is_as(const Metadata& now, const Metadata& wanted);
// All settable flags but the locking ones, of a new file: some only take while it is empty.
Checked<void> apply_flags(int fd, const Metadata& metadata);

// The capabilities of an open file, as the kernel keeps them; empty: it has none.
inline constexpr const char* kCapabilityAttribute = "security.capability";
Checked<std::string> capability_of(int fd, std::string_view path);

// Immutable or append-only among them.
inline constexpr std::uint32_t kLockingFlags = 0x10 | 0x20;  // FS_IMMUTABLE_FL, FS_APPEND_FL
// 0 where a file system has none.
Checked<std::uint32_t> flags_of(int fd, std::string_view path);
Checked<void> set_flags(int fd, std::uint32_t flags, std::string_view path);

}  // namespace fleetsweep::act
