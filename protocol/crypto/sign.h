#pragma once

// Ed25519 over DSSE's pre-authentication encoding. libsodium signs and verifies (twice as fast as
// OpenSSL 3.0, and it refuses small-order keys).

#include <optional>

#include "protocol/base/ids.h"
#include "protocol/model/envelope.h"

namespace fleetsweep::crypto {

// An Ed25519 key pair; the secret is wiped when it goes.
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

// Why a public key may not enter a root: one of the low-order encodings, or y >= p.
Status admissible(const PublicKey& key);

bool verify(const PublicKey& key, BytesView message, BytesView signature);

KeyId key_id(const PublicKey& key);      // SHA-256(key)
AgentId agent_id(const PublicKey& key);  // SHA-256(identity key)

// "DSSEv1" SP len(type) SP type SP len(body) SP body; https://github.com/secure-systems-lab/dsse
// protocol.md v1.
Bytes pae(std::string_view payload_type, BytesView payload);
DocumentId document_id(const model::Envelope& envelope);  // SHA-256(PAE)

// An envelope with one signature; add_signature appends (the same key twice is refused).
model::Envelope sign_envelope(std::string_view payload_type, Bytes payload, const SecretKey& key);
Status add_signature(model::Envelope& envelope, const SecretKey& key);

}  // namespace fleetsweep::crypto
