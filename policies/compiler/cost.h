#pragma once

// What a policy would cost a host before anybody signs it: which files it must open, how much of
// them it must read, and how long a processor works on that. A prediction for a host that was never
// looked at: the first sweep, nothing known of any file.

#include <string>
#include <vector>

#include "protocol/model/policy.h"

namespace fleetsweep::compiler {

struct HostProfile {
  std::uint64_t files = 174'000;
  std::uint64_t bytes = 11'000'000'000;
};

struct DetectionCost {
  std::string id;
  double opened = 0;      // files, of which at least the first bytes are read
  double bytes_read = 0;  // in full, for a digest or a rule
  bool hashes = false;
  bool rules = false;
  bool unpacks = false;  // the archives among them
};

// Several detections read a file once, so the whole is at most what the host has.
struct PolicyCost {
  double walked = 0;  // files whose names are looked at
  double opened = 0;
  double bytes_read = 0;
  double cpu_seconds = 0;  // without the memory of processes
  bool reads_memory = false;
  std::vector<DetectionCost> detections;  // of files, without joins; in the policy's order
};

PolicyCost predict_cost(const model::Policy& policy, const HostProfile& host);

// Without paths, or with "/", "/*", "C:\\": the whole disk by another name.
bool is_whole_disk(const model::FileScope& scope);

// A share of the disk's bytes from which on a detection by hash is warned of. All programs (ELF)
// are half of it, and a policy may well ask for those.
inline constexpr double kReadsMuch = 0.6;

// Lines for `explain`.
std::string cost_text(const PolicyCost& cost, const HostProfile& host);

}  // namespace fleetsweep::compiler
