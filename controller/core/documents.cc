// The operators' side of the core: documents into logs, policies, checkpoints; and enrolment, which
// a document of the operators allows.

#include <algorithm>

#include "controller/core/core.h"
#include "controller/metrics_names.h"
#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/schedule.h"
#include "protocol/trust/token.h"

namespace fleetsweep::controller {
namespace {

constexpr Duration kWitnessRetry = Seconds(5);

Result<model::Envelope> envelope_of(BytesView bytes) {
  if (bytes.size() > limits::kLogEntryBytes)
    return fail(Code::kInvalid, "document: {} bytes, at most {} fit into the log", bytes.size(),
                limits::kLogEntryBytes);
  return codec::decode<model::Envelope>(bytes);
}

// What is for emergencies only, and seen by everybody when it is used. Empty: nothing of the kind.
std::string broken_glass(const trust::State& state, const trust::Notice& notice) {
  if (notice.sealed) return "sealed";
  for (const auto& [key, entry] : state.releases) {
    const auto order = state.orders.find(key.order);
    if (entry.id == notice.id && key.wave == 0 && order != state.orders.end() &&
        order->second.order.standing)
      return "standing";
  }
  return {};
}

}  // namespace

std::string short_type(std::string_view payload_type) {
  constexpr std::string_view kPrefix = "application/vnd.fleetsweep.";
  if (payload_type.starts_with(kPrefix)) payload_type.remove_prefix(kPrefix.size());
  return std::string(payload_type.substr(0, payload_type.find('.')));
}

// Our log's origin in this root, empty if it names another log key.
std::string Core::origin_of(const model::Root& root) const {
  for (const model::LogOrigin& origin : root.logs) {
    const auto key = log::VerifierKey::parse(origin.vkey);
    if (key && key->type == log::KeyType::kEd25519 && key->key == options_.log_key)
      return key->name;
  }
  return {};
}

// The name of a tenant's log under its next root. It changes only when our key did (the root in
// force names it no more), to a log that goes on where the old one's tree was.
Result<std::string> Core::next_origin(const Tenant& owner, const model::Root& next) const {
  const std::string origin = origin_of(next);
  if (origin.empty())
    return fail(Code::kInvalid,
                "root: no log of it has this controller's key; the log_vkey is what "
                "`fleetsweep-controller init` printed, or rotate-log-key");
  if (origin == owner.name) return origin;
  for (const auto& other : tenants_)
    if (other.get() != &owner && other->name == origin)
      return fail(Code::kConflict, "root: log origin {} is in use by another tenant",
                  escaped(origin));
  if (!origin_of(owner.state().root->root()).empty())
    return fail(Code::kInvalid, "root: the log {} with this controller's key is not in it",
                escaped(owner.name));
  for (const model::LogOrigin& log : next.logs) {
    const auto key = log::VerifierKey::parse(log.vkey);
    if (!key || key->name != origin) continue;
    const auto at =
        static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(log.start_size, owner.leaves.size()));
    if (log.start_size > 0 && log.start_size <= owner.leaves.size() &&
        log::tree_root({owner.leaves.begin(), owner.leaves.begin() + at}) == log.start_root)
      return origin;
  }
  return fail(Code::kInvalid,
              "root: log {} does not take over where the log {} was; `fleetsweep root spec --log "
              "VKEY` writes its start",
              escaped(origin), escaped(owner.name));
}

Result<Submitted> Core::create_tenant(BytesView bytes, const std::string& who, Instant now,
                                      Effects& effects) {
  FS_TRY(const model::Envelope envelope, envelope_of(bytes));
  if (envelope.payload_type != model::kPayloadRoot)
    return fail(Code::kInvalid,
                "a tenant begins with a root of version 1, this is a document of "
                "type {}",
                escaped(envelope.payload_type));
  const TenantId id = trust::tenant_id(envelope.payload);
  if (const Tenant* known = find(id))
    return Submitted{known->id, crypto::document_id(envelope), 0, "root"};
  const auto root = trust::accept_first_root(envelope, std::nullopt);
  if (!root) return fail(root.error());
  const std::string origin = origin_of(root->root());
  if (origin.empty())
    return fail(Code::kInvalid,
                "root: none of its logs has this controller's log key; add the log_vkey that "
                "`fleetsweep-controller init` printed");
  for (const auto& other : tenants_)
    if (other->name == origin)
      return fail(Code::kConflict,
                  "root: log origin {} is in use by tenant {}; name another with the same key, as "
                  "{}/customer",
                  escaped(origin), other->id.hex(), escaped(origin));

  auto created = std::make_unique<Tenant>(id, options_.tenant_quotas, options_);
  created->no = static_cast<TenantNo>(tenants_.size() + 1);
  created->name = origin;
  effects.persist.push_back(store::Tenant{created->no, id, origin, to_timestamp(now)});
  tenants_.push_back(std::move(created));
  const auto index = append(*tenants_.back(), bytes, who, now, effects);
  if (!index) {
    tenants_.pop_back();
    effects.persist.pop_back();
    return fail(index.error());
  }
  return Submitted{id, crypto::document_id(envelope), *index, "root"};
}

