#include "controller/driver/driver.h"

#include <algorithm>
#include <set>

#include "controller/metrics_names.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::controller {
namespace {

Result<SavedTenant> read_tenant(store::Store& store, const store::Tenant& tenant) {
  SavedTenant saved{.tenant = tenant};
  FS_TRY(saved.entries, store.entries(tenant.no));
  FS_TRY(saved.checkpoint, store.checkpoint(tenant.no));
  FS_TRY(saved.witnessed, store.witnessed(tenant.no));
  FS_TRY(saved.agents, store.agents(tenant.no));
  FS_TRY(saved.agents_seen, store.agents_seen(tenant.no));
  FS_TRY(saved.trips, store.trips(tenant.no));
  FS_TRY(saved.forks, store.forks(tenant.no));
  FS_TRY(saved.clones, store.clones(tenant.no));
  FS_TRY(saved.pending, store.pending(tenant.no));
  FS_TRY(saved.rekeys, store.agent_rekeys(tenant.no));
  FS_TRY(saved.quotas, store.quotas(tenant.no));
  FS_TRY(const std::vector<Digest> digests, store.blobs(tenant.no));
  for (const Digest& digest : digests) {
    FS_TRY(std::optional<Bytes> bytes, store.blob(tenant.no, digest));
    if (bytes && hash_set::is_hash_part(*bytes))
      saved.hash_parts.push_back({digest, static_cast<std::uint32_t>(bytes->size())});
    else if (bytes)
      saved.policies.push_back(std::move(*bytes));
  }
  return saved;
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::load(const CoreOptions& options, const Parts& parts,
                                             Instant now) {
  std::unique_ptr<Driver> driver(new Driver(options, parts));
  FS_CHECK(driver->reload(now, false));
  return driver;
}

// `counted`: the counters of this process already hold what the store holds.
Status Driver::reload(Instant now, bool counted) {
  auto core = std::make_unique<Core>(options_, now);
  FS_TRY(const std::vector<store::Tenant> tenants, parts_.store.tenants());
  Effects replayed;
  for (const store::Tenant& tenant : tenants) {
    FS_TRY(const SavedTenant saved, read_tenant(parts_.store, tenant));
    FS_CHECK(core->restore(saved, replayed));
    FS_CHECK(parts_.store.for_each_receipt(
        tenant.no, [&](const store::Receipt& receipt) { return core->replay(receipt, replayed); }));
  }
  core_ = std::move(core);
  pending_ = {};
  receipts_pending_ = 0;
  parts_.outlet.replace(core_->admitted());
  if (!counted) tell(replayed.notice, now);
  core_->on_time(now, pending_);
  return {};
}

Status Driver::health() const {
  return health_;
}

void Driver::on_message(const HostRef& host, model::Message message, Instant now) {
  core_->on_message(host, std::move(message), now, pending_);
}

void Driver::on_key_used(const HostRef& host, const CurveKey& key, Instant now) {
  core_->on_key_used(host, key, now, pending_);
}

void Driver::on_verified(std::vector<VerifiedReceipt> receipts, Instant now) {
  for (VerifiedReceipt& one : receipts) {
    // The core was loaded anew while the receipt was being checked, and this host is not in it.
    if (!core_->agent(one.host)) continue;
    if (!one.receipt || one.receipt->seq > core_->last_seq(one.host)) continue;
    // Seen before, perhaps in this very turn: only the store knows under which id.
    if (receipts_pending_ > 0) flush(now);
    if (!core_->agent(one.host)) continue;
    auto stored = parts_.store.receipt_id(one.host.tenant, one.host.host, one.receipt->seq);
    if (!stored) {
      health_ = fail(stored.error());
      return;  // not acknowledged: the hosts send them again
    }
    one.stored = *stored;
  }
  // Two receipts with one number in one batch: the second must meet the first one in the store.
  std::set<std::pair<HostRef, std::uint64_t>> seen;
  std::vector<VerifiedReceipt> now_part;
  std::vector<VerifiedReceipt> again;
  for (VerifiedReceipt& one : receipts) {
    if (!core_->agent(one.host)) continue;
    const bool first = !one.receipt || seen.emplace(one.host, one.receipt->seq).second;
    (first ? now_part : again).push_back(std::move(one));
  }
  receipts_pending_ += now_part.size();
  core_->on_verified(std::move(now_part), now, pending_);
  if (receipts_pending_ >= limits::kCommitReceipts) flush(now);
  if (!again.empty()) on_verified(std::move(again), now);
}

void Driver::on_cosigned(const Cosigned& cosigned, Instant now) {
  if (core_->find(cosigned.tenant)) core_->on_cosigned(cosigned, now, pending_);
}

void Driver::on_time_told(const TimeTold& told) {
  if (core_->agent(told.host)) core_->on_time_told(told, pending_);
}

void Driver::on_flood(const HostRef& host) {
  if (core_->agent(host)) core_->on_flood(host, pending_);
}

void Driver::on_time(Instant now) {
  core_->on_time(now, pending_);
}

bool Driver::commit(Instant now) {
  if (stale_) return recover(now);
  if (pending_.persist.empty()) return true;
  Status status;
  const auto work = [&] { status = parts_.store.commit(pending_.persist); };
  if (parts_.timed)
    parts_.timed(work);
  else
    work();
  parts_.telemetry.on_commit(pending_.persist.size(), status.has_value());
  if (status) return true;
  parts_.telemetry.on(Event{"commit_failed", {{"error", status.error().message}}, true});
  health_ = fail(status.error());
  stale_ = true;  // the core knows what the store does not
  return recover(now);
}

// Forgets what is not durable. Until that succeeds nothing is committed, sent or acknowledged.
bool Driver::recover(Instant now) {
  pending_ = {};
  receipts_pending_ = 0;
  if (const Status loaded = reload(now, true); !loaded)
    health_ = fail(loaded.error());
  else
    stale_ = false;
  return false;
}

void Driver::flush(Instant now) {
  // Sends may be refused and releases signed, which makes more effects: a few rounds settle it.
  for (int round = 0; round < 8; ++round) {
    if (!commit(now)) return;
    if (!pending_.persist.empty()) health_ = {};
    receipts_pending_ = 0;
    Effects effects = std::exchange(pending_, {});
    if (effects.send.empty() && effects.work.empty() && effects.notice.empty()) return;
    tell(effects.notice, now);  // first: what a host knows to be acknowledged is counted
    perform(std::move(effects.send), now);
    start(std::move(effects.work), now);
  }
}

void Driver::perform(std::vector<SendEffect> sends, Instant now) {
  for (const SendEffect& effect : sends) {
    if (const auto* to = std::get_if<Send>(&effect))
      send(*to, now);
    else if (const auto* blob = std::get_if<SendBlob>(&effect))
      send(*blob, now);
    else if (const auto* admit = std::get_if<Admit>(&effect))
      parts_.outlet.admit(admit->host, admit->key);
    else if (const auto* retire = std::get_if<Retire>(&effect))
      parts_.outlet.retire(retire->key);
  }
}

void Driver::send(const Send& send, Instant now) {
  const auto frame = std::make_shared<const Bytes>(codec::encode(send.message));
  std::vector<HostRef> taken;
  for (const HostRef& host : send.to) {
    const Outlet::Taken result = parts_.outlet.send(host, frame);
    if (result == Outlet::Taken::kOk)
      taken.push_back(host);
    else
      refused(host, Send{{host}, send.message}, result, now);
  }
  if (const auto* entries = std::get_if<model::Entries>(&send.message))
    core_->on_taken(taken, entries->from + entries->entries.size(), now);
}

void Driver::send(const SendBlob& send, Instant now) {
  if (blob_tenant_ != send.to.tenant || blob_digest_ != send.digest || !blob_) {
    auto blob = parts_.store.blob(send.to.tenant, send.digest);
    blob_tenant_ = send.to.tenant;
    blob_digest_ = send.digest;
    blob_ = blob ? std::move(*blob) : std::nullopt;
    blob_frames_.clear();
  }
  Frame frame;
  const std::uint64_t total = blob_ ? blob_->size() : 0;
  if (!blob_ || send.offset >= total) {
    frame = std::make_shared<const Bytes>(
        codec::encode(model::Message(model::Blob{send.digest, send.offset, total, {}})));
  } else if (Frame& cached = blob_frames_[send.offset]; cached) {
    frame = cached;
  } else {
    const auto from = blob_->begin() + static_cast<std::ptrdiff_t>(send.offset);
    const std::size_t size = std::min<std::size_t>(limits::kBlobChunkBytes, total - send.offset);
    frame = std::make_shared<const Bytes>(codec::encode(model::Message(model::Blob{
        send.digest, send.offset, total, Bytes(from, from + static_cast<std::ptrdiff_t>(size))})));
    // Offsets are asked for by hosts: only whole chunks are worth keeping.
    if (send.offset % limits::kBlobChunkBytes == 0)
      cached = frame;
    else
      blob_frames_.erase(send.offset);
  }
  const Outlet::Taken result = parts_.outlet.send(send.to, frame);
  if (result != Outlet::Taken::kOk) refused(send.to, send, result, now);
}

void Driver::refused(const HostRef& host, const SendEffect& effect, Outlet::Taken taken,
                     Instant now) {
  core_->on_refused(host, effect, taken == Outlet::Taken::kGone, now, pending_);
}

void Driver::start(std::vector<Work> works, Instant now) {
  for (Work& work : works) {
    if (auto* verify = std::get_if<VerifyReceipts>(&work)) {
      // Not acknowledged: the host sends them again.
      if (!parts_.crew.verify(std::move(*verify)))
        parts_.telemetry.on(Count{kDispatchDeferred, {{"reason", "verify_queue_full"}}});
    } else if (auto* cosign = std::get_if<CosignLog>(&work)) {
      const TenantNo tenant = cosign->tenant;
      if (!parts_.crew.cosign(std::move(*cosign)))
        core_->on_cosigned({.tenant = tenant, .error = "too busy"}, now, pending_);
    } else if (auto* ask = std::get_if<AskTime>(&work)) {
      const HostRef host = ask->host;
      if (!parts_.crew.ask_time(std::move(*ask)))
        core_->on_time_told({host, {}, "too many ask"}, pending_);
    } else if (auto* sign = std::get_if<SignRelease>(&work)) {
      const Bytes envelope = codec::encode(crypto::sign_envelope(
          model::kPayloadRelease, codec::encode(sign->release), parts_.conductor));
      const Tenant* tenant = core_->find(sign->tenant);
      const auto logged = core_->submit(tenant->id, envelope, "conductor", now, pending_);
      if (!logged)
        core_->on_release_refused(sign->tenant, sign->release, logged.error().message, pending_);
    }
  }
}

void Driver::tell(const std::vector<Notice>& notices, Instant now) {
  std::set<std::pair<TenantNo, std::string>> campaigns;
  for (const Notice& notice : notices) {
    if (const auto* count = std::get_if<Count>(&notice))
      parts_.telemetry.on(*count);
    else if (const auto* event = std::get_if<Event>(&notice))
      parts_.telemetry.on(*event);
    else if (const auto* changed = std::get_if<CampaignChanged>(&notice))
      campaigns.emplace(changed->tenant, changed->campaign);
  }
  for (const auto& [no, name] : campaigns) {
    const Tenant* tenant = core_->find(no);
    const auto found = tenant->campaigns.find(name);
    if (found != tenant->campaigns.end()) parts_.telemetry.on_campaign(*tenant, found->second, now);
  }
}

template <class T>
Result<T> Driver::durable(Result<T> result, Instant now) {
  const bool writes = !pending_.persist.empty();
  flush(now);
  if (result && writes && !health_) return fail(Code::kUnavailable, "{}", health_.error().message);
  return result;
}

Result<Enrolled> Driver::enrol(BytesView agent_key, const CurveKey& key, Instant now) {
  return durable(core_->enrol(agent_key, key, now, pending_), now);
}

Result<Submitted> Driver::create_tenant(BytesView root_envelope, const std::string& who,
                                        Instant now) {
  return durable(core_->create_tenant(root_envelope, who, now, pending_), now);
}

Result<Submitted> Driver::submit(const TenantId& tenant, BytesView envelope, const std::string& who,
                                 Instant now) {
  if (const Status close = check_close(tenant, envelope); !close) return fail(close.error());
  return durable(core_->submit(tenant, envelope, who, now, pending_), now);
}

// Anything but a Close passes: who may hand it in, and whether it is one, is the core's to say.
Status Driver::check_close(const TenantId& id, BytesView bytes) {
  const auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope || envelope->payload_type != model::kPayloadClose) return {};
  const auto close = codec::decode<model::Close>(envelope->payload);
  const Tenant* tenant = core_->find(id);
  if (!close || !tenant) return {};
  if (!tenant->campaigns.contains(close->campaign))
    return fail(Code::kNotFound, "close: no campaign {} of this tenant", escaped(close->campaign));
  FS_TRY(const ResultsLog* log, results_log(*tenant, close->campaign));
  const std::uint64_t size = close->results_size;
  if (size > log->leaves.size())
    return fail(Code::kConflict, "close of {}: it names {} receipts, here are {}",
                escaped(close->campaign), size, log->leaves.size());
  const Digest root = log::tree_root(
      {log->leaves.begin(), log->leaves.begin() + static_cast<std::ptrdiff_t>(size)});
  if (close->results_root != root)
    return fail(Code::kConflict, "close of {}: the first {} receipts have root {}, it names {}",
                escaped(close->campaign), size, root.hex(), close->results_root.hex());
  return {};
}

Result<Digest> Driver::put_policy(const TenantId& tenant, BytesView policy, const std::string& who,
                                  Instant now) {
  return durable(core_->put_policy(tenant, policy, who, now, pending_), now);
}

Result<DocumentId> Driver::post_pending(const TenantId& tenant, BytesView envelope,
                                        const std::string& who, Instant now) {
  return durable(core_->post_pending(tenant, envelope, who, now, pending_), now);
}

Result<DocumentId> Driver::withdraw_pending(const TenantId& tenant, const DocumentId& id,
                                            const std::string& who, Instant now) {
  return durable(core_->withdraw_pending(tenant, id, who, now, pending_), now);
}

Result<std::optional<store::ApiToken>> Driver::api_token(const Digest& hash, Instant now) {
  constexpr Seconds kNoted{60};
  FS_TRY(std::optional<store::ApiToken> token, parts_.store.api_token(hash));
  const Timestamp time = to_timestamp(now);
  if (!token || (token->expires && time >= *token->expires))
    return std::optional<store::ApiToken>();
  const bool is_noted = token->used && time >= *token->used && time - *token->used < kNoted;
  if (!is_noted) {
    const std::vector<store::Record> rows = {store::ApiTokenUsed{hash, time}};
    FS_CHECK(parts_.store.commit(rows));
  }
  return token;
}

Status Driver::set_quota(const TenantId& tenant, store::QuotaKind kind, std::uint64_t most,
                         const std::string& who, Instant now) {
  return durable(core_->set_quota(tenant, kind, most, who, now, pending_), now);
}

}  // namespace fleetsweep::controller
