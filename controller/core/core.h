#pragma once

// The controller's mind: tenants, their logs, sessions, campaigns. Events and `now` in, effects
// out; no I/O, no clock, no randomness, no private key. A stolen core can withhold, and nothing
// else: every document it logs carries the operators' quorum, every receipt the host's signature.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controller/campaign/rollout.h"
#include "controller/core/effects.h"
#include "controller/core/quota.h"
#include "controller/fleet/admission.h"
#include "controller/fleet/registry.h"
#include "protocol/log/merkle.h"
#include "protocol/trust/admission.h"
#include "protocol/trust/awaited.h"
#include "protocol/trust/fold.h"

namespace fleetsweep::controller {

struct CoreOptions {
  PublicKey log_key;  // of our checkpoints; a tenant's root names it
  Duration heartbeat = Seconds(60);
  Duration checkpoint_interval = Seconds(60);
  std::size_t agents_max = 5000;
  double hellos_per_second = 1200;
  double hello_burst = 4000;
  Quotas tenant_quotas = kQuotasDefault;  // of a tenant for which no admin set others
};

struct PolicyInfo {
  PolicyInfo(trust::PolicyFacts policy_facts, const model::Policy& policy);

  trust::PolicyFacts facts;
  std::string family;
  std::set<std::string> verdicts;  // their ids
};

struct Session {
  bool connected = false;
  std::uint64_t queued = 0;  // entries below this were sent or are on their way
  bool blocked = false;      // its queue was full; see retry_at
  Instant retry_at;
  std::optional<std::pair<Digest, std::uint64_t>> blob;  // the chunk that was refused
  Instant rekey_at;  // the next offer of a transport key is looked at
  std::optional<Instant> time_asked;
};

struct Chain {  // a host's receipts so far
  std::uint64_t seq = 0;
  DocumentId id;

  // The next one names another before it: a cloned image or a stolen key.
  bool is_broken_by(const model::Receipt& receipt) const {
    return seq != 0 && receipt.seq == seq + 1 && receipt.previous != id;
  }
};

// A document that gathers signatures. It never enters the log by itself.
struct PendingDocument {
  store::Pending row;
  trust::Checked<trust::Awaited> awaited;  // refused: the log has overtaken it
};

struct Tenant {
  Tenant(const TenantId& id, const Quotas& quotas, const CoreOptions& options)
      : id(id),
        fold(id, trust::Fold::Keep::kForController),
        quotas(quotas),
        intake(intake_of(quotas)),
        log_room(log_room_of(quotas)),
        hellos(options.hellos_per_second / 2, options.hello_burst / 2) {}
  static fleet::Admission intake_of(const Quotas& quotas);
  static fleet::Admission log_room_of(const Quotas& quotas);

  TenantNo no = 0;
  TenantId id;
  std::string name;  // the origin of its log
  trust::Fold fold;
  std::vector<Bytes> entries;
  std::vector<Digest> leaves;
  log::CompactRange range;
  std::unordered_map<DocumentId, std::uint64_t> index;
  std::unordered_set<PublicKey> tokens;  // of all its batches
  std::map<Digest, PolicyInfo> policies;
  std::map<Digest, std::uint64_t> hash_parts;  // of their hash sets, with the bytes of each
  fleet::Registry registry;
  std::vector<Session> sessions;  // host number - 1
  std::vector<Chain> chains;      // host number - 1
  Quotas quotas;
  fleet::Admission intake;                         // of receipts, in bytes
  fleet::Admission log_room;                       // of documents, in bytes
  std::map<PublicKey, fleet::Admission> steering;  // by who signed
  fleet::Admission hellos;                         // half of all, where there are other tenants
  std::uint64_t policy_bytes = 0;                  // of all policies and their hash sets
  std::map<std::string, campaign::Rollout> campaigns;
  std::unordered_map<DocumentId, std::string> campaign_of;  // order -> campaign
  std::map<DocumentId, PendingDocument> pending;

  std::string note;  // the newest witnessed checkpoint
  std::uint64_t note_size = 0;
  std::optional<Timestamp> note_time;
  bool cosigning = false;
  bool cosign_failed = false;
  Instant cosign_at;  // when to ask the witnesses again

