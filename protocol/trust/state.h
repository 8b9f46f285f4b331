#pragma once

// What a tenant's control log amounts to. A plain value: the same entries make the same state
// everywhere.

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/model/order.h"
#include "protocol/trust/quorum.h"
#include "protocol/trust/root_chain.h"

namespace fleetsweep::trust {

// Where in the log a document stands, and the witness time of the first verified checkpoint that
// covered it there. A Stop taken from a file has index kNotLogged.
inline constexpr std::uint64_t kNotLogged = ~std::uint64_t{0};
struct Logged {
  std::uint64_t index = kNotLogged;
  Timestamp seen;
  bool operator==(const Logged&) const = default;
};

struct OrderEntry {
  Logged logged;
  Bytes envelope;  // as in the log
  model::Order order;
  Keys signed_by;  // whose approval verified; counted against the current root at every gate
  bool operator==(const OrderEntry&) const = default;
};
// At most one per wave and authority, so that whoever holds the conductor's key cannot fill the
// state.
struct ReleaseKey {
  DocumentId order;
  std::uint16_t wave = 0;
  bool conductor = false;  // signed by the conductor only: opens `auto` gates
  auto operator<=>(const ReleaseKey&) const = default;
};
struct ReleaseEntry {
  DocumentId id;
  Logged logged;
  model::Release release;
  Keys signed_by;
  bool operator==(const ReleaseEntry&) const = default;
};
struct StopEntry {
  Logged logged;
  Bytes envelope;
  model::Stop stop;
  bool operator==(const StopEntry&) const = default;
};
struct ResumeEntry {
  Logged logged;
  Bytes envelope;
  bool operator==(const ResumeEntry&) const = default;
};
struct BatchEntry {
  Logged logged;
  Bytes envelope;
  model::EnrolBatch batch;
  bool operator==(const BatchEntry&) const = default;
};

// A newer root asks less for this role than `root` did: until then, what `root` asked is asked too.
struct OlderRule {
  model::Role role = model::Role::kRoot;
  VerifiedRoot root;
  Timestamp until;
  bool operator==(const OlderRule&) const = default;
};

// A document that does all that the root in force asks, and not yet what an older rule asks:
// taken when that ends. Roots wait in a row, each the successor of the one before it.
struct WaitingEntry {
  Logged logged;
  Bytes envelope;
  std::optional<VerifiedRoot> root;  // only of a Root
  bool operator==(const WaitingEntry&) const = default;
};

struct State {
  TenantId tenant;
  std::uint64_t size = 0;            // entries folded
  std::optional<VerifiedRoot> root;  // the newest; empty before entry 0
  std::vector<Bytes> root_chain;     // encoded envelopes, version 1 first: what act verifies
  Timestamp begun;                   // when entry 0 was seen
  // Until when orders of a class wait because a newer root made their rule weaker.
  std::array<Timestamp, model::kClasses> weakened_until{};
  std::vector<OlderRule> older_rules;  // for the roles root, resume, enrol and infra
  std::vector<WaitingEntry> waiting;
  std::map<DocumentId, OrderEntry> orders;
  std::map<ReleaseKey, ReleaseEntry> releases;
  std::map<DocumentId, StopEntry> stops;  // active ones
  std::map<DocumentId, ResumeEntry> resumes;
  std::set<DocumentId> resumed;   // stops that are lifted for ever
  bool stops_overflowed = false;  // more active stops than we can hold: everything stands still
  std::optional<model::Endpoints> endpoints;  // the highest version
  Bytes endpoints_envelope;
  std::map<Nonce, BatchEntry> batches;         // only if the fold was told to keep them
  std::map<std::string, model::Close> closes;  // by campaign; the first one counts

  bool operator==(const State&) const = default;
};

// Keys that an active Stop names.
Keys stopped_keys(const State& state);

// What the older rules for a role ask is not met by who signed this, and is asked until then.
std::optional<Timestamp> older_rule_until(const State& state, model::Role role,
                                          const model::Envelope& envelope, Timestamp at);

// Why an order may not run: the first active Stop that hits it, as a sentence. The class is the one
// computed, or the claimed one where the policy is not known yet.
std::optional<std::string> stopped(const State& state, const DocumentId& order,
                                   const model::Order& document, model::Class action_class,
                                   const std::optional<AgentId>& agent);

}  // namespace fleetsweep::trust
