#include "protocol/trust/admission.h"

#include "protocol/codec/codec.h"
#include "protocol/trust/examine.h"

namespace fleetsweep::trust {

using model::Mode;
using model::Reason;

Checked<void> check_terms(const model::Order& order, const std::optional<PolicyFacts>& policy,
                          Timestamp now) {
  if (now >= order.schedule.not_after)
    return refuse(Reason::kExpired, "the order ended {}", to_rfc3339(order.schedule.not_after));
  model::Class needed = model::Class::kClean;
  if (order.mode != Mode::kUndo) {
    if (!policy)
      return refuse(Reason::kPolicyMissing, "submit policy {} first", order.policy.hex());
    if (policy->digest != order.policy || policy->size != order.policy_size)
      return refuse(Reason::kPolicyMismatch, "policy {} has {} bytes, the order names {} and {}",
                    policy->digest.hex(), policy->size, order.policy.hex(), order.policy_size);
    needed = order.mode == Mode::kDryRun ? policy->dry_run : policy->apply;
  }
  if (needed != order.action_class)
    return refuse(Reason::kClassMismatch, "claims class {}, what it does is {}",
                  name(order.action_class), name(needed));
  return {};
}

Checked<Admitted> admit(const State& state, BytesView envelope,
                        const std::optional<PolicyFacts>& policy, Timestamp now) {
  FS_TRY(const Opened opened, open_entry(envelope));
  FS_TRY(const Change change, examine(state, opened, envelope, Logged{state.size, now}));
  Admitted result{opened.id, opened.envelope.payload_type,
                  std::holds_alternative<AlreadyKnown>(change)};
  if (const auto* waiting = std::get_if<NewWaiting>(&change))
    return refuse(Reason::kQuorum,
                  "the root before this one asked more: until {} what it asked is asked too",
                  to_rfc3339(waiting->until));
  if (const auto* order = std::get_if<NewOrder>(&change))
    FS_CHECK(check_terms(order->entry.order, policy, now));
  if (const auto* batch = std::get_if<NewBatch>(&change);
      batch && batch->entry.batch.not_after <= now)
    return refuse(Reason::kExpired, "the batch ended {}", to_rfc3339(batch->entry.batch.not_after));
  return result;
}

std::optional<Digest> policy_named(BytesView envelope) {
  auto opened = open_entry(envelope);
  if (!opened || opened->envelope.payload_type != model::kPayloadOrder) return std::nullopt;
  auto order = codec::decode<model::Order>(opened->envelope.payload);
  if (!order || order->mode == Mode::kUndo) return std::nullopt;
  return order->policy;
}

}  // namespace fleetsweep::trust