Result<Submitted> Core::submit(const TenantId& id, BytesView bytes, const std::string& who,
                               Instant now, Effects& effects) {
  Tenant* owner = find_mutable(id);
  if (!owner) return fail(Code::kNotFound, "no tenant {} here", id.hex());
  FS_TRY(const model::Envelope envelope, envelope_of(bytes));
  const auto admitted =
      trust::admit(owner->state(), bytes, facts_for(*owner, bytes), to_timestamp(now));
  if (!admitted) {
    // Too few signatures are an operator who is not done; a signature of nobody is a forgery.
    if (admitted.error().reason == model::Reason::kUntrusted)
      effects.notice.push_back(
          Count{kSignatureFailures, {{"document", short_type(envelope.payload_type)}}});
    return fail(admitted.error());
  }
  const std::string type = short_type(admitted->payload_type);
  if (admitted->known) {
    const auto index = owner->index.find(admitted->id);
    // Not these bytes, and yet nothing new: a second Close of a campaign, a Release that ends
    // sooner.
    if (index == owner->index.end())
      return fail(Code::kConflict,
                  "the log holds another {} already, beside which this one changes nothing", type);
    return Submitted{id, admitted->id, index->second, type};
  }
  std::string name = owner->name;
  if (admitted->payload_type == model::kPayloadRoot) {
    FS_TRY(const model::Root root, codec::decode<model::Root>(envelope.payload));
    FS_TRY(name, next_origin(*owner, root));
  }
  if (admitted->payload_type == model::kPayloadEnrolBatch) {
    FS_TRY(const auto batch, codec::decode<model::EnrolBatch>(envelope.payload));
    FS_CHECK(check_quota(*owner, store::QuotaKind::kEnrolmentsPending,
                         owner->enrolments_pending(to_timestamp(now)) + uses_of(batch), effects));
  }
  FS_CHECK(check_log_room(*owner, envelope, bytes.size(), now, effects));
  owner->name.swap(name);
  const auto index = append(*owner, bytes, who, now, effects);
  if (!index) {
    owner->name.swap(name);
    return fail(index.error());
  }
  return Submitted{id, admitted->id, *index, type};
}

Result<std::uint64_t> Core::append(Tenant& owner, BytesView bytes, const std::string& who,
                                   Instant now, Effects& effects) {
  const Timestamp time = to_timestamp(now);
  const trust::Notice notice = owner.fold.append(bytes, time);
  if (notice.taken != trust::Taken::kAccepted) {
    // Not what admit() promised. Fold anew, so that the log and its meaning stay together.
    trust::Fold fold(owner.id, trust::Fold::Keep::kForController);
    for (const Bytes& entry : owner.entries) fold.append(entry, time);
    owner.fold = std::move(fold);
    return fail(Error(notice.refusal));
  }
  const std::uint64_t index = owner.entries.size();
  owner.entries.push_back(to_bytes(bytes));
  owner.leaves.push_back(log::leaf_hash(bytes));
  owner.range.append(owner.leaves.back());
  owner.index.emplace(notice.id, index);
  effects.persist.push_back(store::Entry{owner.no, index, to_bytes(bytes), time});
  const std::string type = short_type(notice.payload_type);
  effects.persist.push_back(
      store::Audit{time, who, "document_logged",
                   fmt::format("{} {} {}/{}", type, notice.id.hex(), owner.name, index)});
  effects.notice.push_back(Event{"document_logged",
                                 {{"tenant", owner.name},
                                  {"type", type},
                                  {"id", notice.id.hex()},
                                  {"index", std::to_string(index)}}});

  if (const std::string kind = broken_glass(owner.state(), notice); !kind.empty()) {
    effects.notice.push_back(Count{kBreakGlass, {{"tenant", owner.name}, {"kind", kind}}});
    effects.notice.push_back(
        Event{"break_glass",
              {{"tenant", owner.name}, {"kind", kind}, {"type", type}, {"id", notice.id.hex()}},
              true});
  }

  // Those who have everything before it get it now; the others get it in their stream.
  Send send{{}, model::Entries{index, {owner.entries.back()}}};
  for (HostNo host = 1; host <= owner.sessions.size(); ++host) {
    Session& session = owner.session(host);
    if (!session.connected || session.blocked || session.queued != index) continue;
    session.queued = index + 1;
    send.to.push_back({owner.no, host});
  }
  if (!send.to.empty()) effects.send.push_back(std::move(send));
  apply(owner, notice, time, now);
  logged_pending(owner, notice, time, effects);
  begin_cosigning(owner, now, effects);
  settle(owner, now, effects);
  return index;
}

