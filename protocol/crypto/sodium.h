#pragma once

// libsodium, initialised. Private to this folder.

#include <sodium.h>

namespace fleetsweep::crypto {

// Picks the implementations for this CPU and opens the random source; idempotent and thread-safe.
// Called before anything that draws random bytes.
void ensure_sodium();

}  // namespace fleetsweep::crypto
