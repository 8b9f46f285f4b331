// The hosts' side of the core: hellos, streams of the log, blobs, beats.

#include <algorithm>

#include "controller/core/core.h"
#include "controller/metrics_names.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"

namespace fleetsweep::controller {
namespace {

constexpr std::uint32_t kInFlightMax = 32;
// A host that is far behind asks for the rest when it has digested these.
constexpr int kStreamBatches = 8;
constexpr Duration kRefusedRetry = std::chrono::milliseconds(250);
// An agent asks at most once a minute.
constexpr Duration kTimeAgain = Seconds(20);

}  // namespace

void Core::claims(fleet::Agent& agent, const model::Hello& hello) {
  agent.version = hello.agent_version;
  agent.boot = hello.boot;
  agent.facts = hello.facts;
  agent.capabilities = hello.capabilities;
  agent.sandbox = hello.sandbox;
  agent.log_size = hello.log_size;
  agent.root_version = hello.root_version;
}

void Core::heard(Tenant& tenant, HostNo host, Instant now, Effects& effects) {
  const fleet::Agent& agent = *tenant.registry.find(host);
  if (agent.last_heard)
    effects.notice.push_back(
        Count{kAgentHeartbeatAge,
              {},
              std::max(0.0, std::chrono::duration<double>(now - *agent.last_heard).count()),
              true});
  if (tenant.registry.heard(host, now))
    for (auto& [name, rollout] : tenant.campaigns) rollout.on_silent(host, false, now);
}

void Core::on_message(const HostRef& ref, model::Message message, Instant now, Effects& effects) {
  Tenant& owner = tenant(ref.tenant);
  if (auto* hello = std::get_if<model::Hello>(&message)) {
    on(owner, ref.host, *hello, now, effects);
    return;
  }
  heard(owner, ref.host, now, effects);
  owner.session(ref.host).connected = true;  // also one that a restart of ours made forget
  if (const auto* want = std::get_if<model::Want>(&message)) {
    on(owner, ref.host, *want, effects);
  } else if (const auto* beat = std::get_if<model::Beat>(&message)) {
    on(owner, ref.host, *beat, now, effects);
  } else if (auto* receipts = std::get_if<model::Receipts>(&message)) {
    on(owner, ref.host, *receipts, now, effects);
  } else if (const auto* rekey = std::get_if<model::Rekey>(&message)) {
    on(owner, ref.host, *rekey, now, effects);
  } else if (const auto* request = std::get_if<model::TimeRequest>(&message)) {
    on(owner, ref.host, *request, now, effects);
  } else {
    effects.notice.push_back(Count{kSocketDrops, {{"socket", "agent"}}});
  }
}

void Core::on(Tenant& owner, HostNo host, model::Hello& hello, Instant now, Effects& effects) {
  const HostRef ref{owner.no, host};
  if (hello.tenant != owner.id) {
    effects.send.push_back(
        Send{{ref}, model::RetryAfter{Seconds(3600), "enrolled with another tenant"}});
    return;
  }
  const std::uint64_t spread = host * std::uint64_t{2654435761};
  auto wait = tenants_.size() > 1 ? owner.hellos.wait(now, spread) : std::nullopt;
  if (!wait) wait = hellos_.wait(now, spread);
  if (wait) {
    effects.notice.push_back(Count{kDispatchDeferred, {{"reason", "hello_rate"}}});
    effects.send.push_back(Send{{ref}, model::RetryAfter{*wait, "too many hellos"}});
    return;
  }
  heard(owner, host, now, effects);
  fleet::Agent& agent = *owner.registry.find(host);
  if (!agent.version.empty())
    effects.notice.push_back(
        Count{kAgentReconnects, {{"reason", agent.boot == hello.boot ? "connection" : "boot"}}});
  claims(agent, hello);
  agent.activity.clear();
  if (hello.log_size > owner.entries.size())
    effects.notice.push_back(Event{"agent_is_ahead_of_the_log",
                                   {{"agent", agent.id.hex()},
                                    {"has", std::to_string(hello.log_size)},
                                    {"size", std::to_string(owner.entries.size())}},
                                   true});
  Session& session = owner.session(host);
  session.connected = true;
  session.blocked = false;
  session.blob.reset();
  session.queued = std::min<std::uint64_t>(hello.log_size, owner.entries.size());
  for (auto& [name, rollout] : owner.campaigns) rollout.on_sent(host, hello.log_size, now);
  effects.persist.push_back(
      store::AgentSeen{owner.no, host, codec::encode(model::Message(hello)), to_timestamp(now)});
  effects.send.push_back(Send{{ref}, model::Welcome{options_.heartbeat, kInFlightMax}});
  stream(owner, host, effects);
}

// What is new for one host: batches of entries, then the checkpoint that covers them.
void Core::stream(Tenant& owner, HostNo host, Effects& effects) {
  Session& session = owner.session(host);
  const HostRef ref{owner.no, host};
  for (int batch = 0; batch < kStreamBatches && session.queued < owner.entries.size(); ++batch) {
    model::Entries entries{session.queued, {}};
    std::size_t bytes = 0;
    while (session.queued < owner.entries.size()) {
      const Bytes& entry = owner.entries[session.queued];
      if (!entries.entries.empty() && bytes + entry.size() + 64 > limits::kBatchBytes) break;
      bytes += entry.size() + 64;
      entries.entries.push_back(entry);
      ++session.queued;
    }
    effects.send.push_back(Send{{ref}, std::move(entries)});
  }
  if (!owner.note.empty()) effects.send.push_back(Send{{ref}, model::Checkpoint{owner.note}});
}

void Core::on(Tenant& owner, HostNo host, const model::Want& want, Effects& effects) {
  Session& session = owner.session(host);
  if (!want.blob.is_zero())
    effects.send.push_back(SendBlob{{owner.no, host}, want.blob, want.blob_offset});
  const bool behind = want.entries_from < owner.entries.size();
  if (!behind && !want.blob.is_zero()) return;
  session.queued = std::min<std::uint64_t>(want.entries_from, owner.entries.size());
  stream(owner, host, effects);
}

void Core::on(Tenant& owner, HostNo host, const model::Beat& beat, Instant now, Effects& effects) {
  fleet::Agent& agent = *owner.registry.find(host);
  agent.log_size = beat.log_size;
  agent.activity = beat.state;
  for (auto& [name, rollout] : owner.campaigns) {
    rollout.on_sent(host, beat.log_size, now);
    rollout.on_activity(host, beat.state == "scanning", now);
  }
  effects.notice.push_back(Count{kAgentRss, {}, static_cast<double>(beat.rss_bytes), true});
  effects.notice.push_back(Count{kAgentCpu,
                                 {},
                                 std::chrono::duration<double>(beat.cpu).count() /
                                     std::chrono::duration<double>(options_.heartbeat).count(),
                                 true});
  // After a reload of ours it need not say hello again: what it has verified, it has.
  Session& session = owner.session(host);
  session.queued =
      std::max(session.queued, std::min<std::uint64_t>(beat.log_size, owner.entries.size()));
  const HostRef ref{owner.no, host};
  effects.send.push_back(Send{{ref}, model::Beat{owner.entries.size(), "controller", 0, {}}});
  // It missed something, or waits for a checkpoint that was lost: the note makes it ask.
  if (beat.log_size < owner.note_size)
    effects.send.push_back(Send{{ref}, model::Checkpoint{owner.note}});
}

void Core::on(Tenant& owner, HostNo host, model::Receipts& receipts, Instant now,
              Effects& effects) {
  std::size_t bytes = 0;
  for (const Bytes& receipt : receipts.receipts) bytes += receipt.size();
  // Before the dear part, which is to verify them. The host keeps them and says hello again.
  if (const auto wait =
          owner.intake.wait(now, host * std::uint64_t{2654435761}, static_cast<double>(bytes))) {
    over_quota(owner, store::QuotaKind::kIntakeBytes, effects);
    effects.send.push_back(
        Send{{{owner.no, host}}, model::RetryAfter{*wait, "the tenant's intake quota is used up"}});
    return;
  }
  const fleet::Agent& agent = *owner.registry.find(host);
  effects.work.push_back(VerifyReceipts{
      {owner.no, host}, owner.id, agent.id, agent.key.identity, std::move(receipts.receipts)});
}

// Only carried on: the host believes a time key of its root, and nobody else.
void Core::on(Tenant& owner, HostNo host, const model::TimeRequest& request, Instant now,
              Effects& effects) {
  Session& session = owner.session(host);
  if (session.time_asked && now >= *session.time_asked && now - *session.time_asked < kTimeAgain) {
    effects.notice.push_back(Count{kTimeQuestions, {{"outcome", "too_often"}}});
    return;
  }
  session.time_asked = now;
  effects.work.push_back(AskTime{{owner.no, host}, {owner.id, request.nonce, owner.name}});
}

void Core::on_time_told(const TimeTold& told, Effects& effects) {
  const bool answered = !told.statement.empty();
  effects.notice.push_back(Count{kTimeQuestions, {{"outcome", answered ? "answered" : "failed"}}});
  if (answered)
    effects.send.push_back(Send{{told.host}, model::TimeReply{told.statement}});
  else
    effects.notice.push_back(Event{"time_not_told", {{"why", told.error}}, true});
}

void Core::on_flood(const HostRef& host, Effects& effects) const {
  const fleet::Agent& one = *agent(host);
  effects.notice.push_back(Event{"host_floods",
                                 {{"tenant", find(host.tenant)->name},
                                  {"agent", one.id.hex()},
                                  {"hostname", one.key.hostname}},
                                 true});
}

void Core::on_taken(const std::vector<HostRef>& hosts, std::uint64_t log_size, Instant now) {
  for (const HostRef& host : hosts)
    for (auto& [name, rollout] : tenant(host.tenant).campaigns)
      rollout.on_sent(host.host, log_size, now);
}

void Core::on_refused(const HostRef& ref, const SendEffect& effect, bool gone, Instant now,
                      Effects& effects) {
  Tenant& owner = tenant(ref.tenant);
  Session& session = owner.session(ref.host);
  effects.notice.push_back(
      Count{kDispatchDeferred, {{"reason", gone ? "peer_gone" : "queue_full"}}});
  const auto* send = std::get_if<Send>(&effect);
  if (send)
    if (const auto* entries = std::get_if<model::Entries>(&send->message))
      session.queued = std::min(session.queued, entries->from);
  if (gone) {
    session.connected = false;  // it says hello again
    return;
  }
  if (const auto* blob = std::get_if<SendBlob>(&effect))
    session.blob = {blob->digest, blob->offset};
  // Acks and welcomes are not repeated: the host asks again, and gets the same answer.
  session.blocked = true;
  session.retry_at = now + kRefusedRetry;
  blocked_.insert(ref);
}

}  // namespace fleetsweep::controller
