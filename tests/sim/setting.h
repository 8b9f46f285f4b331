#pragma once

// What a simulated fleet starts from: a tenant with people and keys, one policy, and hosts that
// hold a token of the tenant. The same in every run.

#include <string>
#include <vector>

#include "protocol/model/order.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::sim {

// What comes back is cleaned so often again.
inline constexpr int kRounds = 2;

// What a host was given and made for itself.
struct HostKeys {
  crypto::SecretKey identity;
  CurveKey curve;
  Bytes request;  // its signed AgentKey
};

class Setting {
 public:
  Setting();

  fixture::Tenant tenant;
  trust::VerifiedRoot root;
  model::Policy policy;  // by hash (a file with sha256 aa..aa), quarantine, rescans at 0 s and 20 s
  Bytes policy_bytes;
  Digest digest;
  Bytes batch;  // the signed EnrolBatch

  HostKeys host_keys(std::size_t number) const;

  // Waves: canaries (permille `canary`), then everybody by an `auto` gate half a minute later;
  // 1000 makes one wave of all.
  model::Order dry_run() const;
  model::Order apply(const DocumentId& dry_run, std::uint16_t canary = 100) const;

 private:
  crypto::SecretKey token_;
};

// Made once: nothing in it changes.
const Setting& setting();

}  // namespace fleetsweep::sim
