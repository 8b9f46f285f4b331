#include "agent/scan/memory.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "agent/overlay/overlay.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kMapsBytes = 16 << 20;
const auto kPageBytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
constexpr std::uint64_t kChunkBytes = 1 << 20;
constexpr char kApart[64] = {};

bool has_no_file(const Mapping& mapping) {
  return mapping.path.starts_with("/memfd:") || mapping.path.ends_with(" (deleted)");
}

// One memfd after the other.
class Images {
 public:
  explicit Images(const std::function<void(UniqueFd)>& take) : take_(take) {}

  // False: no more memory for us.
  bool append(const char* bytes, std::size_t size, bool is_neighbour) {
    if (size_ + size > kMemoryImageBytes) {
      // What lies across the border shall be whole in one of the two.
      const std::string tail = is_neighbour ? last_ : std::string();
      finish();
      if (!tail.empty() && !write(tail.data(), tail.size())) return false;
    } else if (!is_neighbour && size_ > 0 && !write(kApart, sizeof kApart)) {
      return false;
    }
    last_.assign(bytes + size - std::min<std::size_t>(size, kMemoryOverlapBytes),
                 std::min<std::size_t>(size, kMemoryOverlapBytes));
    return write(bytes, size);
  }
  void finish() {
    if (size_ > 0) take_(std::move(image_));
    image_.reset();
    size_ = 0;
  }

 private:
  bool write(const char* bytes, std::size_t size) {
    if (!image_) image_.reset(::memfd_create("fleetsweep-memory", MFD_CLOEXEC));
    if (!image_ || ::write(image_.get(), bytes, size) != static_cast<ssize_t>(size)) return false;
    size_ += size;
    return true;
  }

  const std::function<void(UniqueFd)>& take_;
  UniqueFd image_;
  std::uint64_t size_ = 0;
  std::string last_;
};

// proc(5), pagemap: a page that is neither in memory nor in swap was never touched. Without the
// file all of them count.
class TouchedPages {
 public:
  explicit TouchedPages(int pid) : file_(raw::open("/proc/" + std::to_string(pid) + "/pagemap")) {}

  // The first run of touched pages from `start` on; empty at the end.
  MemoryRegion next(std::uint64_t start, std::uint64_t end) const {
    MemoryRegion run{start, start, true};
    std::uint64_t entries[512];
    while (run.end < end) {
      const std::uint64_t pages = std::min<std::uint64_t>(
          (end - run.end + kPageBytes - 1) / kPageBytes, std::size(entries));
      const ssize_t size = ::pread(file_.get(), entries, pages * sizeof *entries,
                                   static_cast<off_t>(run.end / kPageBytes * sizeof *entries));
      if (size < static_cast<ssize_t>(sizeof *entries)) return {run.start, end, true};
      for (ssize_t i = 0; i < size / static_cast<ssize_t>(sizeof *entries); ++i) {
        // A guard page counts as swapped, and has no content.
        constexpr std::uint64_t kPresentOrSwapped = 3ull << 62, kGuard = 1ull << 58;
        const bool touched = (entries[i] & kPresentOrSwapped) != 0 && (entries[i] & kGuard) == 0;
        if (!touched && run.end > run.start) return run;
        run.end += kPageBytes;
        if (!touched) run.start = run.end;
      }
    }
    run.start = std::min(run.start, end);
    run.end = std::min(run.end, end);
    return run;
  }

 private:
  UniqueFd file_;
};

// Also what its own code may only execute.
class Memory {
 public:
  explicit Memory(int pid) : pid_(pid) {}

  ssize_t read(std::uint64_t at, char* bytes, std::uint64_t size) {
    const iovec ours{bytes, size}, theirs{reinterpret_cast<void*>(at), size};
    const ssize_t count = ::process_vm_readv(pid_, &ours, 1, &theirs, 1, 0);
    if (count >= 0 || errno != EFAULT) return count;
    if (!file_) file_ = raw::open("/proc/" + std::to_string(pid_) + "/mem");
    return file_ ? ::pread(file_.get(), bytes, size, static_cast<off_t>(at)) : -1;
  }

 private:
  int pid_;
  UniqueFd file_;
};

std::set<std::string> held_devices(int pid) {
  std::set<std::string> devices;
  const auto add = [&](dev_t device) {
    devices.insert(fmt::format("{:02x}:{:02x}", major(device), minor(device)));
  };
  for (const std::string& folder : {std::string("/proc/self"), "/proc/" + std::to_string(pid)})
    for (const Mount& mount : parse_mounts(raw::read(folder + "/mountinfo", kMapsBytes)))
      if (!is_share(mount.type)) add(mount.device);
  // The kernel's own, which are mounted nowhere.
  for (const unsigned flags : {0u, MFD_HUGETLB | MFD_HUGE_2MB, MFD_HUGETLB | MFD_HUGE_1GB}) {
    const UniqueFd file(::memfd_create("fleetsweep-device", MFD_CLOEXEC | flags));
    struct stat status {};
    if (file && ::fstat(file.get(), &status) == 0) add(status.st_dev);
  }
  return devices;
}

}  // namespace

