#include "protocol/trust/time_proof.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::trust {

using model::Reason;

namespace {

constexpr std::string_view kDomain("fleetsweep/time/v1\0", 19);

}  // namespace

Nonce time_nonce(const BootId& boot, Seconds asked, const Nonce& salt) {
  std::array<std::uint8_t, 8> moment{};
  for (std::size_t i = 0; i < moment.size(); ++i)
    moment[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(asked.count()) >>
                                          (8 * (moment.size() - 1 - i)));
  const Digest digest = crypto::sha256({as_bytes(kDomain), boot.view(), moment, salt.view()});
  Nonce nonce;
  std::copy_n(digest.value.begin(), nonce.value.size(), nonce.value.begin());
  return nonce;
}

Checked<TimeFloor> verify_time(const model::TimeProof& proof, const model::Root& root,
                               const TenantId& tenant, const ClockReading& clock) {
  const auto envelope = codec::decode<model::Envelope>(proof.statement);
  if (!envelope) return refuse(Reason::kMalformed, "time statement: {}", envelope.error().message);
  if (envelope->payload_type != model::kPayloadTime ||
      envelope->payload.size() > limits::kTimeBytes)
    return refuse(Reason::kMalformed, "'{}' of {} bytes where a time statement was expected",
                  escaped(envelope->payload_type), envelope->payload.size());
  if (envelope->signatures.size() != 1 ||
      std::none_of(root.time_keys.begin(), root.time_keys.end(),
                   [&](const PublicKey& key) { return crypto::verify_envelope(key, *envelope); }))
    return refuse(Reason::kUntrusted, "time statement: not signed by a time key of root version {}",
                  root.version);
  FS_CHECK(check_schema(envelope->payload));
  const auto statement = codec::decode<model::TimeStatement>(envelope->payload);
  if (!statement)
    return refuse(Reason::kMalformed, "time statement: {}", statement.error().message);
  if (statement->tenant != tenant)
    return refuse(Reason::kUntrusted, "time statement: for tenant {}", statement->tenant.hex());
  if (proof.asked > clock.boottime ||
      statement->nonce != time_nonce(clock.boot, proof.asked, proof.salt))
    return refuse(Reason::kClock, "time statement: it answers another question (nonce {})",
                  statement->nonce.hex());
  return TimeFloor{statement->time, proof.asked, clock.boot, true};
}

}  // namespace fleetsweep::trust