// What an entry of the log means for campaigns. The same for a new one and for a restart.
void Core::apply(Tenant& owner, const trust::Notice& notice, Timestamp admitted, Instant now) {
  const trust::State& state = owner.state();
  if (notice.payload_type == model::kPayloadOrder) {
    const model::Order& order = state.orders.at(notice.id).order;
    owner.campaign_of.emplace(notice.id, order.campaign);
    auto& rollout = owner.campaigns.try_emplace(order.campaign, campaign::Rollout(order.campaign))
                        .first->second;
    const auto policy = owner.policies.find(order.policy);
    if (policy != owner.policies.end()) rollout.set_family(policy->second.family);
    std::vector<campaign::Member> members;
    for (const fleet::Agent& agent : owner.registry.all())
      if (trust::in_scope(order.scope, agent.id, agent.jurisdiction, agent.groups))
        members.push_back({agent.no, trust::wave_of(order.waves, notice.id, agent.id)});
    rollout.on_order(notice.id, notice.index, order, members, now);
    refresh_stops(owner);
  } else if (notice.payload_type == model::kPayloadRelease) {
    for (const auto& [key, entry] : state.releases) {
      const auto order = state.orders.find(key.order);
      if (entry.id != notice.id || order == state.orders.end()) continue;
      const auto& waves = order->second.order.waves;
      const bool counts =
          key.wave < waves.size() && (!key.conductor || waves[key.wave].gate == model::Gate::kAuto);
      if (counts)
        owner.campaigns.at(owner.campaign_of.at(key.order))
            .on_released(key.order, key.wave, admitted);
    }
  } else if (notice.payload_type == model::kPayloadStop ||
             notice.payload_type == model::kPayloadResume) {
    refresh_stops(owner);
  } else if (notice.payload_type == model::kPayloadClose) {
    for (const auto& [name, close] : state.closes) {
      const auto found = owner.campaigns.find(name);
      if (found != owner.campaigns.end()) found->second.on_closed(admitted);
    }
  } else if (notice.payload_type == model::kPayloadEnrolBatch) {
    for (const auto& [batch, entry] : state.batches)
      if (entry.logged.index == notice.index)
        for (const model::Token& token : entry.batch.tokens) owner.tokens.insert(token.pub);
  } else if (notice.payload_type == model::kPayloadRoot) {
    for (auto& [name, rollout] : owner.campaigns) rollout.on_root();
  }
}

void Core::refresh_stops(Tenant& owner) {
  for (const auto& [id, entry] : owner.state().orders) {
    const bool stopped =
        trust::stopped(owner.state(), id, entry.order, entry.order.action_class, std::nullopt)
            .has_value();
    owner.campaigns.at(owner.campaign_of.at(id)).on_stopped(id, stopped);
  }
}

Status Core::store_blob(Tenant& owner, const Digest& digest, BytesView bytes, Effects& effects) {
  FS_CHECK(check_quota(owner, store::QuotaKind::kPolicyBytes, owner.policy_bytes + bytes.size(),
                       effects));
  owner.policy_bytes += bytes.size();
  effects.persist.push_back(store::Blob{owner.no, digest, to_bytes(bytes)});
  return {};
}

