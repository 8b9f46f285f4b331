// From the store to a core.

#include "agent/core/core.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::agent {

namespace {
// So long after a cleaning this host knows that it did it, without which no order can undo it: for
// longer than evidence is kept.
constexpr Seconds kUndoKept = std::chrono::days(5 * 366);
}  // namespace

trust::Checked<PolicyBrief> brief_of(BytesView policy_bytes) {
  FS_TRY(trust::PolicyFacts facts, trust::policy_facts(policy_bytes));
  const auto policy = codec::decode<model::Policy>(policy_bytes);
  if (!policy) return trust::refuse(model::Reason::kMalformed, "{}", policy.error().message);
  return PolicyBrief{std::move(facts), policy->verify, policy->limits.timeout};
}

trust::Checked<std::unique_ptr<Core>> Core::load(Identity identity, trust::VerifiedRoot root,
                                                 const crypto::SecretKey& key, Seal seal,
                                                 Stored stored, const Now& now,
                                                 trust::Guard* guard) {
  Transport transport =
      stored.transport ? *stored.transport : Transport{identity.transport, std::nullopt, {}};
  std::unique_ptr<Core> core(
      new Core(std::move(identity), std::move(root), key, std::move(seal), std::move(transport)));
  core->guard_ = guard;
  core->log_.guard_with(guard);
  FS_CHECK(core->restore(std::move(stored), now));
  return core;
}

model::AgentKey Core::likeness(const Identity& identity, const crypto::SecretKey& key) {
  model::AgentKey like;
  like.tenant = identity.tenant;
  like.identity = key.public_key();
  like.host = identity.machine;
  like.token = identity.token;
  like.hostname = identity.facts.hostname;
  return like;
}

trust::Checked<void> Core::restore(Stored stored, const Now& now) {
  const auto take_stops = [&] {
    std::erase_if(stored.stops, [&](const Stored::Stop& stop) {
      return stop.log_size <= log_.size() &&
             log_.take_stop(stop.envelope, stop.seen).taken != trust::Taken::kRefused;
    });
  };
  for (const Stored::Entry& entry : stored.entries) {
    take_stops();
    note_refused(log_.replay(entry.entry, entry.seen));
  }
  take_stops();
  if (stored.log) FS_CHECK(log_.resume(*stored.log));
  for (PolicyBrief& policy : stored.policies) {
    const Digest digest = policy.facts.digest;
    policies_.emplace(digest, std::move(policy));
  }
  hash_parts_.insert(stored.hash_parts.begin(), stored.hash_parts.end());
  dry_runs_ = std::move(stored.dry_runs);
  for (const trust::DryRun& run : dry_runs_) executed_.insert({run.order, 0});
  for (const Job& job : stored.jobs) {
    jobs_[job.order] = job;
    if (job.phase != Phase::kHeld || job.round > 0) executed_.insert({job.order, job.slot});
    if (job.phase == Phase::kVerifying || job.phase == Phase::kDone) reasons_[job.order] = job.said;
  }
  for (const Stored::Waiting& item : stored.outbox) outbox_.add(item.seq, item.id, item.size);
  seq_ = stored.seq;
  previous_ = stored.previous;
  loaded_at_ = now.uptime;
  return {};
}

bool Core::may_be_undone(const Job& job) const {
  return job.mode == model::Mode::kApply && job.acted > 0 &&
         job.state != model::HostState::kUndone && log_.floor().time <= job.cleaned + kUndoKept;
}

Effects Core::on_start(const Now& now) {
  Effects effects;
  remember_stops(effects);
  end_isolations_of_other_boots(effects, now);
  for (auto& [id, job] : jobs_)
    if (!state().orders.contains(id) && waits_in_vain(job)) give_up_reboot(job, effects, now);
  // What the fold has forgotten long after its end is forgotten here too, unless it is still to be
  // looked at, which nobody else would, or may be undone.
  std::erase_if(jobs_, [&](const auto& item) {
    const auto& [id, job] = item;
    if (state().orders.contains(id) || is_busy(id) || may_be_undone(job)) return false;
    effects.records.push_back(DropJob{id});
    return true;
  });
  std::set<Digest> used;
  for (const auto& [id, entry] : state().orders) used.insert(entry.order.policy);
  for (const auto& [id, job] : jobs_)
    if (is_busy(id)) used.insert(job.policy);
  std::erase_if(policies_, [&](const auto& policy) {
    if (used.contains(policy.first)) return false;
    effects.records.push_back(DropPolicy{policy.first});
    return true;
  });
  return finish(std::move(effects), now);
}

}  // namespace fleetsweep::agent
