#include "protocol/runtime/sealed/sealed.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/runtime/files/files.h"

namespace fleetsweep::runtime {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

}  // namespace

Result<SealedWriter> SealedWriter::create() {
  // Hosts that let no memfd be executed want that said (vm.memfd_noexec); kernels before 6.3 do not
  // know it.
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING, kNoExecSeal = 8;
  UniqueFd fd(::memfd_create("fleetsweep-sealed", kFlags | kNoExecSeal));
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("fleetsweep-sealed", kFlags));
  if (!fd) return fail(files::system_error(errno, "make a memfd"));
  return SealedWriter(std::move(fd));
}

Status SealedWriter::append(BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(files::system_error(errno, "write to a memfd"));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<UniqueFd> SealedWriter::seal() && {
  if (::fcntl(fd_.get(), F_ADD_SEALS, kSeals) != 0)
    return fail(files::system_error(errno, "seal a memfd"));
  return std::move(fd_);
}

// Private: of a sealed memfd older kernels (before 6.7) give no shared mapping. Nothing is written
// to it, so nothing is copied.
Result<Mapped> Mapped::map(int fd, std::size_t size) {
  if (size == 0) return Mapped({});
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (start == MAP_FAILED) return fail(files::system_error(errno, "map a file"));
  return Mapped({static_cast<const std::uint8_t*>(start), size});
}

Result<Mapped> Mapped::of_sealed(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals)
    return fail(Code::kInvalid, "a descriptor whose bytes can still be changed");
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail(files::system_error(errno, "look at a memfd"));
  return map(fd, static_cast<std::size_t>(status.st_size));
}

Result<Mapped> Mapped::of_file(const std::string& path, std::size_t size_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0)
    return fail(files::system_error(errno, "open " + escaped(path)));
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) > size_max)
    return fail(Code::kInvalid, "{}: a file of at most {} bytes was expected", escaped(path),
                size_max);
  return map(fd.get(), static_cast<std::size_t>(status.st_size));
}

Mapped::~Mapped() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace fleetsweep::runtime
