#pragma once

// Policy: what to look for, what counts as a verdict, which typed actions answer it. Data, not a
// program. Compiled from YAML by policies/compiler; all defaults are explicit here. It carries no
// authority, schedule or version: those are the order's.

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/names.h"
#include "protocol/base/time.h"

namespace fleetsweep::model {

enum class Platform : std::uint8_t { kAny, kLinux, kWindows, kMacos };
enum class ObjectKind : std::uint8_t {
  kFile,
  kProcess,
  kPersistence,
  kNetworkTraffic,
  kWindowsRegistryKey
};

// STIX 2.1 cyber-observable names where there is one; the spelling is in Names<Field>.
enum class Field : std::uint8_t {
  kFilePath,
  kFileName,
  kFileExtension,
  kFileParentName,
  kFileSize,
  kFileMagic,  // elf, pe, script, gzip, zip, text, data
  kFileType,   // regular, directory, symlink, ...
  kFileSha256,
  kFileSha1,
  kFileMd5,
  kFileBytesAt0,            // hex
  kFileMtimeDeltaToParent,  // seconds
  kFilePackageOwned,
  kProcessName,
  kProcessCommandLine,
  kProcessExePath,
  kProcessExeName,
  kProcessExeDeleted,
  kProcessExeSha256,
  kProcessExePackageOwned,
  kProcessIsKernelThread,
  kProcessLooksLikeKernelThread,  // the name of a kernel thread, and an exe
  kPersistenceKind,
  kPersistenceName,
  kPersistencePath,
  kPersistenceEntry,
  kPersistenceCommand,
  kNetworkDstRef,
  kNetworkDstPort,
  kNetworkSrcPort,
  kNetworkProcessName,
  kNetworkProcessExePath,
  kRegistryKey,
  kRegistryValueName,
  kRegistryValueData,
  kRegistryValueDataType,
  kFileUid,
  kFileGid,
  kFileOwner,
  kFileIsSetuid,  // mode & S_ISUID, and executable
  kFileIsSetgid,
  kFileIsExecutable,
  kFileIsImmutable,   // FS_IMMUTABLE_FL
  kFileIsAppendOnly,  // FS_APPEND_FL
  kFileIsHidden,      // begins with a dot, or is blank
  kFileExtensionMismatch,
  kFileCapabilities,       // several: cap_net_raw
  kFileMtime,              // Unix seconds
  kFileMtimeDeltaToBirth,  // seconds
  kProcessParentName,
  kProcessParentExePath,
  kProcessParentCommandLine,
  kProcessExeIsMemfd,
  kProcessMappedFiles,       // several
  kProcessEnvironmentNames,  // several
  kProcessCapabilities,      // several: cap_net_raw, effective
  kProcessUser,
  kProcessCwd,
  kProcessContainerId,
  kPersistenceUser,
  kPersistenceLine,  // 1 is the first; 0: the whole file
  kPersistencePackageOwned,
  kPersistenceInBaseline,
  kNetworkProtocol,
  kNetworkIsListening,
  kNetworkSrcRef,
  kNetworkProcessExeDeleted,
  kNetworkHasPacketFilter,
};

enum class Match : std::uint8_t {
  kEquals,
  kContains,
  kStartsWith,
  kEndsWith,
  kRegex,
  kCidr,
  kGreater,
  kLess,
  kExists,
  kDomain,  // a host of that domain is named in the text; never `all`
};

// One value to compare with. Text is bytes. `templated`: it holds {{detection.field}} and
// optionally one filter,
// {{detection.field|unwow64}}, filled per binding; inside kRegex the filling is quoted.
struct Value {
  std::string text;
  std::int64_t number = 0;  // numeric fields; booleans are 0 and 1
  bool templated = false;
  bool operator==(const Value&) const = default;
};

// A hash set is a sorted list of any length that does not lie in the policy itself but beside it,
// in parts (protocol/hash_set/hash_set.h); the policy fixes each by its digest.
struct HashPart {
  Digest digest;
  std::uint32_t bytes = 0;
  bool operator==(const HashPart&) const = default;
};

struct Predicate {
  Field field = Field::kFilePath;
  Match match = Match::kEquals;
  bool cased = false;  // text compares without regard to ASCII case unless set (Sigma)
  bool all = false;    // every value instead of any (Sigma `all`)
  std::int64_t tolerance_ms = 0;
  std::vector<Value> values;
  std::vector<HashPart> parts;  // instead of values: any hash of this set. A file's hash, kEquals
  Timestamp expires;            // of a list that ends: from then on it is never true; 0: no end
  bool operator==(const Predicate&) const = default;
};

using Selection = std::vector<Predicate>;  // all of them

// Where file detections look. Empty paths mean every local file system.
struct FileScope {
  std::vector<std::string>
      paths;                 // absolute; may hold * and ? inside a component, and ** as a component
  std::uint16_t depth = 0;   // 0: unlimited
  bool deleted_exe = false;  // also the bytes of running programs whose file is gone
  bool memfd = false;
  bool archives = false;  // also what lies inside archives
  bool operator==(const FileScope&) const = default;
};

struct Detection {
  std::string id;  // [a-z][a-z0-9_]{0,63}
  ObjectKind object = ObjectKind::kFile;
  FileScope scope;
  std::vector<Selection> any_of;   // matches if one of them does; empty: every object
  std::vector<Selection> none_of;  // and none of these
  std::int16_t for_each = -1;      // index of an earlier detection; predicates may name its fields
  std::int16_t rule = -1;          // index into Policy::rules: YARA on the content
  std::uint8_t score = 0;
  bool operator==(const Detection&) const = default;
};

// YARA source text. Compiled on the host, never loaded compiled.
struct Rule {
  std::string id;
  std::string source;
  std::string license;
  std::string magic;  // only files of this kind; empty: all
  std::uint64_t size_min = 0;
  std::uint64_t size_max = 0;  // 0: no bound of its own
  bool operator==(const Rule&) const = default;
};

// A tree: and, or and not over children; `n of` over detections.
struct Condition {
  enum class Kind : std::uint8_t { kAnd, kOr, kNot, kAtLeast };
  Kind kind = Kind::kAtLeast;
  std::uint16_t count = 1;                // kAtLeast: so many of `detections` have a finding
  std::vector<std::uint16_t> detections;  // kAtLeast; a plain name is 1 of 1
  std::vector<Condition> children;
  bool operator==(const Condition&) const = default;
};

struct Verdict {
  std::string id;
  Condition condition;
  std::uint8_t confidence = 0;  // 0..100
  std::string level;            // informational, low, medium, high, critical
  bool operator==(const Verdict&) const = default;
};

enum class ActionKind : std::uint8_t {
  kReport,
  kCollect,
  kSuspend,
  kDisable,
  kBlock,
  kRemove,
  kKill,
  kQuarantine,
  kRestart,
  kRestoreFromPackage,
  kPurge,
  kIsolate,
};

// What an action acts on.
struct Selector {
  enum class Kind : std::uint8_t { kDetections, kProcessesOf, kServicesMapping, kAll, kList };
  Kind kind = Kind::kDetections;
  std::vector<std::uint16_t> detections;
  std::vector<std::string> values;  // kList
  Timestamp expires;                // of the list: from then on it is empty; 0: no end
  bool operator==(const Selector&) const = default;
};

struct Action {
  ActionKind kind = ActionKind::kReport;
  std::vector<Selector> select;
  bool tree = false;    // suspend, kill: descendants too
  bool by_line = true;  // remove: the line, never the whole file
  std::vector<std::string>
      what;  // collect: exe, command_line, environ, maps, connections, entry_preimage
  std::uint64_t bytes_max = 0;
  std::vector<std::string>
      clear_flags;        // quarantine, purge, remove, disable: immutable, append-only
  std::string if_locked;  // on-reboot
  std::string direction;  // block: in, out
  Seconds ttl{};
  std::vector<std::string> allow;  // restart
  bool operator==(const Action&) const = default;
};

struct Response {
  std::vector<std::uint16_t> verdicts;
  std::uint8_t confidence_min = 0;
  std::vector<Action> actions;
  bool operator==(const Response&) const = default;
};

enum class PackageOwned : std::uint8_t { kNever, kReport };

struct PolicyLimits {
  std::uint32_t items = 0;
  std::uint64_t bytes = 0;
  std::uint32_t files = 0;
  std::uint32_t processes = 0;
  std::uint32_t persistence = 0;
  std::uint8_t independent_min =
      2;  // object types; a hash or a YARA rule scored 90 or more counts as two
  PackageOwned package_owned = PackageOwned::kNever;
  std::vector<std::string> protect;
  Seconds timeout{};
  std::uint8_t cpu_percent = 0;
  std::uint32_t iops = 0;
  std::uint32_t rows = 0;
  Seconds undo_ttl{};  // what cleaning took can be put back so long at least; 0: it says nothing
  bool operator==(const PolicyLimits&) const = default;
};

struct Verify {
  std::vector<Seconds> rescans;  // after cleaning
  bool after_reboot = false;
  std::vector<std::uint16_t> expect_none_of;  // verdicts
  std::vector<std::string> health;
  std::uint8_t respawn_rounds = 0;
  bool asks_isolation = false;  // where it comes back after the last round; people decide
  bool operator==(const Verify&) const = default;
};

// kernel.version >= 5.4
struct Precondition {
  std::string fact;       // os.version, kernel.version, os.id, arch
  std::string operation;  // >= <= > < == !=
  std::string value;
  bool operator==(const Precondition&) const = default;
};

struct Policy {
  std::uint16_t schema = 1;
  std::string id;  // policy--uuid
  std::string title;
  std::string family;  // names the metrics; no authority hangs on it
  Platform platform = Platform::kAny;
  std::vector<Precondition> preconditions;
  std::vector<Rule> rules;
  std::vector<Detection> detections;
  std::vector<Verdict> verdicts;
  std::vector<Response> responses;
  PolicyLimits limits;
  Verify verify;
  bool operator==(const Policy&) const = default;
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::Platform> {
  static constexpr std::string_view kAll[] = {"any", "linux", "windows", "macos"};
};
template <>
struct Names<model::ObjectKind> {
  static constexpr std::string_view kAll[] = {"file", "process", "persistence", "network-traffic",
                                              "windows-registry-key"};
};
template <>
struct Names<model::Field> {
  static constexpr std::string_view kAll[] = {"file.path",
                                              "file.name",
                                              "file.extension",
                                              "file.parent_directory.name",
                                              "file.size",
                                              "file.magic",
                                              "file.type",
                                              "file.hashes.SHA-256",
                                              "file.hashes.SHA-1",
                                              "file.hashes.MD5",
                                              "file.bytes_at_0",
                                              "file.mtime_delta_to_parent",
                                              "file.package_owned",
                                              "process.name",
                                              "process.command_line",
                                              "process.exe.path",
                                              "process.exe.name",
                                              "process.exe.deleted",
                                              "process.exe.hashes.SHA-256",
                                              "process.exe.package_owned",
                                              "process.is_kernel_thread",
                                              "process.looks_like_kernel_thread",
                                              "persistence.kind",
                                              "persistence.name",
                                              "persistence.path",
                                              "persistence.entry",
                                              "persistence.command",
                                              "network-traffic.dst_ref",
                                              "network-traffic.dst_port",
                                              "network-traffic.src_port",
                                              "network-traffic.process.name",
                                              "network-traffic.process.exe.path",
                                              "windows-registry-key.key",
                                              "windows-registry-key.values.name",
                                              "windows-registry-key.values.data",
                                              "windows-registry-key.values.data_type",
                                              "file.uid",
                                              "file.gid",
                                              "file.owner",
                                              "file.is_setuid",
                                              "file.is_setgid",
                                              "file.is_executable",
                                              "file.is_immutable",
                                              "file.is_append_only",
                                              "file.is_hidden",
                                              "file.extension_mismatch",
                                              "file.capabilities",
                                              "file.mtime",
                                              "file.mtime_delta_to_birth",
                                              "process.parent.name",
                                              "process.parent.exe.path",
                                              "process.parent.command_line",
                                              "process.exe.is_memfd",
                                              "process.mapped_files",
                                              "process.environment_names",
                                              "process.capabilities",
                                              "process.user",
                                              "process.cwd",
                                              "process.container_id",
                                              "persistence.user",
                                              "persistence.line",
                                              "persistence.package_owned",
                                              "persistence.in_baseline",
                                              "network-traffic.protocols",
                                              "network-traffic.is_listening",
                                              "network-traffic.src_ref",
                                              "network-traffic.process.exe.deleted",
                                              "network-traffic.has_packet_filter"};
};
static_assert(kCount<model::Field> ==
              static_cast<std::size_t>(model::Field::kNetworkHasPacketFilter) + 1);
template <>
struct Names<model::Match> {
  static constexpr std::string_view kAll[] = {
      "equals", "contains", "startswith", "endswith", "re", "cidr", "gt", "lt", "exists", "domain"};
};
template <>
struct Names<model::ActionKind> {
  static constexpr std::string_view kAll[] = {
      "report", "collect", "suspend",    "disable", "block",
      "remove", "kill",    "quarantine", "restart", "restore-from-package",
      "purge",  "isolate"};
};
template <>
struct Names<model::PackageOwned> {
  static constexpr std::string_view kAll[] = {"never", "report"};
};
}  // namespace fleetsweep
