// What one tenant may take, so that there is something left for the others.

#include "controller/core/core.h"
#include "controller/metrics_names.h"

namespace fleetsweep::controller {
namespace {

// A batch of receipts is at most 120 KiB: some seconds' worth may come at once, after an outage.
constexpr double kIntakeBurstSeconds = 4;

}  // namespace

fleet::Admission Tenant::intake_of(const Quotas& quotas) {
  const auto rate =
      static_cast<double>(quotas[static_cast<std::size_t>(store::QuotaKind::kIntakeBytes)]);
  return {rate, rate * kIntakeBurstSeconds};
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
                         Effects& effects) const {
  const std::uint64_t most = owner.quotas[static_cast<std::size_t>(kind)];
  if (would_be <= most) return {};
  over_quota(owner, kind, effects);
  return fail(Code::kOverloaded,
              "quota {} of tenant {}: this would make {}, it may have {}; who runs this controller "
              "can raise it: `fleetsweep tenant quota {} {}=N`",
              fleetsweep::name(kind), escaped(owner.name), would_be, most,
              owner.id.hex().substr(0, 12), fleetsweep::name(kind));
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
  effects.persist.push_back(store::Quota{owner->no, kind, most});
  effects.persist.push_back(
      store::Audit{to_timestamp(now), who, "quota_set",
                   fmt::format("{} {}={}", owner->name, fleetsweep::name(kind), most)});
  return {};
}

}  // namespace fleetsweep::controller
