#pragma once

// What the controller writes down. Rows of entries, receipts, forks, blobs, agents, trips and audit
// are only ever added; Checkpoint, AgentRekey, AgentSeen, Clone, Quota and CampaignHost replace
// their older self, and an API token may be revoked. A Pending replaces its older self and goes.
// Keys start with the tenant's number. Hosts have small sequential numbers: hashed keys are 20
// times slower.

#include <optional>
#include <string>
#include <variant>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::store {

using TenantNo = std::uint32_t;  // 1, 2, 3 ...
using HostNo = std::uint32_t;    // 1, 2, 3 ... within its tenant

struct Tenant {
  TenantNo no = 0;
  TenantId id;
  std::string name;
  Timestamp created;
  bool operator==(const Tenant&) const = default;
};
struct Entry {
  TenantNo tenant = 0;
  std::uint64_t index = 0;
  Bytes envelope;
  Timestamp admitted;
  bool operator==(const Entry&) const = default;
};
struct Checkpoint {  // the newest witnessed one
  TenantNo tenant = 0;
  std::uint64_t size = 0;
  std::string note;
  Timestamp time;  // when it was witnessed
  bool operator==(const Checkpoint&) const = default;
};
// The first witnessed checkpoint that covers the log up to `size`: wave delays run from it.
struct Witnessed {
  TenantNo tenant = 0;
  std::uint64_t size = 0;
  Timestamp time;
  bool operator==(const Witnessed&) const = default;
};
struct Blob {
  TenantNo tenant = 0;
  Digest digest;
  Bytes bytes;
  bool operator==(const Blob&) const = default;
};
struct Agent {
  TenantNo tenant = 0;
  HostNo no = 0;
  Bytes agent_key;  // the envelope it enrolled with
  Nonce batch;
  Timestamp enrolled;
  bool operator==(const Agent&) const = default;
};
// A later transport key of an agent, in the order in which they served. One that was never used is
// replaced by the next offer.
struct AgentRekey {
  TenantNo tenant = 0;
  HostNo no = 0;
  std::uint32_t number = 0;  // 1, 2, 3 ...
  Bytes agent_key;           // the envelope, signed by the identity key
  Timestamp received;
  std::optional<Timestamp> used;  // first; since then the one before it opens nothing
  bool operator==(const AgentRekey&) const = default;
};
struct AgentRekeyUsed {
  TenantNo tenant = 0;
  HostNo no = 0;
  std::uint32_t number = 0;
  Timestamp used;
  bool operator==(const AgentRekeyUsed&) const = default;
};
struct AgentSeen {  // its newest Hello: claims
  TenantNo tenant = 0;
  HostNo no = 0;
  Bytes hello;  // an encoded model::Message
  Timestamp heard;
  bool operator==(const AgentSeen&) const = default;
};
struct Receipt {
  TenantNo tenant = 0;
  HostNo host = 0;
  std::uint64_t seq = 0;
  DocumentId id;
  DocumentId order;
  std::string campaign;  // empty: of no order in the log
  model::ReceiptKind kind = model::ReceiptKind::kRefused;
  model::HostState state = model::HostState::kRefused;
  model::Reason reason = model::Reason::kNone;
  std::uint32_t matched = 0;
  std::uint32_t acted = 0;
  Timestamp received;
  Bytes envelope;
  bool operator==(const Receipt&) const = default;
};
// A second receipt with a number that is taken: a cloned image or a stolen key.
struct Fork {
  TenantNo tenant = 0;
  HostNo host = 0;
  std::uint64_t seq = 0;
  DocumentId id;
  Timestamp received;
  Bytes envelope;
  bool operator==(const Fork&) const = default;
};
// Somebody with a good token was refused because he looked like this host: its machine or its
// identity again.
struct Clone {
  TenantNo tenant = 0;
  HostNo host = 0;
  std::uint32_t refused = 0;  // so often
  Timestamp last;
  bool operator==(const Clone&) const = default;
};
// Derived from receipts: a host's newest word in a campaign. `rebuild` makes the same rows anew.
struct CampaignHost {
  TenantNo tenant = 0;
  std::string campaign;
  HostNo host = 0;
  std::uint64_t seq = 0;
  DocumentId order;
  model::ReceiptKind kind = model::ReceiptKind::kRefused;
  model::HostState state = model::HostState::kRefused;
  model::Reason reason = model::Reason::kNone;
  bool operator==(const CampaignHost&) const = default;
};
struct Trip {
  TenantNo tenant = 0;
  DocumentId order;
  std::uint16_t wave = 0;
  std::uint8_t reason = 0;
  Timestamp time;
  bool operator==(const Trip&) const = default;
};
enum class ApiRole : std::uint8_t { kViewer, kOperator, kAdmin };
struct ApiToken {
  Digest hash;  // SHA-256 of the token; the token itself is nowhere
  ApiRole role = ApiRole::kViewer;
  std::optional<TenantId> tenant;  // empty: all
  Timestamp created;
  std::optional<Timestamp> expires;  // from then on it opens nothing
  std::optional<Timestamp> used;     // last, to the minute
  std::string short_id() const { return hash.hex().substr(0, 16); }  // in the audit
  bool operator==(const ApiToken&) const = default;
};
struct ApiTokenRevoked {  // takes the row away; the audit keeps its name
  Digest hash;
  bool operator==(const ApiTokenRevoked&) const = default;
};
struct Pending {  // a document that gathers signatures; in no log
  TenantNo tenant = 0;
  DocumentId id;
  Bytes envelope;
  std::string who;  // first posted it
  Timestamp posted;
  Timestamp ends;
  bool operator==(const Pending&) const = default;
};
struct PendingGone {
  TenantNo tenant = 0;
  DocumentId id;
  bool operator==(const PendingGone&) const = default;
};
struct ApiTokenEnds {  // from when on it opens nothing
  Digest hash;
  Timestamp expires;
  bool operator==(const ApiTokenEnds&) const = default;
};
struct ApiTokenUsed {
  Digest hash;
  Timestamp used;
  bool operator==(const ApiTokenUsed&) const = default;
};
// How much of this controller one tenant may take.
enum class QuotaKind : std::uint8_t {
  kAgents,
  kIntakeBytes,        // of receipts, a second
  kEnrolmentsPending,  // hosts that the tokens of open batches still admit
  kPolicyBytes,        // of all its policies together
  kLogBytes,           // of documents, a day
};
struct Quota {  // where an admin said otherwise than the configuration
  TenantNo tenant = 0;
  QuotaKind kind = QuotaKind::kAgents;
  std::uint64_t most = 0;
  bool operator==(const Quota&) const = default;
};
struct Audit {
  Timestamp time;
  std::string who;   // a token's hash, an agent, "controller"
  std::string what;  // an event name
  std::string detail;
  bool operator==(const Audit&) const = default;
};

using Record =
    std::variant<Tenant, Entry, Checkpoint, Witnessed, Blob, Agent, AgentRekey, AgentRekeyUsed,
                 AgentSeen, Receipt, Fork, Clone, CampaignHost, Trip, ApiToken, ApiTokenRevoked,
                 ApiTokenEnds, ApiTokenUsed, Pending, PendingGone, Quota, Audit>;

}  // namespace fleetsweep::store

namespace fleetsweep {
template <>
struct Names<store::QuotaKind> {
  static constexpr std::string_view kAll[] = {"agents", "intake_bytes", "enrolments_pending",
                                              "policy_bytes", "log_bytes"};
};
template <>
struct Names<store::ApiRole> {
  static constexpr std::string_view kAll[] = {"viewer", "operator", "admin"};
};
}  // namespace fleetsweep
