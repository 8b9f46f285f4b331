#include "agent/driver/reading_fault.h"

#include <unistd.h>

#include <cstdlib>

namespace fleetsweep::agent {

// FLEETSWEEP_POISON=HEX: dies of this document, each time.
void reading_fault(const Digest& document) {
  const char* poison = std::getenv("FLEETSWEEP_POISON");
  if (poison != nullptr && document.hex() == poison) std::abort();
}

}  // namespace fleetsweep::agent
