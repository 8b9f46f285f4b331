#include "protocol/trust/token.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;

namespace {

constexpr std::string_view kPrefix = "fs1-";
constexpr std::size_t kBodyBytes = 32 + 32 + 32 + 4;
constexpr std::size_t kCheckBytes = 4;

BytesView check_of(BytesView body, Digest& storage) {
  storage = crypto::sha256(body);
  return BytesView(storage.value).first(kCheckBytes);
}

bool is_signed_by(const model::Envelope& envelope, const PublicKey& key) {
  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  return std::any_of(
      envelope.signatures.begin(), envelope.signatures.end(),
      [&](const auto& signature) { return crypto::verify(key, message, signature.signature); });
}

// Identity and token; whoever sends more wants us to check them all.
constexpr std::size_t kEnrolmentSignatures = 2;
constexpr std::size_t kRekeySignatures = 1;

Checked<model::AgentKey> read_agent_key(const model::Envelope& envelope, std::size_t signatures) {
  if (envelope.signatures.size() > signatures)
    return refuse(Reason::kMalformed, "{} signatures, at most {} have a meaning here",
                  envelope.signatures.size(), signatures);
  if (envelope.payload_type != model::kPayloadAgentKey)
    return refuse(Reason::kMalformed, "payload type '{}' where an agent key was expected",
                  escaped(envelope.payload_type));
  if (envelope.payload.size() > limits::kAgentKeyBytes)
    return refuse(Reason::kMalformed, "an agent key of {} bytes, at most {}",
                  envelope.payload.size(), limits::kAgentKeyBytes);
  FS_CHECK(check_schema(envelope.payload));
  auto key = codec::decode<model::AgentKey>(envelope.payload);
  if (!key) return refuse(Reason::kMalformed, "agent key: {}", key.error().message);
  return std::move(*key);
}

Checked<model::Envelope> read_envelope(BytesView bytes) {
  if (bytes.size() > limits::kLogEntryBytes)
    return refuse(Reason::kMalformed, "an envelope of {} bytes, at most {}", bytes.size(),
                  limits::kLogEntryBytes);
  auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope) return refuse(Reason::kMalformed, "envelope: {}", envelope.error().message);
  return std::move(*envelope);
}

const model::Token* token_in(const model::EnrolBatch& batch, const PublicKey& key) {
  const auto found = std::find_if(batch.tokens.begin(), batch.tokens.end(),
                                  [&](const model::Token& token) { return token.pub == key; });
  return found == batch.tokens.end() ? nullptr : &*found;
}

}  // namespace

std::string token_text(const EnrolToken& token) {
  Bytes body;
  append(body, token.tenant.view());
  append(body, token.edge.view());
  append(body, BytesView(token.seed));
  const auto expires = static_cast<std::uint32_t>(unix_seconds(token.expires));
  for (int shift = 24; shift >= 0; shift -= 8)
    body.push_back(static_cast<std::uint8_t>(expires >> shift));
  Digest storage;
  append(body, check_of(Bytes(body), storage));
  return std::string(kPrefix) + to_base32(body);
}

Result<EnrolToken> parse_token(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
    line.remove_suffix(1);
  if (!line.starts_with(kPrefix))
    return fail(Code::kInvalid, "enrolment token: expected a line that starts with {}", kPrefix);
  auto bytes = from_base32(line.substr(kPrefix.size()));
  if (!bytes) return fail(bytes.error().within("enrolment token"));
  if (bytes->size() != kBodyBytes + kCheckBytes)
    return fail(Code::kInvalid, "enrolment token: {} bytes, expected {}: was it cut?",
                bytes->size(), kBodyBytes + kCheckBytes);
  const BytesView body = BytesView(*bytes).first(kBodyBytes);
  Digest storage;
  if (!equal(check_of(body, storage), BytesView(*bytes).subspan(kBodyBytes)))
    return fail(Code::kInvalid, "enrolment token: its check does not fit: was it mistyped?");
  EnrolToken token;
  std::copy_n(body.begin(), 32, token.tenant.value.begin());
  std::copy_n(body.begin() + 32, 32, token.edge.value.begin());
  std::copy_n(body.begin() + 64, 32, token.seed.begin());
  std::uint32_t expires = 0;
  for (std::uint8_t byte : body.subspan(96)) expires = expires << 8 | byte;
  token.expires = timestamp(expires);
  return token;
}

