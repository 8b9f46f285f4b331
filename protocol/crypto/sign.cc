#include "protocol/crypto/sign.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sodium.h"

namespace fleetsweep::crypto {
namespace {

using Encoding = std::array<std::uint8_t, 32>;

// The y coordinates of the points whose order divides 8, little-endian, each of which has two
// encodings (sign bit clear or set): 14 in all. https://eprint.iacr.org/2020/1244 table 2.
constexpr std::uint8_t kTail = 0x7f;
constexpr Encoding low_order_y(std::uint8_t first, std::uint8_t middle, std::uint8_t last) {
  Encoding y{};
  y.fill(middle);
  y.front() = first;
  y.back() = last;
  return y;
}
constexpr Encoding kLowOrder[] = {
    low_order_y(0x00, 0x00, 0x00),   // order 4
    low_order_y(0x01, 0x00, 0x00),   // order 1
    low_order_y(0xec, 0xff, kTail),  // order 2: p - 1
    low_order_y(0xed, 0xff, kTail),  // order 4, not canonical: p
    low_order_y(0xee, 0xff, kTail),  // order 1, not canonical: p + 1
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},  // order 8
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},  // order 8
};

// y >= p = 2^255 - 19, with the sign bit already cleared.
bool exceeds_field(const Encoding& y) {
  return y.back() == 0x7f && y.front() >= 0xed &&
         std::all_of(y.begin() + 1, y.end() - 1, [](std::uint8_t byte) { return byte == 0xff; });
}

}  // namespace

SecretKey SecretKey::generate() {
  ensure_sodium();
  SecretKey key;
  crypto_sign_ed25519_keypair(key.public_.value.data(), key.secret_.data());
  return key;
}

SecretKey SecretKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  SecretKey key;
  crypto_sign_ed25519_seed_keypair(key.public_.value.data(), key.secret_.data(), seed.data());
  return key;
}

SecretKey::SecretKey(SecretKey&& other) noexcept : public_(other.public_), secret_(other.secret_) {
  other.public_ = PublicKey{};
  sodium_memzero(other.secret_.data(), other.secret_.size());
}

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    public_ = std::exchange(other.public_, PublicKey{});
    secret_ = other.secret_;
    sodium_memzero(other.secret_.data(), other.secret_.size());
  }
  return *this;
}

SecretKey::~SecretKey() {
  sodium_memzero(secret_.data(), secret_.size());
}

std::array<std::uint8_t, 32> SecretKey::seed() const {
  std::array<std::uint8_t, 32> seed;
  crypto_sign_ed25519_sk_to_seed(seed.data(), secret_.data());
  return seed;
}

Signature SecretKey::sign(BytesView message) const {
  FS_ASSERT(!public_.is_zero());
  Signature signature;
  crypto_sign_ed25519_detached(signature.value.data(), nullptr, message.data(), message.size(),
                               secret_.data());
  return signature;
}

Status admissible(const PublicKey& key) {
  Encoding y = key.value;
  y.back() &= 0x7f;
  if (std::ranges::find(kLowOrder, y) != std::end(kLowOrder))
    return fail(Code::kInvalid, "public key {} is a point of low order", key.hex());
  if (exceeds_field(y))
    return fail(Code::kInvalid, "public key {} is not canonical: y is not below 2^255 - 19",
                key.hex());
  if (crypto_core_ed25519_is_valid_point(key.value.data()) != 1)
    return fail(Code::kInvalid, "public key {} is not a point of the Ed25519 group", key.hex());
  return {};
}

bool verify(const PublicKey& key, BytesView message, BytesView signature) {
  return signature.size() == Signature::kSize &&
         crypto_sign_ed25519_verify_detached(signature.data(), message.data(), message.size(),
                                             key.value.data()) == 0;
}

KeyId key_id(const PublicKey& key) {
  return KeyId{sha256(key.value).value};
}

AgentId agent_id(const PublicKey& key) {
  return AgentId{sha256(key.value).value};
}

Bytes pae(std::string_view payload_type, BytesView payload) {
  Bytes message =
      to_bytes(fmt::format("DSSEv1 {} {} {} ", payload_type.size(), payload_type, payload.size()));
  append(message, payload);
  return message;
}

DocumentId document_id(const model::Envelope& envelope) {
  return DocumentId{sha256(pae(envelope.payload_type, envelope.payload)).value};
}

bool verify_envelope(const PublicKey& key, const model::Envelope& envelope) {
  const Bytes message = pae(envelope.payload_type, envelope.payload);
  return std::ranges::any_of(envelope.signatures, [&](const model::EnvelopeSignature& signature) {
    return verify(key, message, signature.signature);
  });
}

model::Envelope sign_envelope(std::string_view payload_type, Bytes payload, const SecretKey& key) {
  model::Envelope envelope{std::string(payload_type), std::move(payload), {}};
  const Signature signature = key.sign(pae(envelope.payload_type, envelope.payload));
  envelope.signatures.push_back({key_id(key.public_key()), to_bytes(signature.view())});
  return envelope;
}

Status add_signature(model::Envelope& envelope, const SecretKey& key) {
  if (verify_envelope(key.public_key(), envelope))
    return fail(Code::kConflict, "key {} has signed this document already",
                key_id(key.public_key()).hex());
  if (envelope.signatures.size() >= limits::kSignatures)
    return fail(Code::kOverloaded, "this document has {} signatures, as many as there may be",
                envelope.signatures.size());
  const Signature signature = key.sign(pae(envelope.payload_type, envelope.payload));
  envelope.signatures.push_back({key_id(key.public_key()), to_bytes(signature.view())});
  return {};
}

}  // namespace fleetsweep::crypto