  const trust::State& state() const { return fold.state(); }
  // Hosts that the tokens of open batches still admit.
  std::uint64_t enrolments_pending(Timestamp now) const;
  Session& session(HostNo host) { return sessions[host - 1]; }
  const PolicyInfo* policy(const Digest& digest) const {
    const auto found = policies.find(digest);
    return found == policies.end() ? nullptr : &found->second;
  }
};

// "order" of "application/vnd.fleetsweep.order.v1+capnp".
std::string short_type(std::string_view payload_type);

// Hosts that a batch admits.
std::uint64_t uses_of(const model::EnrolBatch& batch);

// What a worker found in one receipt.
struct VerifiedReceipt {
  HostRef host;
  Bytes envelope;
  DocumentId id;
  std::optional<model::Receipt> receipt;  // empty: rejected
  std::string rejected;                   // why: malformed, signature, tenant, agent, state
  std::optional<DocumentId> stored;       // what the store holds under this number already
};

struct Cosigned {
  TenantNo tenant = 0;
  std::uint64_t size = 0;
  std::string note;   // with a quorum of cosignatures; empty: failed
  Timestamp time;     // its witness time; without witnesses our own
  std::string error;  // why it failed
};

struct TimeTold {
  HostRef host;
  Bytes statement;    // an encoded envelope; only the host can judge it. Empty: nobody answered
  std::string error;  // why
};

struct Submitted {
  TenantId tenant;
  DocumentId id;
  std::uint64_t index = 0;
  std::string type;
};

struct Enrolled {
  HostRef host;
  model::EnrolReply reply;
};

// Everything of one tenant that a restart needs, receipts excepted (see replay()).
struct SavedTenant {
  store::Tenant tenant;
  std::vector<store::Entry> entries;
  std::optional<store::Checkpoint> checkpoint;
  std::vector<store::Witnessed> witnessed;
  std::vector<Bytes> policies;
  std::vector<model::HashPart> hash_parts;
  std::vector<store::Agent> agents;
  std::vector<store::AgentSeen> agents_seen;
  std::vector<store::Trip> trips;
  std::vector<store::Fork> forks;
  std::vector<store::Clone> clones;
  std::vector<store::Pending> pending;
  std::vector<store::AgentRekey> rekeys;
  std::vector<store::Quota> quotas;
};

class Core {
 public:
  Core(const CoreOptions& options, Instant now)
      : options_(options), started_(now), hellos_(options.hellos_per_second, options.hello_burst) {}

  // Restart: restore() every tenant, then replay() its receipts by host and number. The notices of
  // a replay restore the counters: they always equal a recount.
  Status restore(const SavedTenant& saved, Effects& effects);
  Status replay(const store::Receipt& receipt, Effects& effects);
  std::vector<store::CampaignHost> campaign_hosts() const;

  // Operators. Errors are theirs to read; an answer may be given once `effects` are durable.
  // `who` is written into the store's audit: what the API knows its caller by.
  Result<Submitted> create_tenant(BytesView root_envelope, const std::string& who, Instant now,
                                  Effects& effects);
  Result<Submitted> submit(const TenantId& tenant, BytesView envelope, const std::string& who,
                           Instant now, Effects& effects);
  // A policy, or before it a part of one of its hash sets: kNotFound names the first that is
  // missing.
  Result<Digest> put_policy(const TenantId& tenant, BytesView bytes, const std::string& who,
                            Instant now, Effects& effects);
  Status set_quota(const TenantId& tenant, store::QuotaKind kind, std::uint64_t most,
                   const std::string& who, Instant now, Effects& effects);

  // The inbox (inbox.cc). Signatures are added to those that are there; kUntrusted: one of them
  // does not hold, kConflict: the document is in the log, kOverloaded: the inbox is full.
  Result<DocumentId> post_pending(const TenantId& tenant, BytesView envelope,
                                  const std::string& who, Instant now, Effects& effects);
  Result<DocumentId> withdraw_pending(const TenantId& tenant, const DocumentId& id,
                                      const std::string& who, Instant now, Effects& effects);

  // Hosts. Who it is was proven by its CURVE key. A request of somebody who holds no token of ours
  // costs a look into a table, whatever he signs: ask that before enrol().
  bool knows_token(BytesView agent_key) const;
  Result<Enrolled> enrol(BytesView agent_key, const CurveKey& key, Instant now, Effects& effects);
  void on_message(const HostRef& host, model::Message message, Instant now, Effects& effects);
  // The first message that came under this key: a new transport key proves itself, the old one
  // goes.
  void on_key_used(const HostRef& host, const CurveKey& key, Instant now, Effects& effects);
  // It asked more than it may and was cut.
  void on_flood(const HostRef& host, Effects& effects) const;
  // What the socket did with a Send or SendBlob.
  void on_taken(const std::vector<HostRef>& hosts, std::uint64_t log_size, Instant now);
  void on_refused(const HostRef& host, const SendEffect& effect, bool gone, Instant now,
                  Effects& effects);

