#include "protocol/trust/root_chain.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/quorum.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;
using model::Root;

namespace {

Checked<void> check_frame(const model::Envelope& envelope) {
  if (envelope.payload_type != model::kPayloadRoot)
    return refuse(Reason::kMalformed, "payload type '{}' where a root was expected",
                  escaped(envelope.payload_type));
  if (envelope.payload.size() > limits::kRootBytes)
    return refuse(Reason::kMalformed, "a root of {} bytes, at most {}", envelope.payload.size(),
                  limits::kRootBytes);
  return {};
}

Checked<Root> read(const model::Envelope& envelope) {
  FS_CHECK(check_schema(envelope.payload));
  auto root = codec::decode<Root>(envelope.payload);
  if (!root) return refuse(Reason::kMalformed, "root: {}", root.error().message);
  if (root->agent_schema_min > kAgentSchema)
    return refuse(Reason::kSchema, "root version {} needs schema {}, this build knows {}",
                  root->version, root->agent_schema_min, kAgentSchema);
  if (const auto wrong = mistakes(*root); !wrong.empty())
    return refuse(Reason::kMalformed, "root version {}: {}", root->version, fmt::join(wrong, "; "));
  return std::move(*root);
}

// Keys that nobody can use may not enter. The conductor's is exempt: it is on a server that is not
// there when people meet to sign, it opens `auto` gates only, and these prove possession by
// themselves.
Checked<void> check_possession(const Root& root, const Root* before, const Keys& signed_by) {
  std::set<std::uint16_t> conductor;
  for (const auto& rule : root.roles)
    if (rule.role == Role::kConductor)
      for (const auto& clause : rule.clauses)
        conductor.insert(clause.keys.begin(), clause.keys.end());
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    const model::Key& key = root.keys[i];
    const bool known = before && std::any_of(before->keys.begin(), before->keys.end(),
                                             [&](const auto& old) { return old.pub == key.pub; });
    if (known || conductor.contains(static_cast<std::uint16_t>(i))) continue;
    if (!std::binary_search(signed_by.begin(), signed_by.end(), key.pub))
      return refuse(Reason::kUntrusted, "root version {}: new key {} of {} did not sign it",
                    root.version, i, key.holder);
  }
  return {};
}

}  // namespace

TenantId tenant_id(BytesView root_v1_payload) {
  using namespace std::string_view_literals;
  const Digest digest = crypto::sha256({as_bytes("fleetsweep/tenant/v1\0"sv), root_v1_payload});
  TenantId id;
  id.value = digest.value;
  return id;
}

Checked<VerifiedRoot> accept_first_root(const model::Envelope& envelope,
                                        const std::optional<TenantId>& expected) {
  FS_CHECK(check_frame(envelope));
  const TenantId tenant = tenant_id(envelope.payload);
  if (expected && tenant != *expected)
    return refuse(Reason::kTenant, "root version 1 is tenant {}, expected {}", tenant.hex(),
                  expected->hex());
  FS_TRY(Root root, read(envelope));
  if (root.version != 1)
    return refuse(Reason::kRootVersion, "root version {} where version 1 was expected",
                  root.version);
  const Keys signed_by = signers(envelope, root);
  FS_CHECK(meets(root, Role::kRoot, signed_by));
  FS_CHECK(check_possession(root, nullptr, signed_by));
  return VerifiedRoot(std::move(root), crypto::document_id(envelope), tenant);
}

Checked<VerifiedRoot> accept_next_root(const VerifiedRoot& current,
                                       const model::Envelope& envelope) {
  FS_CHECK(check_frame(envelope));
  const Keys signed_by_current = signers(envelope, current.root());
  if (signed_by_current.empty())
    return refuse(Reason::kUntrusted, "no key of root version {} signed this root",
                  current.version());
  FS_TRY(Root root, read(envelope));
  if (root.version != current.version() + 1)
    return refuse(Reason::kRootVersion, "root version {} after version {}", root.version,
                  current.version());
  if (root.tenant != current.tenant())
    return refuse(Reason::kTenant, "root of tenant {} after one of {}", root.tenant.hex(),
                  current.tenant().hex());
  if (root.previous != current.id())
    return refuse(Reason::kUntrusted, "root version {} follows another version {}", root.version,
                  current.version());
  const Keys signed_by_next = signers(envelope, root);
  FS_CHECK(meets(current.root(), Role::kRoot, signed_by_current));
  FS_CHECK(meets(root, Role::kRoot, signed_by_next));
  FS_CHECK(check_possession(root, &current.root(), signed_by_next));
  return VerifiedRoot(std::move(root), crypto::document_id(envelope), current.tenant());
}

Checked<VerifiedRoot> accept_root_chain(const std::vector<Bytes>& envelopes,
                                        const std::optional<TenantId>& expected) {
  if (envelopes.empty() || envelopes.size() > limits::kRootChain)
    return refuse(Reason::kMalformed, "a chain of {} roots, expected 1 to {}", envelopes.size(),
                  limits::kRootChain);
  std::optional<VerifiedRoot> head;
  for (const Bytes& bytes : envelopes) {
    if (bytes.size() > limits::kLogEntryBytes)
      return refuse(Reason::kMalformed, "a root envelope of {} bytes, at most {}", bytes.size(),
                    limits::kLogEntryBytes);
    auto envelope = codec::decode<model::Envelope>(bytes);
    if (!envelope) return refuse(Reason::kMalformed, "root envelope: {}", envelope.error().message);
    FS_TRY(head,
           head ? accept_next_root(*head, *envelope) : accept_first_root(*envelope, expected));
  }
  return std::move(*head);
}

}  // namespace fleetsweep::trust
