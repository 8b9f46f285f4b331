// Loaded into a program before all else (LD_PRELOAD): its clock of the day goes two minutes late,
// and no other clock does.

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t id, timespec* time) {
  const long result = ::syscall(SYS_clock_gettime, id, time);
  if (result == 0 && id == CLOCK_REALTIME) time->tv_sec += 120;
  return static_cast<int>(result);
}
