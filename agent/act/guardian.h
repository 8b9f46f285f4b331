#pragma once

// A second process, which outlives an act that dies. As long as somebody goes on with the
// transaction it does nothing; if nobody does for `patience`, it ends it where it stands, so that
// what was stopped runs again. It is gone as soon as there is nothing to guard.

#include <functional>
#include <optional>
#include <string>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

class Guardian {
 public:
  // `state` holds the journal and the lock of whoever works with it. `settle` runs in the
  // guardian's process, which has nothing open but its standard error and what start() names.
  Guardian(std::string state, Seconds patience, std::function<Status()> settle)
      : state_(std::move(state)), patience_(patience), settle_(std::move(settle)) {}

  // Once; from a process without other threads. `kept`: a descriptor that `settle` needs, or -1.
  Status start(int kept);

 private:
  [[noreturn]] void watch(int alive) const;
  std::optional<bool> is_settled() const;  // nothing: somebody works with the journal
  bool is_looked_after() const;

  std::string state_;
  Seconds patience_;
  std::function<Status()> settle_;
  UniqueFd alive_;  // closed by our end, whatever that is
};

}  // namespace fleetsweep::act