std::vector<MemoryRegion> regions_to_scan(std::string_view maps,
                                          const std::set<std::string>& held) {
  std::vector<Mapping> mappings;
  std::set<std::pair<std::string, std::uint64_t>> fileless;  // device, inode
  for_each_line(maps, [&](std::string_view line) {
    auto mapping = parse_mapping(line);
    if (!mapping || mapping->start == mapping->end) return;
    if (mapping->executable && has_no_file(*mapping))
      fileless.emplace(mapping->device, mapping->inode);
    mappings.push_back(std::move(*mapping));
  });
  std::vector<MemoryRegion> regions;
  for (const Mapping& one : mappings) {
    const bool kernels = one.path == "[vdso]" || one.path == "[vsyscall]" || one.path == "[vvar]" ||
                         one.path == "[uprobes]";
    const bool anonymous =
        (one.inode == 0 && !one.path.starts_with('/')) || (!one.shared && one.path == "/dev/zero");
    const bool wanted = (!one.shared && one.writable && one.executable) ||
                        (anonymous && one.executable) ||
                        (has_no_file(one) && fileless.contains({one.device, one.inode}));
    if ((one.readable || one.executable) && !kernels && wanted)
      regions.push_back({one.start, one.end, anonymous,
                         (anonymous && one.inode == 0) || held.contains(one.device)});
  }
  return regions;
}

Result<MemoryRead> read_memory(int pid, const std::function<void(UniqueFd image)>& take) {
  const std::string path = "/proc/" + std::to_string(pid) + "/maps";
  const UniqueFd file = raw::open(path);
  if (!file && (errno == ENOENT || errno == ESRCH))
    return fail(Code::kNotFound, "process {} ended", pid);
  if (!file) return fail(Code::kUntrusted, "{}: {}", path, std::strerror(errno));
  const std::string maps = raw::read(file.get(), kMapsBytes);
  // Nor has a thread that ended, or what another program has replaced.
  if (maps.empty()) return fail(Code::kNotFound, "process {} has no memory", pid);
  const TouchedPages touched(pid);
  Memory memory(pid);
  Images images(take);
  std::vector<char> chunk(kChunkBytes);
  MemoryRead read;
  read.is_partial = maps.size() == kMapsBytes;
  std::vector<MemoryRegion> unread;
  std::uint64_t behind = 0;  // where the last piece ended
  const std::set<std::string> held = held_devices(pid);
  for (const MemoryRegion& region : regions_to_scan(maps, held)) {
    read.is_partial |= !region.is_held;
    if (!region.is_held) continue;
    const std::uint64_t before = read.bytes;
    bool has_hole = false;
    for (std::uint64_t at = region.start; at < region.end;) {
      const MemoryRegion run =
          region.is_anonymous ? touched.next(at, region.end) : MemoryRegion{at, region.end};
      at = run.start;
      if (at >= run.end) break;
      if (read.bytes >= kProcessMemoryBytes) {
        read.is_partial = true;
        images.finish();
        return read;
      }
      const std::uint64_t size = std::min(run.end - at, kChunkBytes);
      const ssize_t count = memory.read(at, chunk.data(), size);
      if (count < 0 && errno == ESRCH) return fail(Code::kNotFound, "process {} ended", pid);
      if (count < 0 && errno == EPERM)
        return fail(Code::kUntrusted, "the memory of process {}: {}", pid, std::strerror(errno));
      if (count <= 0) {
        // A page without anything behind it: the file is shorter than its mapping.
        has_hole = true;
        at += kPageBytes;
        continue;
      }
      if (!images.append(chunk.data(), static_cast<std::size_t>(count), at == behind))
        return fail(Code::kOverloaded, "the memory of process {}: no room for a copy: {}", pid,
                    std::strerror(errno));
      at += static_cast<std::uint64_t>(count);
      behind = at;
      read.bytes += static_cast<std::uint64_t>(count);
    }
    if (has_hole && (region.is_anonymous || read.bytes == before)) unread.push_back(region);
  }
  images.finish();
  if (unread.empty()) return read;
  // What it has given back meanwhile is nothing.
  const auto now = regions_to_scan(raw::read(path, kMapsBytes), held);
  read.is_partial |= std::ranges::any_of(unread, [&](const MemoryRegion& region) {
    return std::ranges::find(now, region) != now.end();
  });
  return read;
}

}  // namespace fleetsweep::scan
