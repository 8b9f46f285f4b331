#include "agent/act/clock.h"

#include <sys/timex.h>
#include <time.h>

#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

trust::ClockReading read_clock() {
  trust::ClockReading clock;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  clock.local = timestamp(now.tv_sec);
  tm local{};
  ::localtime_r(&now.tv_sec, &local);
  clock.utc_offset = Seconds(local.tm_gmtoff);
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  clock.boottime = Seconds(now.tv_sec);
  timex adjust{};
  clock.synchronised = ::adjtimex(&adjust) >= 0 && (adjust.status & STA_UNSYNC) == 0;
  if (const auto text = files::read_file("/proc/sys/kernel/random/boot_id", 64)) {
    std::string hex;
    for (const char c : as_text(*text))
      if (c != '-' && c != '\n') hex += c;
    if (const auto boot = BootId::parse_hex(hex)) clock.boot = *boot;
  }
  return clock;
}

}  // namespace fleetsweep::act
