#pragma once

// What is known of one object of the host, under the field names of the policy language.

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/model/finding.h"

namespace fleetsweep::scan {

// Files are learnt in steps, each dearer than the one before.
enum class FileStage : std::uint8_t {
  kName,     // path and type
  kStat,     // size, times, links; package
  kHead,     // the first bytes
  kContent,  // everything that was asked for
};

// What the file system says of a file beyond its identity.
struct FileOwnership {
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::string owner;  // the name of uid, or its number
};
struct FileAttributes {
  std::optional<std::int64_t> mtime_delta_to_birth_ms;  // nothing: this file system keeps no birth
  bool is_immutable = false, is_append_only = false;
  std::vector<std::string> capabilities;  // cap_net_raw
};

// What the walker alone asks about (ownership, attributes) is unknown to the parser, and so open.
struct FileFacts {
  FileStage stage = FileStage::kName;
  model::FileIdentity identity;
  // The same path through links of the system's own, as /lib for /usr/lib, and as containers see
  // it; on a volume of Windows what that calls it: C:\Users\...
  std::vector<std::string> aliases;
  std::string type = "regular";
  std::optional<std::int64_t> mtime_delta_ms;  // mtime minus the parent directory's
  std::optional<bool> package_owned;
  std::optional<FileOwnership> ownership;
  std::optional<FileAttributes> attributes;
  std::string magic;  // elf, pe, script, gzip, zip, text, data
  Bytes head;
  std::string sha256, sha1, md5;                                  // hex; empty: not computed
  std::vector<std::uint16_t> rules_done;                          // indices that ran to their end
  std::vector<std::pair<std::uint16_t, model::RuleMatch>> rules;  // by index
  bool partial = false;  // not all of the content was looked at
  // Of what lies inside an archive: the archive's path, "/", and the member's in it. Then size,
  // content and stage are the member's own, and all else is the archive's. Empty: the file itself.
  std::string member_path;
  std::uint64_t member_size = 0;

  const std::string& path() const { return member_path.empty() ? identity.path : member_path; }
  std::uint64_t size() const { return member_path.empty() ? identity.size : member_size; }
};

struct ProcessFacts {
  model::ProcessIdentity identity;
  std::int32_t thread = 0;  // by whose number /proc tells of it
  bool is_kernel_thread = false;
  bool looks_like_kernel_thread = false;
  std::string exe_sha256;  // hex; empty: not computed
  std::vector<std::string> exe_aliases;
  std::optional<bool> exe_package_owned;
  // Only what a detection asks for is filled in (ProcessNeeds).
  std::string parent_name, parent_exe, parent_command_line;
  std::vector<std::string> parent_exe_aliases;
  std::vector<std::string> mapped_files;  // executable ones; one whose file is gone: " (deleted)"
  std::vector<std::string> environment_names;
  std::vector<std::string> capabilities;  // effective
  std::string user, cwd, container_id;
  std::vector<std::uint16_t> rules_done;  // as for a file, on its memory
  std::vector<std::pair<std::uint16_t, model::RuleMatch>> rules;
};

struct PersistenceFacts {
  model::PersistenceIdentity identity;
  std::optional<bool> package_owned;  // and unchanged since
  bool in_baseline = false;
};

struct ConnectionFacts {
  model::ConnectionIdentity identity;
  std::uint64_t inode = 0;  // of the socket
  std::string process_name;
  bool exe_deleted = false;
  std::optional<bool> has_packet_filter;  // of a packet socket; nothing: the kernel did not say
};

struct RegistryFacts {
  model::RegistryIdentity identity;
  std::vector<std::string> spellings;  // of its key
};

using Object =
    std::variant<FileFacts, ProcessFacts, PersistenceFacts, ConnectionFacts, RegistryFacts>;

// One value of an object; kUnknown while a later step may still tell.
struct FieldValue {
  enum class Kind : std::uint8_t { kUnknown, kAbsent, kText, kTexts, kNumber };
  Kind kind = Kind::kUnknown;
  std::string_view text;  // borrowed from the object
  std::int64_t number = 0;
  // What holds for one of them holds, of kText as well: other spellings; borrowed too.
  std::span<const std::string> texts;
};
FieldValue field_of(const Object& object, model::Field field);
FieldValue field_of(const FileFacts& file, model::Field field);

bool is_number(model::Field field);
// Measured in milliseconds here, and written in seconds in policies.
bool is_in_milliseconds(model::Field field);

}  // namespace fleetsweep::scan
