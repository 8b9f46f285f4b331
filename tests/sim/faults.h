#pragma once

// What may go wrong with a commit.

#include "protocol/base/prng.h"

namespace fleetsweep::sim {

enum class Fate {
  kFine,
  kTorn,         // nothing was written, and the process is told
  kCrashBefore,  // nothing was written, and the process is gone
  kCrashAfter,   // all was written, and the process is gone before it can say so
};

struct CommitFaults {
  double torn = 0;
  double crash = 0;  // half of them before, half of them after the write

  Fate draw(Prng& prng) const {
    if (prng.chance(torn)) return Fate::kTorn;
    if (!prng.chance(crash)) return Fate::kFine;
    return prng.chance(0.5) ? Fate::kCrashBefore : Fate::kCrashAfter;
  }
};

}  // namespace fleetsweep::sim
