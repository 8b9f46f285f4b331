#pragma once

// Keeps a document that kills its reader from doing so for ever. Asked before anything of it is
// parsed, told when that is over; whoever implements it remembers across the death of the process.

#include "protocol/base/ids.h"

namespace fleetsweep::trust {

inline constexpr unsigned kPoisonTimes = 2;

class Guard {
 public:
  virtual ~Guard() = default;
  // False: reading it has killed this process kPoisonTimes times; leave it alone. `document` is a
  // hash of its bytes. One at a time.
  virtual bool begin(const Digest& document) = 0;
  virtual void end() = 0;
};

}  // namespace fleetsweep::trust
