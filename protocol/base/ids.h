#pragma once

// The identities of this system. All are hashes or public keys, so an id proves what it names.

#include "protocol/base/bytes.h"

namespace fleetsweep {

using Digest = Fixed<32, struct DigestTag>;        // SHA-256 of something
using DocumentId = Fixed<32, struct DocumentTag>;  // SHA-256(PAE(payloadType, payload)); order id,
                                                   // stop id, receipt id
using TenantId =
    Fixed<32, struct TenantTag>;  // SHA-256("fleetsweep/tenant/v1\0" || payload of Root v1)
using AgentId = Fixed<32, struct AgentTag>;  // SHA-256(identity public key)
using KeyId = Fixed<32, struct KeyIdTag>;    // SHA-256(raw public key); a hint, never a decision
using PublicKey = Fixed<32, struct PublicKeyTag>;  // Ed25519
using CurveKey = Fixed<32, struct CurveKeyTag>;    // X25519, ZeroMQ CURVE or sealing
using Signature = Fixed<64, struct SignatureTag>;  // Ed25519
using Nonce = Fixed<16, struct NonceTag>;
using BootId = Fixed<16, struct BootTag>;

}  // namespace fleetsweep
