#pragma once

// Time on a host whose clock may be wrong, frozen or dead. Witness times are the floor: they are
// signed and they are kept. Between two of them CLOCK_BOOTTIME counts on, as long as the boot is
// the same.

#include <optional>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::trust {

inline constexpr Seconds kClockSkew{5 * 60};
inline constexpr Seconds kClockAhead{24 * 3600};
// So long CLOCK_BOOTTIME may count on what a witness host told (it drifts by some seconds a day).
inline constexpr Seconds kToldMax{24 * 3600};

// Read once per cycle, then used for every decision of it.
struct ClockReading {
  Timestamp local;     // CLOCK_REALTIME
  Seconds boottime{};  // CLOCK_BOOTTIME
  BootId boot;
  Seconds utc_offset{};       // the host's wall clock minus UTC, now
  bool synchronised = false;  // the kernel says so (adjtimex)
  bool told = false;          // `local` is no clock of this host: see corrected()
  bool operator==(const ClockReading&) const = default;
};

// The newest verified witness time, and when it was heard. Persisted; never goes back.
struct TimeFloor {
  Timestamp time;      // epoch: none yet
  Seconds boottime{};  // when it was heard
  BootId boot;
  bool witnessed =
      false;  // false: a root without witnesses; `time` is only our own clock at receipt
  bool operator==(const TimeFloor&) const = default;
};

// The earliest time it can be: the floor, plus what passed since in the same boot.
Timestamp earliest(const TimeFloor& floor, const ClockReading& clock);
// For expiry and freshness: a clock set back, or frozen, gains nothing.
Timestamp effective(const TimeFloor& floor, const ClockReading& clock);

// behind: before the floor by more than 5 min. ahead: more than 24 h after what boottime allows,
// which a host with a wrong year would be. untrusted: no witness time, and the kernel does not call
// its clock synchronised.
model::ClockState clock_state(const TimeFloor& floor, const ClockReading& clock);

// What orders are judged by. The host's own clock as long as that is ok; while it is in doubt and
// a witness host has told this boot the time (`told`, from verify_time(), at most kToldMax ago),
// that time, counted on by CLOCK_BOOTTIME and never before the floor. The floor stays as it is, so
// that one time key cannot shorten a cool-off. A clock that is ahead although the kernel calls it
// synchronised is not overruled: two sources contradict each other, and people have to look.
ClockReading corrected(const ClockReading& clock, const TimeFloor& floor,
                       const std::optional<TimeFloor>& told);

}  // namespace fleetsweep::trust
