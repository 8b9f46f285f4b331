#pragma once

// Which services are started again because of a file that they have in memory, and what people are
// told of the others. Pure.

#include "agent/plan/plan.h"

namespace fleetsweep::plan {

struct Restart {
  std::string unit;  // empty: a person restarts it
  std::string note;  // for people, in both cases
};

// `allow`: of the policy. `is_taken`: this plan takes the file away; where it stays, a service that
// starts again loads it again.
Restart restart_of(const Service& service, const std::string& path, bool is_taken,
                   const std::vector<std::string>& allow, const Input& input);

}  // namespace fleetsweep::plan
