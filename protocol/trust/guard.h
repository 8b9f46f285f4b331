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

// Between begin() and end(); false where it may not be read. Without a guard all may be.
class Guarded {
 public:
  Guarded(Guard* guard, const Digest& document)
      : guard_(guard), may_read_(!guard || guard->begin(document)) {}
  ~Guarded() {
    if (guard_ && may_read_) guard_->end();
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  explicit operator bool() const { return may_read_; }

 private:
  Guard* guard_;
  bool may_read_;
};

}  // namespace fleetsweep::trust
