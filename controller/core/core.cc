#include "controller/core/core.h"

#include <algorithm>

#include "controller/metrics_names.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/note.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/schedule.h"

namespace fleetsweep::controller {

const Tenant* Core::find(const TenantId& id) const {
  for (const auto& tenant : tenants_)
    if (tenant->id == id) return tenant.get();
  return nullptr;
}

Tenant* Core::find_mutable(const TenantId& id) {
  for (const auto& tenant : tenants_)
    if (tenant->id == id) return tenant.get();
  return nullptr;
}

const Tenant* Core::find(TenantNo no) const {
  return no == 0 || no > tenants_.size() ? nullptr : tenants_[no - 1].get();
}

const fleet::Agent* Core::agent(const HostRef& host) const {
  const Tenant* tenant = find(host.tenant);
  return tenant ? tenant->registry.find(host.host) : nullptr;
}

std::vector<std::pair<CurveKey, HostRef>> Core::admitted() const {
  std::vector<std::pair<CurveKey, HostRef>> all;
  for (const auto& tenant : tenants_)
    for (const fleet::Agent& agent : tenant->registry.all()) {
      all.push_back({agent.key.curve, {tenant->no, agent.no}});
      if (agent.next) all.push_back({agent.next->curve, {tenant->no, agent.no}});
    }
  return all;
}

std::uint64_t Core::last_seq(const HostRef& host) const {
  return tenants_[host.tenant - 1]->chains[host.host - 1].seq;
}

std::size_t Core::agents() const {
  std::size_t count = 0;
  for (const auto& tenant : tenants_) count += tenant->registry.size();
  return count;
}

namespace {

// What was witnessed is what the store must hold: entries that were edited, lost or put in between
// would be another log under the same name.
Status check_log(const Tenant& tenant, const store::Checkpoint& saved) {
  FS_TRY(const log::Note note, log::Note::parse(saved.note));
  FS_TRY(const log::Checkpoint checkpoint, log::Checkpoint::parse(note.body));
  if (checkpoint.size > tenant.leaves.size())
    return fail(Code::kUntrusted,
                "it holds {} entries, {} were witnessed; bring back a store that holds them",
                tenant.leaves.size(), checkpoint.size);
  const std::vector<Digest> witnessed(
      tenant.leaves.begin(), tenant.leaves.begin() + static_cast<std::ptrdiff_t>(checkpoint.size));
  if (log::tree_root(witnessed) != checkpoint.root)
    return fail(Code::kUntrusted,
                "its first {} entries are not those that were witnessed; bring back a store that "
                "holds them",
                checkpoint.size);
  return {};
}

Count trip_count(const Tenant& tenant, const std::string& campaign, campaign::TripReason reason) {
  return {kBreakerTrips,
          {{"tenant", tenant.name},
           {"campaign", campaign},
           {"reason", std::string(fleetsweep::name(reason))}}};
}

}  // namespace

PolicyInfo::PolicyInfo(trust::PolicyFacts policy_facts, const model::Policy& policy)
    : facts(std::move(policy_facts)), family(policy.family) {
  for (const model::Verdict& verdict : policy.verdicts) verdicts.insert(verdict.id);
}

Status Core::restore(const SavedTenant& saved, Effects& effects) {
  if (saved.tenant.no != tenants_.size() + 1)
    return fail(Code::kInternal, "store: tenant {} where {} was expected", saved.tenant.no,
                tenants_.size() + 1);
  Quotas quotas = options_.tenant_quotas;
  for (const store::Quota& quota : saved.quotas)
    quotas[static_cast<std::size_t>(quota.kind)] = quota.most;
  auto tenant = std::make_unique<Tenant>(saved.tenant.id, quotas, options_);
  tenant->no = saved.tenant.no;
  tenant->name = saved.tenant.name;
  for (const Bytes& bytes : saved.policies) {
    const auto policy = codec::decode<model::Policy>(bytes);
    auto facts = trust::policy_facts(bytes);
    if (!policy || !facts) return fail(Code::kInternal, "store: a policy does not decode");
    const Digest digest = facts->digest;
    tenant->policy_bytes += bytes.size();
    tenant->policies.emplace(digest, PolicyInfo(std::move(*facts), *policy));
  }
  for (const model::HashPart& part : saved.hash_parts) {
    tenant->policy_bytes += part.bytes;
    tenant->hash_parts.emplace(part.digest, part.bytes);
  }
  Effects unsaid;
  for (const store::Entry& entry : saved.entries) {
    const trust::Notice notice = tenant->fold.append(entry.envelope, entry.admitted);
    tenant->entries.push_back(entry.envelope);
    tenant->leaves.push_back(log::leaf_hash(entry.envelope));
    tenant->range.append(tenant->leaves.back());
    if (notice.taken == trust::Taken::kRefused) {
      // Somebody had the log key. The log cannot forget it and hosts skip it; a controller that
      // would not start could not even pass on a Stop.
      effects.notice.push_back(
          Event{"entry_refused",
                {{"tenant", saved.tenant.name},
                 {"index", std::to_string(entry.index)},
                 {"reason", std::string(fleetsweep::name(notice.refusal.reason))},
                 {"why", notice.refusal.detail}},
                true});
      continue;
    }
    if (notice.taken == trust::Taken::kKnown) continue;
    tenant->index.emplace(notice.id, entry.index);
    if (const auto envelope = codec::decode<model::Envelope>(entry.envelope))
      static_cast<void>(check_log_room(*tenant, *envelope, entry.envelope.size(),
                                       Instant(entry.admitted), unsaid));
    apply(*tenant, notice, entry.admitted, Instant(entry.admitted));
  }
  // Under a root that names another log of ours it goes by that name.
  if (const auto& root = tenant->state().root)
    if (const std::string origin = origin_of(root->root()); !origin.empty()) tenant->name = origin;
  if (saved.checkpoint)
    if (const Status whole = check_log(*tenant, *saved.checkpoint); !whole)
      return fail(whole.error().within(
          fmt::format("store: the log of {} was edited behind this program", saved.tenant.name)));
  for (const store::Witnessed& witnessed : saved.witnessed)
    for (auto& [name, rollout] : tenant->campaigns)
      rollout.on_cosigned(witnessed.size, witnessed.time);
  if (saved.checkpoint) {
    tenant->note = saved.checkpoint->note;
    tenant->note_size = saved.checkpoint->size;
    tenant->note_time = saved.checkpoint->time;
  }
  for (const store::Agent& row : saved.agents) {
    FS_TRY(const auto envelope, codec::decode<model::Envelope>(row.agent_key));
    FS_TRY(const auto key, codec::decode<model::AgentKey>(envelope.payload));
    const auto batch = tenant->state().batches.find(row.batch);
    if (batch == tenant->state().batches.end())
      return fail(Code::kInternal, "store: agent {} of {} is of no batch in the log", row.no,
                  saved.tenant.name);
    add_agent(*tenant, key, batch->second.batch, row.enrolled, started_);
  }
  for (const store::AgentRekey& row : saved.rekeys) {
    FS_TRY(const auto envelope, codec::decode<model::Envelope>(row.agent_key));
    FS_TRY(const auto key, codec::decode<model::AgentKey>(envelope.payload));
    if (!tenant->registry.find(row.no) || tenant->registry.had(key.curve))
      return fail(Code::kInternal, "store: a transport key of agent {} of {} does not fit", row.no,
                  saved.tenant.name);
    tenant->registry.offer(row.no, key);
    tenant->registry.find(row.no)->rekey_times.push_back(row.received);
    if (row.used) tenant->registry.settle(row.no);
  }
  for (const store::AgentSeen& row : saved.agents_seen) {
    fleet::Agent* agent = tenant->registry.find(row.no);
    const auto message = codec::decode<model::Message>(row.hello);
    if (!agent || !message || !std::holds_alternative<model::Hello>(*message)) continue;
    claims(*agent, std::get<model::Hello>(*message));
    agent->last_heard = Instant(row.heard);
  }
  for (const store::Trip& trip : saved.trips) {
    const auto campaign = tenant->campaign_of.find(trip.order);
    if (campaign == tenant->campaign_of.end()) continue;
    const auto reason = static_cast<campaign::TripReason>(trip.reason);
    tenant->campaigns.at(campaign->second).on_trip({trip.order, trip.wave, reason, trip.time});
    effects.notice.push_back(trip_count(*tenant, campaign->second, reason));
  }
  for (const store::Pending& row : saved.pending)
    tenant->pending.emplace(row.id, PendingDocument{row, trust::Awaited{}});
  judge_pending(*tenant, to_timestamp(started_));
  for (const store::Fork& fork : saved.forks)
    if (tenant->registry.find(fork.host)) mark_forked(*tenant, fork.host, effects);
  for (const store::Clone& clone : saved.clones)
    if (fleet::Agent* agent = tenant->registry.find(clone.host)) {
      agent->clones = clone.refused;
      agent->clone_last = clone.last;
    }
  tenants_.push_back(std::move(tenant));
  return {};
}

Status Core::replay(const store::Receipt& row, Effects& effects) {
  const auto envelope = codec::decode<model::Envelope>(row.envelope);
  if (!envelope) return fail(envelope.error().within("store: receipt"));
  const auto receipt = codec::decode<model::Receipt>(envelope->payload);
  if (!receipt) return fail(receipt.error().within("store: receipt"));
  Tenant& owner = tenant(row.tenant);
  if (!owner.registry.find(row.host))
    return fail(Code::kInternal, "store: receipt of host {} that is not enrolled", row.host);
  Chain& chain = owner.chains[row.host - 1];
  if (chain.is_broken_by(*receipt)) mark_forked(owner, row.host, effects);
  if (row.seq > chain.seq) chain = {row.seq, row.id};
  count(owner, row.host, row.id, *receipt, Instant(row.received), effects);
  return {};
}

std::vector<store::CampaignHost> Core::campaign_hosts() const {
  std::vector<store::CampaignHost> rows;
  for (const auto& tenant : tenants_)
    for (const auto& [name, rollout] : tenant->campaigns)
      for (const campaign::Standing& standing : rollout.standings())
        if (standing.report) {
          const campaign::Report& report = *standing.report;
          rows.push_back({tenant->no, name, report.host, report.seq, report.order, report.kind,
                          report.state, report.reason});
        }
  return rows;
}

void Core::add_agent(Tenant& tenant, const model::AgentKey& key, const model::EnrolBatch& batch,
                     Timestamp enrolled, Instant now) {
  fleet::Agent agent;
  agent.id = crypto::agent_id(key.identity);
  agent.key = key;
  agent.groups = batch.groups;
  agent.jurisdiction = batch.jurisdiction;
  agent.enrolled = enrolled;
  const fleet::Agent& added = tenant.registry.add(std::move(agent));
  tenant.sessions.emplace_back();
  tenant.chains.emplace_back();
  for (const auto& [id, entry] : tenant.state().orders) {
    if (enrolled > entry.order.schedule.not_after) continue;
    if (!trust::in_scope(entry.order.scope, added.id, added.jurisdiction, added.groups)) continue;
    tenant.campaigns.at(tenant.campaign_of.at(id))
        .on_member(id, {added.no, trust::wave_of(entry.order.waves, id, added.id)}, now);
  }
}

// Trips and releases that the last facts caused, and which campaigns look different now.
void Core::settle(Tenant& tenant, Instant now, Effects& effects) {
  for (auto& [name, rollout] : tenant.campaigns) {
    for (const campaign::Trip& trip : rollout.take_trips()) {
      effects.persist.push_back(store::Trip{tenant.no, trip.order, trip.wave,
                                            static_cast<std::uint8_t>(trip.reason), trip.time});
      effects.notice.push_back(trip_count(tenant, name, trip.reason));
      effects.notice.push_back(Event{
          "breaker_open",
          {{"campaign", name}, {"order", trip.order.hex()}, {"wave", std::to_string(trip.wave)}},
          true});
    }
    for (const campaign::ReleaseDue& due : rollout.take_releases(now)) {
      std::vector<Digest> leaves;
      for (const DocumentId& receipt : due.evidence)
        leaves.push_back(log::leaf_hash(receipt.view()));
      effects.work.push_back(
          SignRelease{tenant.no, model::Release{.tenant = tenant.id,
                                                .order = due.order,
                                                .wave = due.wave,
                                                .evidence = log::tree_root(leaves),
                                                .expires = due.expires}});
    }
    if (rollout.take_changed()) effects.notice.push_back(CampaignChanged{tenant.no, name});
  }
}

void Core::on_time(Instant now, Effects& effects) {
  next_tick_ = now + Seconds(1);
  const auto blocked = std::exchange(blocked_, {});
  for (const HostRef& host : blocked) {
    Tenant& owner = tenant(host.tenant);
    Session& session = owner.session(host.host);
    if (session.retry_at > now) {
      blocked_.insert(host);
      continue;
    }
    session.blocked = false;
    if (!session.connected) continue;
    if (session.blob) {
      effects.send.push_back(SendBlob{host, session.blob->first, session.blob->second});
      session.blob.reset();
    }
    stream(owner, host.host, effects);
  }
  for (const auto& tenant : tenants_) {
    // Three beats and the jitter between them.
    const Duration silence_max = options_.heartbeat * 7 / 2;
    for (const HostNo host : tenant->registry.fall_silent(now, silence_max, started_)) {
      tenant->session(host).connected = false;
      for (auto& [name, rollout] : tenant->campaigns) rollout.on_silent(host, true, now);
    }
    for (auto& [name, rollout] : tenant->campaigns) rollout.on_time(now);
    expire_pending(*tenant, to_timestamp(now), effects);
    begin_cosigning(*tenant, now, effects);
    settle(*tenant, now, effects);
  }
}

Instant Core::next_deadline() const {
  Instant next = next_tick_;
  for (const HostRef& host : blocked_)
    next = std::min(next, tenants_[host.tenant - 1]->session(host.host).retry_at);
  return next;
}

}  // namespace fleetsweep::controller
