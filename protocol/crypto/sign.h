#pragma once

// Ed25519 over DSSE's pre-authentication encoding. libsodium signs and verifies (twice as fast as
// OpenSSL 3.0, and it refuses small-order keys).

#include "protocol/base/ids.h"
#include "protocol/model/envelope.h"

namespace fleetsweep::crypto {

// An Ed25519 key pair; the secret is wiped when it goes. A moved-from key is all zero and must not
// sign.
class SecretKey {
 public:
  static SecretKey generate();
  static SecretKey from_seed(const std::array<std::uint8_t, 32>& seed);
  SecretKey(SecretKey&&) noexcept;
  SecretKey& operator=(SecretKey&&) noexcept;
  ~SecretKey();

  const PublicKey& public_key() const { return public_; }
  std::array<std::uint8_t, 32> seed() const;
  Signature sign(BytesView message) const;

 private:
  SecretKey() = default;
  PublicKey public_;
  std::array<std::uint8_t, 64> secret_{};
};

// kInvalid says why a public key may not enter a root: one of the 14 low-order encodings, y >= p,
// or no point of the prime-order group. With such a key one fixed signature can fit every message.
Status admissible(const PublicKey& key);

// False also for a signature that is not 64 bytes, a scalar S >= L (malleable), a low-order R and a
// low-order or non-canonical key.
bool verify(const PublicKey& key, BytesView message, BytesView signature);

KeyId key_id(const PublicKey& key);      // SHA-256(key)
AgentId agent_id(const PublicKey& key);  // SHA-256(identity key)

// "DSSEv1" SP len(type) SP type SP len(body) SP body; https://github.com/secure-systems-lab/dsse
// protocol.md v1.
Bytes pae(std::string_view payload_type, BytesView payload);
DocumentId document_id(const model::Envelope& envelope);  // SHA-256(PAE)

// Whether this key signed this envelope's type and payload. Key ids are not looked at.
bool verify_envelope(const PublicKey& key, const model::Envelope& envelope);
// An envelope with one signature; add_signature appends. kConflict: this key signed already;
// kOverloaded: limits::kSignatures are there.
model::Envelope sign_envelope(std::string_view payload_type, Bytes payload, const SecretKey& key);
Status add_signature(model::Envelope& envelope, const SecretKey& key);

}  // namespace fleetsweep::crypto
