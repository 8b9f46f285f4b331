#pragma once

// The owner's baseline: what is meant to start by itself on this host, as STATE/baseline. Only a
// policy's report reads it (persistence.in_baseline); it protects nothing and removes nothing.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::agent {

struct BaselineOptions {
  std::string state;
  std::string root;
  std::string libexec;   // where fleetsweep-scan is
  bool replace = false;  // one that is there already
};

// Text of the new baseline, written to STATE/baseline. kConflict: there is one already.
Result<std::string> write_baseline(const BaselineOptions& options);
// kNotFound: none was written.
Result<std::string> read_baseline(const std::string& state);

}  // namespace fleetsweep::agent
