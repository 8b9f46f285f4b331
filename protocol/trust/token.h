#pragma once

// Enrolment. A token is one line:
//   fs1-base32( tenant id 32 | edge CURVE key 32 | token seed 32 | expiry u32 big-endian | check 4
//   )
// check = the first 4 bytes of SHA-256 of what precedes. The seed makes a one-time signing key
// whose public half the tenant signed in an EnrolBatch; it never reaches the controller, so a
// controller cannot invent hosts.

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/model/envelope.h"
#include "protocol/trust/state.h"

namespace fleetsweep::trust {

struct EnrolToken {
  TenantId tenant;
  CurveKey edge;
  std::array<std::uint8_t, 32> seed{};
  Timestamp expires;  // up to 2106
  bool operator==(const EnrolToken&) const = default;
};

std::string token_text(const EnrolToken& token);
// kInvalid: what is wrong with the line (a mistyped one is told by its check). Expiry is the
// caller's to compare.
Result<EnrolToken> parse_token(std::string_view line);

struct Enrolment {
  AgentId agent;
  model::AgentKey key;
  model::EnrolBatch batch;  // gives the host its groups and jurisdiction
};

// The controller's check of an AgentKey. `uses`: how many hosts this token key has enrolled
// already. A host that repeats its own request is the caller's to recognise (same agent id) before
// this. kUntrusted: a signature is missing or the token is in no batch. kExpired: the batch ended
// or the token is used up.
Checked<Enrolment> check_enrolment(const State& state, BytesView envelope,
                                   const std::function<std::uint32_t(const PublicKey&)>& uses,
                                   Timestamp now);

// The controller's check of a new transport key for a host it knows: `known` is the newest AgentKey
// it holds of it. Only the CURVE key and the time may differ, and the time grows, so that an old
// key that somebody kept cannot come back. The identity key alone signs.
Checked<model::AgentKey> check_rekey(const model::AgentKey& known, BytesView envelope);

// The host's check of what the enrolment reply carries: the batch is of its tenant, signed by
// `enrol` under this root, and holds its token key.
Checked<model::EnrolBatch> check_batch(const VerifiedRoot& root, BytesView envelope,
                                       const PublicKey& token);

}  // namespace fleetsweep::trust
