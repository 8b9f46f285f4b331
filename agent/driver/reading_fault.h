#pragma once

#include "protocol/base/ids.h"

namespace fleetsweep::agent {

// Where a test kills the process while it reads one document. Nothing in the product
// (no_reading_fault.cc); tests/agent/driver/reading_fault.cc is in the tests' own program only.
void reading_fault(const Digest& document);

}  // namespace fleetsweep::agent
