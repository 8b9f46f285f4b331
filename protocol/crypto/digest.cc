#include "protocol/crypto/digest.h"

#include "protocol/crypto/sodium.h"

namespace fleetsweep::crypto {

Digest sha256(BytesView bytes) {
  Digest digest;
  crypto_hash_sha256(digest.value.data(), bytes.data(), bytes.size());
  return digest;
}

Digest sha256(std::initializer_list<BytesView> parts) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (BytesView part : parts) crypto_hash_sha256_update(&state, part.data(), part.size());
  Digest digest;
  crypto_hash_sha256_final(&state, digest.value.data());
  return digest;
}

std::array<std::uint8_t, 64> sha512(BytesView bytes) {
  std::array<std::uint8_t, 64> digest;
  crypto_hash_sha512(digest.data(), bytes.data(), bytes.size());
  return digest;
}

}  // namespace fleetsweep::crypto