  // Workers.
  void on_verified(std::vector<VerifiedReceipt> receipts, Instant now, Effects& effects);
  void on_cosigned(const Cosigned& cosigned, Instant now, Effects& effects);
  void on_time_told(const TimeTold& told, Effects& effects);
  void on_release_refused(TenantNo tenant, const model::Release& release, const std::string& why,
                          Effects& effects);

  void on_time(Instant now, Effects& effects);
  Instant next_deadline() const;

  // Views.
  const std::vector<std::unique_ptr<Tenant>>& tenants() const { return tenants_; }
  const Tenant* find(const TenantId& tenant) const;
  const Tenant* find(TenantNo tenant) const;
  const fleet::Agent* agent(const HostRef& host) const;
  std::vector<std::pair<CurveKey, HostRef>> admitted() const;
  std::uint64_t last_seq(const HostRef& host) const;
  std::size_t agents() const;

 private:
  Tenant& tenant(TenantNo no) { return *tenants_[no - 1]; }
  Tenant* find_mutable(const TenantId& tenant);

  // documents.cc
  Result<std::uint64_t> append(Tenant& tenant, BytesView envelope, const std::string& who,
                               Instant now, Effects& effects);
  void apply(Tenant& tenant, const trust::Notice& notice, Timestamp admitted, Instant now);
  void refresh_stops(Tenant& tenant);
  void begin_cosigning(Tenant& tenant, Instant now, Effects& effects);
  void settle(Tenant& tenant, Instant now, Effects& effects);
  void add_agent(Tenant& tenant, const model::AgentKey& key, const model::EnrolBatch& batch,
                 Timestamp enrolled, Instant now);
  std::string origin_of(const model::Root& root) const;
  static std::optional<trust::PolicyFacts> facts_for(const Tenant& tenant, BytesView envelope);

  // inbox.cc
  static void judge_pending(Tenant& tenant, Timestamp now);
  static void logged_pending(Tenant& tenant, const trust::Notice& notice, Timestamp now,
                             Effects& effects);
  static void expire_pending(Tenant& tenant, Timestamp now, Effects& effects);
  Result<std::string> next_origin(const Tenant& owner, const model::Root& next) const;

  // sessions.cc
  void heard(Tenant& tenant, HostNo host, Instant now, Effects& effects);
  void stream(Tenant& tenant, HostNo host, Effects& effects);
  void on(Tenant& tenant, HostNo host, model::Hello& hello, Instant now, Effects& effects);
  void on(Tenant& tenant, HostNo host, const model::Want& want, Effects& effects);
  void on(Tenant& tenant, HostNo host, const model::Beat& beat, Instant now, Effects& effects);
  void on(Tenant& tenant, HostNo host, model::Receipts& receipts, Instant now, Effects& effects);
  void on(Tenant& tenant, HostNo host, const model::TimeRequest& request, Instant now,
          Effects& effects);
  static void claims(fleet::Agent& agent, const model::Hello& hello);

  // rekey.cc
  void on(Tenant& tenant, HostNo host, const model::Rekey& rekey, Instant now, Effects& effects);
  bool is_known_key(const CurveKey& key) const;

  // quota.cc
  static Status store_blob(Tenant& owner, const Digest& digest, BytesView bytes, Effects& effects);
  static Status check_quota(const Tenant& tenant, store::QuotaKind kind, std::uint64_t would_be,
                            Effects& effects);
  static Status check_log_room(Tenant& tenant, const model::Envelope& envelope, std::size_t bytes,
                               Instant now, Effects& effects);
  static void over_quota(const Tenant& tenant, store::QuotaKind kind, Effects& effects);

  // intake.cc
  static void mark_forked(Tenant& tenant, HostNo host, Effects& effects);
  bool count(Tenant& tenant, HostNo host, const DocumentId& id, const model::Receipt& receipt,
             Instant now, Effects& effects);

  CoreOptions options_;
  Instant started_;
  fleet::Admission hellos_;
  fleet::Admission refusals_said_{1, 20};  // in the log: anybody may be refused
  std::vector<std::unique_ptr<Tenant>> tenants_;
  std::set<HostRef> blocked_;
  Instant next_tick_;
};

}  // namespace fleetsweep::controller
