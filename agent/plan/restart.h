#pragma once

// Which services are started again because of a file that they have in memory, and what people are
// told of the others. Pure.

#include "agent/plan/plan.h"

namespace fleetsweep::plan {

struct Restart {
  std::string unit;  // empty: a person restarts it
  std::string note;  // for people, in both cases
};

// What this plan does besides.
struct Beside {
  bool is_taken;  // the file: where it stays, a service that starts again loads it again
  bool has_room;  // fewer services than limits::kServicesRestarted are restarted
};

// `allow`: of the policy. A process that the policy, the host's owner or this agent protects keeps
// its whole service from it: a restart ends all of its processes.
Restart restart_of(const Service& service, const std::string& path, Beside plan,
                   const std::vector<std::string>& allow, const Input& input);

}  // namespace fleetsweep::plan
