// What one tenant may take, so that there is something left for the others.

#include <algorithm>

#include "controller/core/core.h"
#include "controller/metrics_names.h"
#include "protocol/trust/quorum.h"

namespace fleetsweep::controller {
namespace {

// A batch of receipts is at most 120 KiB: some seconds' worth may come at once, after an outage.
constexpr double kIntakeBurstSeconds = 4;
constexpr double kDaySeconds = 86400;

bool steers(std::string_view payload_type) {
  return payload_type == model::kPayloadStop || payload_type == model::kPayloadResume ||
         payload_type == model::kPayloadRoot || payload_type == model::kPayloadRelease;
}

std::string raise(const Tenant& owner, store::QuotaKind kind) {
  return fmt::format("who runs this controller can raise it: `fleetsweep tenant quota {} {}=N`",
                     owner.id.hex().substr(0, 12), fleetsweep::name(kind));
}

}  // namespace

fleet::Admission Tenant::intake_of(const Quotas& quotas) {
  const auto rate =
      static_cast<double>(quotas[static_cast<std::size_t>(store::QuotaKind::kIntakeBytes)]);
  return {rate, rate * kIntakeBurstSeconds};
}

fleet::Admission Tenant::log_room_of(const Quotas& quotas) {
  const auto day =
      static_cast<double>(quotas[static_cast<std::size_t>(store::QuotaKind::kLogBytes)]);
  return {day / kDaySeconds, day};
}

std::uint64_t uses_of(const model::EnrolBatch& batch) {
  std::uint64_t uses = 0;
  for (const model::Token& token : batch.tokens) uses += token.uses_max;
  return uses;
}

std::uint64_t Tenant::enrolments_pending(Timestamp now) const {
  std::uint64_t pending = 0;
  for (const auto& [id, entry] : state().batches) {
    if (now >= entry.batch.not_after) continue;
    for (const model::Token& token : entry.batch.tokens)
      pending += token.uses_max - std::min<std::uint64_t>(token.uses_max, registry.uses(token.pub));
  }
  return pending;
}

void Core::over_quota(const Tenant& owner, store::QuotaKind kind, Effects& effects) {
  effects.notice.push_back(Count{
      kQuotaExceeded, {{"tenant", owner.name}, {"quota", std::string(fleetsweep::name(kind))}}});
}

Status Core::check_quota(const Tenant& owner, store::QuotaKind kind, std::uint64_t would_be,
                         Effects& effects) {
  const std::uint64_t most = owner.quotas[static_cast<std::size_t>(kind)];
  if (would_be <= most) return {};
  over_quota(owner, kind, effects);
  return fail(Code::kOverloaded, "quota {} of tenant {}: this would make {}, it may have {}; {}",
              fleetsweep::name(kind), escaped(owner.name), would_be, most, raise(owner, kind));
}

// Room for one more document; takes it.
Status Core::check_log_room(Tenant& owner, const model::Envelope& envelope, std::size_t bytes,
                            Instant now, Effects& effects) {
  if (!steers(envelope.payload_type)) {
    constexpr auto kKind = store::QuotaKind::kLogBytes;
    const std::size_t cost = std::max(bytes, kDocumentBytesLeast);
    if (!owner.log_room.wait(now, 0, static_cast<double>(cost))) return {};
    over_quota(owner, kKind, effects);
    return fail(Code::kOverloaded,
                "quota {} of tenant {}: {} of the {} bytes of documents that its log may take in a "
                "day are used, this one counts {}; {}",
                fleetsweep::name(kKind), escaped(owner.name), owner.log_room.used(now),
                owner.quotas[static_cast<std::size_t>(kKind)], cost, raise(owner, kKind));
  }
  // The first key that may is charged: of two who sign, one who has used up his does not hinder.
  const trust::State& state = owner.state();
  constexpr double kPerDay = kSteeringPerKeyDay;
  const auto is_free = [&](const model::Root& root) {
    return std::ranges::any_of(trust::signers(envelope, root), [&](const PublicKey& key) {
      auto& room = owner.steering.try_emplace(key, kPerDay / kDaySeconds, kPerDay).first->second;
      return !room.wait(now, 0);
    });
  };
  if (is_free(state.root->root())) return {};
  for (const trust::WaitingEntry& waiting : state.waiting)  // its people may stop already
    if (waiting.root && is_free(waiting.root->root())) return {};
  effects.notice.push_back(
      Count{kQuotaExceeded, {{"tenant", owner.name}, {"quota", "documents_per_key"}}});
  return fail(
      Code::kOverloaded,
      "the keys that signed this have signed {} Stops, Resumes, Roots and Releases in a day, "
      "which is all; another key's signature still gets in",
      kSteeringPerKeyDay);
}

Status Core::set_quota(const TenantId& id, store::QuotaKind kind, std::uint64_t most,
                       const std::string& who, Instant now, Effects& effects) {
  Tenant* owner = find_mutable(id);
  if (!owner) return fail(Code::kNotFound, "no tenant {} here", id.hex());
  if (most > kQuotaMost)
    return fail(Code::kInvalid, "quota {}: {} is more than {}", fleetsweep::name(kind), most,
                kQuotaMost);
  owner->quotas[static_cast<std::size_t>(kind)] = most;
  if (kind == store::QuotaKind::kIntakeBytes) owner->intake = Tenant::intake_of(owner->quotas);
  if (kind == store::QuotaKind::kLogBytes) owner->log_room = Tenant::log_room_of(owner->quotas);
  effects.persist.push_back(store::Quota{owner->no, kind, most});
  effects.persist.push_back(
      store::Audit{to_timestamp(now), who, "quota_set",
                   fmt::format("{} {}={}", owner->name, fleetsweep::name(kind), most)});
  return {};
}

}  // namespace fleetsweep::controller
