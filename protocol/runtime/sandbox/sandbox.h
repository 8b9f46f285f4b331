#pragma once

// Giving up what a process does not need. Every function acts on the calling process for good; call
// them before it has threads. Nothing here needs root: without it less is achieved, and
// confine() says how much.

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <span>

#include "protocol/base/result.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::runtime {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

// Supplementary groups, gid and uid, for good; checked afterwards. kInvalid for uid or gid 0.
Status drop_privileges(const User& user);
// Keeps only these capabilities (CAP_... numbers) in the permitted and effective sets, and none of
// the bounding, inheritable and ambient ones. Does nothing without any capability.
Status keep_capabilities(std::initializer_list<int> capabilities);
Status no_new_privileges();
Status close_all_but(std::span<const int> keep);

struct Resources {
  std::uint64_t memory_bytes = 0;  // RLIMIT_AS; 0: as it is
  std::uint64_t file_bytes = 0;    // RLIMIT_FSIZE, always set: 0 means no file can grow
  std::uint32_t processes = 0;     // RLIMIT_NPROC, always set; as root it does not bind
};
Status limit_resources(const Resources& resources);

// The kernel's Landlock ABI, 0 without Landlock.
int landlock_abi();
// Each returns whether the kernel could. kNothing: no path can be opened, changed or executed;
// kReadOnly: none can be written, made, moved, removed or executed; that none is truncated is left
// to the filter of system calls.
enum class FileAccess { kNothing, kReadOnly };
Result<bool> restrict_files(FileAccess access);

// What a system call filter leaves.
//   kParser: an allow-list: read and write what is open, memory, time, exit. Anything else kills.
//   kReader: everything but what starts programs, opens the network, traces, mounts, loads, or
//   changes files; those kill. It alone may read the memory of other processes.
//   kActor: for the process that changes the host: everything but what starts programs, opens the
//   network, traces, mounts or changes the kernel; those kill.
//   kNetwork: for the process with the network: everything but what starts programs, traces, mounts
//   or changes the kernel; those kill.
enum class Profile { kParser, kReader, kActor, kNetwork };
// Needs no_new_privileges(). kUnavailable when the kernel refuses filters.
Status filter_system_calls(Profile profile);

// All of it for the process that parses hostile bytes: keeps only these descriptors, becomes `user`
// (if given and we are root), no new privileges, limits, Landlock where there is one, the parser's
// filter. kNone never comes back as a success: without the filter it is an error.
//   kFull: a user of its own, Landlock and seccomp. kReduced: seccomp.
Result<model::SandboxLevel> confine_parser(std::span<const int> keep, std::optional<User> user,
                                           const Resources& resources);

}  // namespace fleetsweep::runtime
