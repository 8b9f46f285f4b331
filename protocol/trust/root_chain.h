#pragma once

// The root chain: version 1 is the tenant (its hash is the tenant id), version N + 1 is signed by
// the thresholds of N and of N + 1 (TUF 1.0 section 5.3), and each key it introduces signs it
// (proof of possession).

#include <optional>
#include <vector>

#include "protocol/model/envelope.h"
#include "protocol/model/root.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

// SHA-256("fleetsweep/tenant/v1\0" || payload of Root v1).
TenantId tenant_id(BytesView root_v1_payload);

// A root that verification made; there is no other way to obtain one. A value.
class VerifiedRoot {
 public:
  const model::Root& root() const { return root_; }
  const DocumentId& id() const { return id_; }
  const TenantId& tenant() const { return tenant_; }
  std::uint64_t version() const { return root_.version; }
  bool operator==(const VerifiedRoot&) const = default;

 private:
  friend Checked<VerifiedRoot> accept_first_root(const model::Envelope&,
                                                 const std::optional<TenantId>&);
  friend Checked<VerifiedRoot> accept_next_root(const VerifiedRoot&, const model::Envelope&);
  VerifiedRoot(model::Root root, DocumentId id, TenantId tenant)
      : root_(std::move(root)), id_(id), tenant_(tenant) {}

  model::Root root_;
  DocumentId id_;
  TenantId tenant_;
};

// kTenant: not the tenant that was expected (an enrolled host always expects one).
Checked<VerifiedRoot> accept_first_root(const model::Envelope& envelope,
                                        const std::optional<TenantId>& expected);
Checked<VerifiedRoot> accept_next_root(const VerifiedRoot& current,
                                       const model::Envelope& envelope);

// Encoded envelopes, version 1 first, at most limits::kRootChain. Expiry is not judged here: an
// expired root still leads to the next one.
Checked<VerifiedRoot> accept_root_chain(const std::vector<Bytes>& envelopes,
                                        const std::optional<TenantId>& expected);

}  // namespace fleetsweep::trust
