#pragma once

namespace fleetsweep::act {

// A named place where a test may kill the process. Nothing in the product's binary (no_faults.cc);
// in fleetsweep-act-faults the environment variable FLEETSWEEP_FAULT=NAME:N kills it with SIGKILL
// at the N-th passage of NAME (faults.cc).
void fault_point(const char* name);

}  // namespace fleetsweep::act
