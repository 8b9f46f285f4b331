#include "protocol/trust/order_gates.h"

#include <algorithm>

namespace fleetsweep::trust {

using model::Class;
using model::Mode;
using model::Reason;

model::Class OrderUnderTest::action_class() const {
  if (order().mode == Mode::kUndo) return Class::kClean;
  if (!policy) return order().action_class;
  return order().mode == Mode::kDryRun ? policy->dry_run : policy->apply;
}

Checked<void> is_understood(const OrderUnderTest& test) {
  if (test.order().agent_schema_min > kAgentSchema)
    return refuse(Reason::kSchema, "the order needs schema {}, this agent knows {}",
                  test.order().agent_schema_min, kAgentSchema);
  return {};
}

Checked<void> root_arrived(const OrderUnderTest& test) {
  if (test.root().version < test.order().root_version_min)
    return refuse(Reason::kRootVersion, "the order needs root version {}, this host has {}",
                  test.order().root_version_min, test.root().version);
  return {};
}

Checked<void> policy_matches(const OrderUnderTest& test) {
  if (test.order().mode == Mode::kUndo || !test.policy) return {};
  if (test.policy->digest != test.order().policy || test.policy->size != test.order().policy_size)
    return refuse(Reason::kPolicyMismatch,
                  "the policy is {} with {} bytes, the order names {} with {}",
                  test.policy->digest.hex(), test.policy->size, test.order().policy.hex(),
                  test.order().policy_size);
  return {};
}

Checked<void> class_matches(const OrderUnderTest& test) {
  if (test.action_class() != test.order().action_class)
    return refuse(Reason::kClassMismatch, "the order claims class {}, what it does is {}",
                  name(test.order().action_class), name(test.action_class()));
  return {};
}

Checked<void> not_stopped(const OrderUnderTest& test) {
  if (auto why = stopped(test.state, test.id, test.order(), test.action_class(), test.agent))
    return refuse(Reason::kStopped, "{}", *why);
  return {};
}

Checked<void> has_quorum(const OrderUnderTest& test) {
  FS_CHECK(meets(test.root(), role_for(test.action_class()), test.entry.signed_by,
                 stopped_keys(test.state)));
  return {};
}

Checked<void> root_is_live(const OrderUnderTest& test) {
  if (test.action_class() > Class::kObserve && test.now() >= test.root().expires)
    return refuse(Reason::kRootExpired, "root version {} ended {}: only observe is left",
                  test.root().version, to_rfc3339(test.root().expires));
  return {};
}

Checked<void> lifetime_fits(const OrderUnderTest& test) {
  const auto& schedule = test.order().schedule;
  const Seconds life = schedule.not_after - schedule.not_before;
  const model::RootPolicy& policy = test.root().policy;
  if (test.order().standing && life > policy.standing_life_max)
    return refuse(Reason::kLifetime, "stands for {}, the root allows standing orders {}",
                  to_human(life), to_human(policy.standing_life_max));
  const Seconds life_max = policy.order_life_max[test.index()];
  if (!test.order().standing && life > life_max)
    return refuse(Reason::kLifetime, "valid for {}, class {} allows {}", to_human(life),
                  name(test.action_class()), to_human(life_max));
  const Seconds grace_max = policy.offline_grace_max[test.index()];
  if (schedule.offline_grace > grace_max)
    return refuse(Reason::kLifetime, "offline grace {}, class {} allows {}",
                  to_human(schedule.offline_grace), name(test.action_class()), to_human(grace_max));
  return {};
}

Checked<void> not_expired(const OrderUnderTest& test) {
  if (test.now() >= test.order().schedule.not_after)
    return refuse(Reason::kExpired, "the order ended {}",
                  to_rfc3339(test.order().schedule.not_after));
  return {};
}

Checked<void> canary_fits(const OrderUnderTest& test) {
  const std::uint16_t permille_max = test.root().policy.wave1_permille_max;
  if (test.order().mode == Mode::kApply && permille_max != 0 &&
      test.order().waves.front().permille > permille_max)
    return refuse(Reason::kLimit, "the first wave holds {} permille, the root allows {}",
                  test.order().waves.front().permille, permille_max);
  return {};
}

Checked<void> is_fresh(const OrderUnderTest& test) {
  if (test.floor.time == Timestamp{}) return refuse(Reason::kStale, "no verified checkpoint yet");
  if (!test.floor.witnessed && test.action_class() > Class::kContain)
    return refuse(Reason::kStale, "class {} needs a root with witnesses",
                  name(test.action_class()));
  const Seconds age_max = std::max(test.root().policy.checkpoint_age_max[test.index()],
                                   test.order().schedule.offline_grace);
  const Seconds age = test.now() - test.floor.time;
  if (age > age_max)
    return refuse(Reason::kStale, "the newest checkpoint is {} old, class {} allows {}",
                  to_human(age), name(test.action_class()), to_human(age_max));
  return {};
}

Checked<void> clock_is_sane(const OrderUnderTest& test) {
  const model::ClockState state = clock_state(test.floor, test.clock);
  if (test.action_class() >= Class::kContain && state != model::ClockState::kOk)
    return refuse(Reason::kClock, "the clock says {}, witnesses said {}: {}",
                  to_rfc3339(test.clock.local), to_rfc3339(earliest(test.floor, test.clock)),
                  name(state));
  return {};
}

}  // namespace fleetsweep::trust