Checked<Enrolment> check_enrolment(const State& state, BytesView bytes,
                                   const std::function<std::uint32_t(const PublicKey&)>& uses,
                                   Timestamp now) {
  FS_TRY(const model::Envelope envelope, read_envelope(bytes));
  FS_TRY(model::AgentKey key, read_agent_key(envelope, kEnrolmentSignatures));
  if (key.tenant != state.tenant)
    return refuse(Reason::kTenant, "for tenant {}, this is {}", key.tenant.hex(),
                  state.tenant.hex());
  if (auto status = crypto::admissible(key.identity); !status)
    return refuse(Reason::kUntrusted, "identity key: {}", status.error().message);
  if (key.curve.is_zero()) return refuse(Reason::kMalformed, "agent key: the CURVE key is zero");
  const auto entry = std::find_if(
      state.batches.begin(), state.batches.end(),
      [&](const auto& item) { return token_in(item.second.batch, key.token) != nullptr; });
  if (entry == state.batches.end())
    return refuse(Reason::kUntrusted, "the token is in no batch of this tenant");
  if (!is_signed_by(envelope, key.identity))
    return refuse(Reason::kUntrusted, "the identity key did not sign");
  if (!is_signed_by(envelope, key.token))
    return refuse(Reason::kUntrusted, "the token's key did not sign");
  const model::EnrolBatch& batch = entry->second.batch;
  if (now >= batch.not_after)
    return refuse(Reason::kExpired, "the batch ended {}", to_rfc3339(batch.not_after));
  const std::uint32_t used = uses(key.token);
  if (used >= token_in(batch, key.token)->uses_max)
    return refuse(Reason::kExpired,
                  "the token was used {} time(s), which is all: ask for a new one", used);
  const AgentId agent = crypto::agent_id(key.identity);
  return Enrolment{agent, std::move(key), batch};
}

Checked<model::AgentKey> check_rekey(const model::AgentKey& known, BytesView bytes) {
  FS_TRY(const model::Envelope envelope, read_envelope(bytes));
  FS_TRY(model::AgentKey key, read_agent_key(envelope, kRekeySignatures));
  if (key.tenant != known.tenant)
    return refuse(Reason::kTenant, "for tenant {}, this host is of {}", key.tenant.hex(),
                  known.tenant.hex());
  if (key.identity != known.identity || key.host != known.host || key.token != known.token)
    return refuse(Reason::kUntrusted, "of another host: identity, machine or token differ");
  if (key.curve.is_zero()) return refuse(Reason::kMalformed, "agent key: the CURVE key is zero");
  if (key.curve == known.curve || key.issued <= known.issued)
    return refuse(Reason::kUntrusted, "not newer than the key of {}", to_rfc3339(known.issued));
  if (!is_signed_by(envelope, key.identity))
    return refuse(Reason::kUntrusted, "the identity key did not sign");
  return key;
}

Checked<model::EnrolBatch> check_batch(const VerifiedRoot& root, BytesView bytes,
                                       const PublicKey& token) {
  FS_TRY(const model::Envelope envelope, read_envelope(bytes));
  if (envelope.payload_type != model::kPayloadEnrolBatch)
    return refuse(Reason::kMalformed, "payload type '{}' where an enrol batch was expected",
                  escaped(envelope.payload_type));
  const Keys signed_by = signers(envelope, root.root());
  FS_CHECK(meets(root.root(), Role::kEnrol, signed_by));
  FS_CHECK(check_schema(envelope.payload));
  auto batch = codec::decode<model::EnrolBatch>(envelope.payload);
  if (!batch) return refuse(Reason::kMalformed, "enrol batch: {}", batch.error().message);
  if (batch->tenant != root.tenant())
    return refuse(Reason::kTenant, "for tenant {}, this is {}", batch->tenant.hex(),
                  root.tenant().hex());
  if (!token_in(*batch, token))
    return refuse(Reason::kUntrusted, "the batch does not hold this host's token");
  return std::move(*batch);
}

}  // namespace fleetsweep::trust
