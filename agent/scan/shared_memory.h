#pragma once

// Memory that a process and those children see that it forks with it; no other child has it.

#include <cstdint>
#include <span>

#include "protocol/base/result.h"

namespace fleetsweep::scan {

class SharedMemory {
 public:
  // kUnavailable: there is no more memory. It costs what was written to.
  static Result<SharedMemory> create(std::size_t size);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  std::span<std::uint8_t> bytes() const { return bytes_; }

  int fork() const;  // as fork(2)

 private:
  explicit SharedMemory(std::span<std::uint8_t> bytes) : bytes_(bytes) {}
  std::span<std::uint8_t> bytes_;
};

}  // namespace fleetsweep::scan
