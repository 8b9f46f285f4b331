#include "protocol/runtime/loop/idle_memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstring>

namespace fleetsweep::loop {

namespace {

void trim() {
  ::malloc_trim(0);
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (!maps) return;
  char line[1024];
  while (std::fgets(line, sizeof line, maps)) {
    std::uintptr_t from = 0, to = 0;
    char mode[5] = {};
    // Only code of files: what is readable alone may be relocated data, which is ours to keep.
    if (std::sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && std::strcmp(mode, "r-xp") == 0 &&
        std::strchr(line, '/'))
      ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  std::fclose(maps);
}

}  // namespace

void trim_when_idle(Loop& loop, Duration first) {
  loop.after(first, [&loop](Instant) {
    trim();
    trim_when_idle(loop, std::chrono::hours(1));
  });
}

}  // namespace fleetsweep::loop
