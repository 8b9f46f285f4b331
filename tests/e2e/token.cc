// A FIDO token in software, for stories: what OpenSSH loads as SSH_SK_PROVIDER. The secret is its
// own key handle, and its signatures say that a person touched it, unless
// FLEETSWEEP_TOKEN=untouched. Never installed. The interface is sk-api.h of OpenSSH 9.2, version
// 10; what is signed is PROTOCOL.u2f's.

#include <sodium.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

constexpr std::uint32_t kVersion = 0x000a0000;
constexpr std::uint32_t kEd25519 = 1;
constexpr int kGeneral = -1, kUnsupported = -2;
constexpr std::uint32_t kCounter = 7;

struct Enrolled {
  std::uint8_t flags;
  std::uint8_t* public_key;
  std::size_t public_key_size;
  std::uint8_t* key_handle;
  std::size_t key_handle_size;
  std::uint8_t* signature;
  std::size_t signature_size;
  std::uint8_t* certificate;
  std::size_t certificate_size;
  std::uint8_t* authenticator_data;
  std::size_t authenticator_data_size;
};

struct Signed {
  std::uint8_t flags;
  std::uint32_t counter;
  std::uint8_t* r;
  std::size_t r_size;
  std::uint8_t* s;
  std::size_t s_size;
};

// OpenSSH frees it.
std::uint8_t* copy(const std::uint8_t* bytes, std::size_t size) {
  auto* result = static_cast<std::uint8_t*>(std::malloc(size));
  if (result) std::memcpy(result, bytes, size);
  return result;
}

}  // namespace

extern "C" {

std::uint32_t sk_api_version() {
  return kVersion;
}

int sk_enroll(std::uint32_t algorithm, const std::uint8_t*, std::size_t, const char*,
              std::uint8_t flags, const char*, void**, Enrolled** response) {
  if (algorithm != kEd25519) return kUnsupported;
  std::uint8_t seed[crypto_sign_SEEDBYTES], pub[crypto_sign_PUBLICKEYBYTES],
      secret[crypto_sign_SECRETKEYBYTES];
  randombytes_buf(seed, sizeof seed);
  crypto_sign_seed_keypair(pub, secret, seed);
  auto* made = static_cast<Enrolled*>(std::calloc(1, sizeof(Enrolled)));
  if (!made) return kGeneral;
  made->flags = flags;
  made->public_key = copy(pub, made->public_key_size = sizeof pub);
  made->key_handle = copy(seed, made->key_handle_size = sizeof seed);
  *response = made;
  return 0;
}

int sk_sign(std::uint32_t algorithm, const std::uint8_t* message, std::size_t size,
            const char* application, const std::uint8_t* key_handle, std::size_t key_handle_size,
            std::uint8_t flags, const char*, void**, Signed** response) {
  if (algorithm != kEd25519) return kUnsupported;
  if (key_handle_size != crypto_sign_SEEDBYTES) return kGeneral;
  std::uint8_t pub[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES],
      signature[crypto_sign_BYTES];
  crypto_sign_seed_keypair(pub, secret, key_handle);
  // SHA256(application) | flags | counter | SHA256(message)
  std::uint8_t data[32 + 1 + 4 + 32] = {};
  crypto_hash_sha256(data, reinterpret_cast<const std::uint8_t*>(application),
                     std::strlen(application));
  const char* mood = std::getenv("FLEETSWEEP_TOKEN");
  data[32] = mood && std::strcmp(mood, "untouched") == 0 ? 0 : flags & 1;
  data[36] = kCounter;
  crypto_hash_sha256(data + 37, message, size);
  crypto_sign_detached(signature, nullptr, data, sizeof data, secret);
  auto* made = static_cast<Signed*>(std::calloc(1, sizeof(Signed)));
  if (!made) return kGeneral;
  made->flags = data[32];
  made->counter = kCounter;
  made->r = copy(signature, made->r_size = sizeof signature);
  *response = made;
  return 0;
}

int sk_load_resident_keys(const char*, void**, void***, std::size_t*) {
  return kUnsupported;
}

}  // extern "C"
