// Loaded into a program before all else (LD_PRELOAD): its clock of the day goes so many seconds
// late as FLEETSWEEP_LATE_SECONDS says, and no other clock does.

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t id, timespec* time) {
  const long result = ::syscall(SYS_clock_gettime, id, time);
  const char* seconds = ::getenv("FLEETSWEEP_LATE_SECONDS");
  if (result == 0 && id == CLOCK_REALTIME && seconds != nullptr) time->tv_sec += ::atoi(seconds);
  return static_cast<int>(result);
}

extern "C" time_t time(time_t* seconds) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds != nullptr) *seconds = now.tv_sec;
  return now.tv_sec;
}
