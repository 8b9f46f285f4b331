#include "agent/driver/reading_fault.h"

namespace fleetsweep::agent {
void reading_fault(const Digest&) {}
}  // namespace fleetsweep::agent
