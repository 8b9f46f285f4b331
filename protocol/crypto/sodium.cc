#include "protocol/crypto/sodium.h"

#include "protocol/base/assert.h"

namespace fleetsweep::crypto {

void ensure_sodium() {
  static const bool ready = sodium_init() >= 0;
  FS_ASSERT(ready);
}

}  // namespace fleetsweep::crypto
