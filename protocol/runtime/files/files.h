#pragma once

// Files of our own state: read with a cap, replaced as a whole, private. Errors name the path and
// say what to do (disk full, read-only, no permission, a symbolic link where none is expected).

#include <string>

#include "protocol/base/bytes.h"

namespace fleetsweep::files {

// An error of the operating system: "cannot <doing>: <reason>". kNotFound: ENOENT; kUnavailable:
// disk full or quota (try again with room); kOverloaded: no file descriptor is left; kInvalid: the
// caller's path or permission; kInternal: anything else.
Error system_error(int error_number, std::string_view doing);

// kUnavailable, with numbers, unless this process may open so many descriptors (raises the soft
// limit to the hard one first). `who_needs`: "the agent needs".
Status check_descriptors(std::size_t needed, std::string_view who_needs);

// State is never behind a symbolic link; what an owner configures (a Kubernetes secret) may be.
enum class Links { kRefuse, kFollow };

// Regular files only. kInvalid: larger than `size_max`.
Result<Bytes> read_file(const std::string& path, std::size_t size_max,
                        Links links = Links::kRefuse);

// Whoever reads the path sees the old or the new content, also after a crash: temporary file in the
// same folder, fsync, rename, fsync of the folder. The mode is exactly `mode`.
Status write_file_atomic(const std::string& path, BytesView content, unsigned mode = 0600);
// The same, but kConflict when the path exists already.
Status write_new_file(const std::string& path, BytesView content, unsigned mode = 0600);

// Makes the folder (and missing parents, 0755) as 0700. kInvalid when it exists and is not ours, is
// not a folder or lets others in.
Status make_private_directory(const std::string& path);

// At most one process works with a state folder. The lock is the kernel's and dies with the
// process.
class StateLock {
 public:
  // kConflict: "another fleetsweep-witness is running with this state (/var/..., pid 41)".
  static Result<StateLock> acquire(const std::string& directory, std::string_view program);
  // Waits until whoever holds it has ended.
  static Result<StateLock> await(const std::string& directory);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace fleetsweep::files
