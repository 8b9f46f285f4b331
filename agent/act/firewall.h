#pragma once

// The host's packet filter, through one socket that was opened while this process still could: it
// keeps belonging to the host's network when the process has left it. Tables made through it live
// in the kernel until they are deleted or the host starts again.

#include <string>

#include "agent/act/netfilter.h"
#include "agent/act/outcome.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

class Firewall {
 public:
  // Never fails: what was in the way is told by check(). Call it before the network is given up.
  static Firewall open();

  // kCapability with the reason: no nf_tables in the kernel, no right to it, or a network of our
  // own, so that the host's would stay as it is.
  Checked<void> check();
  // kConflict: somebody else has made a table of this name. All of it or nothing.
  Checked<void> add(const std::string& table, const Ruleset& rules);
  Checked<void> replace(const std::string& table, const Ruleset& rules);
  Checked<bool> has(const std::string& table);
  // Its time is not over, and the host was not started since.
  Checked<bool> isolates(const std::string& table);
  // Also well when there is none: its time is over, or the host was started again.
  Checked<void> remove(const std::string& table);

  // Its socket, for a process that has to go on with it; -1: there is none.
  int descriptor() const { return socket_.get(); }
  // This process has no use for it any more.
  void close() { socket_.reset(); }

 private:
  // errno of the batch; 0: it worked.
  Checked<int> ask(const Batch& batch);
  Checked<int> answer_to(std::uint32_t first, std::uint32_t last);

  UniqueFd socket_;
  std::string missing_;  // why there is no socket
  std::uint32_t next_ = 1;
};

}  // namespace fleetsweep::act
