#pragma once

namespace fleetsweep::act {

// A named place where a test may interfere. Nothing in the product's binary (no_faults.cc); in
// fleetsweep-act-faults (faults.cc) the environment variable FLEETSWEEP_FAULT=NAME:N kills the
// process at the N-th passage of NAME, and FLEETSWEEP_PAUSE=NAME:N stops it there until SIGCONT.
void fault_point(const char* name);

}  // namespace fleetsweep::act