Result<Digest> Core::put_policy(const TenantId& id, BytesView bytes, const std::string& who,
                                Instant now, Effects& effects) {
  Tenant* owner = find_mutable(id);
  if (!owner) return fail(Code::kNotFound, "no tenant {} here", id.hex());
  const auto refused = [&](std::string reason, Error error) {
    effects.notice.push_back(Count{kPolicyRejected, {{"reason", std::move(reason)}}});
    return fail(std::move(error));
  };
  if (bytes.size() > limits::kPolicyBytes)
    return refused("size", Error{Code::kInvalid, fmt::format("policy: {} bytes, at most {}",
                                                             bytes.size(), limits::kPolicyBytes)});
  if (hash_set::is_hash_part(bytes)) {
    if (const auto part = hash_set::decode_hash_part(bytes); !part)
      return refused("malformed", part.error());
    const Digest digest = crypto::sha256(bytes);
    if (owner->hash_parts.contains(digest)) return digest;
    FS_CHECK(store_blob(*owner, digest, bytes, effects));
    owner->hash_parts.emplace(digest, bytes.size());
    return digest;
  }
  auto facts = trust::policy_facts(bytes);
  if (!facts) return refused(std::string(name(facts.error().reason)), Error(facts.error()));
  const auto policy = codec::decode<model::Policy>(bytes);
  if (!policy) return refused("malformed", policy.error());
  const Digest digest = facts->digest;
  if (owner->policies.contains(digest)) return digest;
  // An order for it would have every host wait for what nobody can send.
  for (const model::HashPart& part : facts->parts) {
    const auto held = owner->hash_parts.find(part.digest);
    if (held == owner->hash_parts.end() || held->second != part.bytes)
      return refused("hash_set",
                     Error{Code::kNotFound,
                           fmt::format("policy: part {} of its hash sets, {} bytes, is not here: "
                                       "post all parts before the policy",
                                       part.digest.hex(), part.bytes)});
  }
  FS_CHECK(store_blob(*owner, digest, bytes, effects));
  owner->policies.emplace(digest, PolicyInfo(std::move(*facts), *policy));
  effects.persist.push_back(store::Audit{to_timestamp(now), who, "policy_stored",
                                         fmt::format("{} {}", owner->name, digest.hex())});
  return digest;
}

void Core::begin_cosigning(Tenant& owner, Instant now, Effects& effects) {
  if (owner.cosigning || owner.entries.empty()) return;
  const bool grown = owner.range.size() > owner.note_size;
  // A clock that was set back must not stop the checkpoints.
  const bool due = now >= owner.cosign_at || owner.cosign_at > now + options_.checkpoint_interval;
  if (!due && (owner.cosign_failed || !grown)) return;
  const model::Root& root = owner.state().root->root();
  owner.cosigning = true;
  effects.work.push_back(CosignLog{owner.no,
                                   {owner.name, owner.range.size(), owner.range.root()},
                                   owner.leaves,
                                   root.witnesses,
                                   root.witness_quorum});
}

void Core::on_cosigned(const Cosigned& cosigned, Instant now, Effects& effects) {
  Tenant& owner = tenant(cosigned.tenant);
  owner.cosigning = false;
  owner.cosign_failed = cosigned.note.empty();
  if (cosigned.note.empty()) {
    owner.cosign_at = now + std::min<Duration>(kWitnessRetry, options_.checkpoint_interval);
    effects.notice.push_back(Count{kWitnessFailures, {{"tenant", owner.name}}});
    effects.notice.push_back(
        Event{"witness_quorum_missing", {{"tenant", owner.name}, {"error", cosigned.error}}, true});
    return;
  }
  owner.cosign_at = now + options_.checkpoint_interval;
  if (cosigned.size < owner.note_size) return;
  if (cosigned.size > owner.note_size) {
    effects.persist.push_back(store::Witnessed{owner.no, cosigned.size, cosigned.time});
    for (auto& [name, rollout] : owner.campaigns) rollout.on_cosigned(cosigned.size, cosigned.time);
  }
  owner.note = cosigned.note;
  owner.note_size = cosigned.size;
  owner.note_time = cosigned.time;
  effects.persist.push_back(
      store::Checkpoint{owner.no, cosigned.size, cosigned.note, cosigned.time});
  Send send{{}, model::Checkpoint{owner.note}};
  for (HostNo host = 1; host <= owner.sessions.size(); ++host) {
    const Session& session = owner.session(host);
    // Who has less is in the middle of its stream, which ends with a checkpoint.
    if (session.connected && !session.blocked && session.queued >= owner.note_size)
      send.to.push_back({owner.no, host});
  }
  if (!send.to.empty()) effects.send.push_back(std::move(send));
  begin_cosigning(owner, now, effects);
  settle(owner, now, effects);
}

void Core::on_release_refused(TenantNo no, const model::Release& release, const std::string& why,
                              Effects& effects) {
  Tenant& owner = tenant(no);
  const auto campaign = owner.campaign_of.find(release.order);
  if (campaign == owner.campaign_of.end()) return;
  owner.campaigns.at(campaign->second).on_release_refused(release.order, release.wave, why);
  effects.notice.push_back(Event{
      "auto_release_refused",
      {{"campaign", campaign->second}, {"wave", std::to_string(release.wave)}, {"error", why}},
      true});
  effects.notice.push_back(CampaignChanged{no, campaign->second});
}

