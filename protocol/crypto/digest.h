#pragma once

// SHA-256 of small things (documents, leaves, names) with libsodium, so that core and monitor need
// nothing else. Bulk file hashing is crypto/bulk_hash.h.

#include <initializer_list>

#include "protocol/base/ids.h"

namespace fleetsweep::crypto {

Digest sha256(BytesView bytes);
Digest sha256(std::initializer_list<BytesView> parts);  // of the concatenation

std::array<std::uint8_t, 64> sha512(BytesView bytes);  // inside OpenSSH's signatures only

}  // namespace fleetsweep::crypto
