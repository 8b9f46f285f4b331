#include "agent/scan/shared_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fleetsweep::scan {

Result<SharedMemory> SharedMemory::create(std::size_t size) {
  void* start = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED)
    return fail(Code::kUnavailable, "{} bytes of shared memory: {}", size, std::strerror(errno));
  ::madvise(start, size, MADV_DONTFORK);
  return SharedMemory({static_cast<std::uint8_t*>(start), size});
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})) {}

SharedMemory::~SharedMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

int SharedMemory::fork() const {
  ::madvise(bytes_.data(), bytes_.size(), MADV_DOFORK);
  const int pid = ::fork();
  ::madvise(bytes_.data(), bytes_.size(), MADV_DONTFORK);
  return pid;
}

}  // namespace fleetsweep::scan