bool Core::knows_token(BytesView bytes) const {
  const auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope) return false;
  const auto key = codec::decode<model::AgentKey>(envelope->payload);
  const Tenant* owner = key ? find(key->tenant) : nullptr;
  return owner && owner->tokens.contains(key->token);
}

Result<Enrolled> Core::enrol(BytesView bytes, const CurveKey& curve, Instant now,
                             Effects& effects) {
  const auto counted = [&](std::string outcome) {
    effects.notice.push_back(Count{kEnrolments, {{"outcome", std::move(outcome)}}});
  };
  const auto refused = [&](Error error) {
    counted(fleetsweep::name(error.code));
    if (!refusals_said_.wait(now, 0))
      effects.notice.push_back(Event{"enrolment_refused", {{"error", error.message}}, true});
    return fail(std::move(error));
  };
  if (bytes.size() > limits::kAgentKeyBytes + limits::kSignatures * 128)
    return refused({Code::kInvalid, "enrolment: the request is too large"});
  const auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope) return refused(envelope.error().within("enrolment"));
  const auto key = codec::decode<model::AgentKey>(envelope->payload);
  if (!key) return refused(key.error().within("enrolment"));
  Tenant* owner = find_mutable(key->tenant);
  if (!owner)
    return refused({Code::kNotFound, fmt::format("enrolment: no tenant {} here; is this the right "
                                                 "controller?",
                                                 key->tenant.hex())});
  if (key->curve != curve)
    return refused({Code::kUntrusted,
                    "enrolment: the request names another CURVE key than the one "
                    "it was sent with"});

  const auto reply = [&](HostNo host, const Nonce& batch) {
    const trust::State& state = owner->state();
    return Enrolled{
        {owner->no, host},
        {"", state.root_chain, state.batches.at(batch).envelope, state.endpoints_envelope}};
  };
  // A host whose answer got lost asks again with the same keys: it is the same host.
  const AgentId id = crypto::agent_id(key->identity);
  if (const fleet::Agent* known = owner->registry.find(id);
      known && known->key.curve == curve && known->key.host == key->host) {
    counted("repeated");
    for (const auto& [batch, entry] : owner->state().batches)
      for (const model::Token& token : entry.batch.tokens)
        if (token.pub == known->key.token) return reply(known->no, batch);
  }
  if (!owner->tokens.contains(key->token))
    return refused({Code::kUntrusted, "the token is in no batch of this tenant"});
  const auto enrolment = trust::check_enrolment(
      owner->state(), bytes, [&](const PublicKey& token) { return owner->registry.uses(token); },
      to_timestamp(now));
  if (!enrolment) return refused(Error(enrolment.error()));
  if (const Status free = owner->registry.may_enrol(enrolment->agent, curve, key->host); !free) {
    const HostNo like = owner->registry.note_clone(enrolment->agent, key->host, to_timestamp(now));
    if (const fleet::Agent* agent = owner->registry.find(like))
      effects.persist.push_back(store::Clone{owner->no, like, agent->clones, *agent->clone_last});
    return refused(free.error());
  }
  if (is_known_key(curve))  // at another tenant
    return refused({Code::kConflict, "this CURVE key is enrolled already; make a new one"});
  if (const Status room =
          check_quota(*owner, store::QuotaKind::kAgents, owner->registry.size() + 1, effects);
      !room)
    return refused(room.error());
  if (agents() >= options_.agents_max)
    return refused({Code::kOverloaded,
                    fmt::format("enrolment: this controller has its {} agents; raise agents_max",
                                options_.agents_max)});
  add_agent(*owner, *key, enrolment->batch, to_timestamp(now), now);
  const fleet::Agent& added = owner->registry.all().back();
  effects.persist.push_back(store::Agent{owner->no, added.no, to_bytes(bytes),
                                         enrolment->batch.batch, to_timestamp(now)});
  effects.persist.push_back(
      store::Audit{to_timestamp(now), added.id.hex(), "agent_enrolled",
                   fmt::format("{} {}", owner->name, escaped(key->hostname))});
  effects.send.push_back(Admit{{owner->no, added.no}, curve});
  effects.notice.push_back(
      Event{"agent_enrolled",
            {{"tenant", owner->name}, {"agent", added.id.hex()}, {"hostname", key->hostname}}});
  counted("enrolled");
  settle(*owner, now, effects);
  return reply(added.no, enrolment->batch.batch);
}

}  // namespace fleetsweep::controller
