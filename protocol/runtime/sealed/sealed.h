#pragma once

// Bytes that are handed from one process to another as a descriptor, and that nobody can change any
// more once they are handed over: a memfd with seals. Who gets it may check it once and search it
// where it lies.

#include <string>
#include <utility>

#include "protocol/base/bytes.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::runtime {

class SealedWriter {
 public:
  // kUnavailable: no memory, also of append().
  static Result<SealedWriter> create();
  Status append(BytesView bytes);
  // The descriptor; nothing can be appended afterwards.
  Result<UniqueFd> seal() &&;

 private:
  explicit SealedWriter(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Mapped read-only, as long as this lives; also in children that are forked meanwhile.
class Mapped {
 public:
  // kInvalid: it is no memfd, or can still be changed.
  static Result<Mapped> of_sealed(int fd);
  // A regular file of the caller's own, which nobody else writes to meanwhile. kNotFound, kInvalid.
  static Result<Mapped> of_file(const std::string& path, std::size_t size_max);
  Mapped(Mapped&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapped& operator=(Mapped&&) = delete;
  ~Mapped();

  BytesView bytes() const { return bytes_; }

 private:
  explicit Mapped(BytesView bytes) : bytes_(bytes) {}
  static Result<Mapped> map(int fd, std::size_t size);
  BytesView bytes_;
};

}  // namespace fleetsweep::runtime
