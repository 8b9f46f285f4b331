#include "protocol/trust/gates.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/trust/order_gates.h"

namespace fleetsweep::trust {

using model::Class;
using model::Mode;
using model::Reason;

namespace {

struct Test {
  const Situation& here;
  OrderUnderTest order;
  Due when;
  std::uint16_t wave = 0;
};
using Gate = Checked<void> (*)(const Test&);

template <class T>
bool has(const std::vector<T>& list, const std::type_identity_t<T>& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <OrderGate kGate>
Checked<void> on_order(const Test& test) {
  return kGate(test.order);
}

Checked<void> not_halted(const Test& test) {
  if (test.here.host.halted) return refuse(Reason::kHalted, "the host's owner halted this agent");
  return {};
}

Checked<void> not_forked(const Test& test) {
  if (test.here.forked)
    return refuse(Reason::kLogFork, "witnessed checkpoints contradict each other");
  return {};
}

Checked<void> not_executed(const Test& test) {
  if (test.order.order().schedule.repeat == Seconds{0} &&
      test.here.executed.contains({test.order.id, 0}))
    return refuse(Reason::kExecuted, "this host has carried it out");
  return {};
}

Checked<void> is_for_us(const Test& test) {
  const Host& host = test.here.host;
  return in_scope(test.order.order().scope, host.agent, host.jurisdiction, host.groups);
}

// Not begun, or not again, whatever becomes of the undo: who signed that wants it as it was.
Checked<void> not_taken_back(const Test& test) {
  if (test.order.order().mode != Mode::kApply) return {};
  for (const auto& [id, entry] : test.here.state.orders) {
    if (entry.order.mode != Mode::kUndo || entry.order.undoes != test.order.id) continue;
    const Test undo{test.here,
                    {test.order.state, id, entry, nullptr, test.order.floor, test.order.clock,
                     test.order.agent},
                    {}};
    if (not_stopped(undo.order) && has_quorum(undo.order) && is_for_us(undo))
      return refuse(Reason::kStopped, "order {} undoes it", id.hex());
  }
  return {};
}

Checked<void> fits_platform(const Test& test) {
  const PolicyFacts* policy = test.order.policy;
  if (test.order.order().mode == Mode::kUndo || !policy) return {};
  if (policy->platform != model::Platform::kAny && policy->platform != test.here.host.platform)
    return refuse(Reason::kPlatform, "the policy is for {}, this host runs {}",
                  name(policy->platform), name(test.here.host.platform));
  return {};
}

Checked<void> is_capable(const Test& test) {
  const PolicyFacts* policy = test.order.policy;
  if (test.order.order().mode == Mode::kUndo || !policy) return {};
  const auto& needs =
      test.order.order().mode == Mode::kDryRun ? policy->dry_run_needs : policy->apply_needs;
  for (const auto& need : needs)
    if (!has(test.here.host.capabilities, need))
      return refuse(Reason::kCapability, "the policy needs '{}', which this agent does not have",
                    need);
  return {};
}

Checked<void> is_confined(const Test& test) {
  const PolicyFacts* policy = test.order.policy;
  if (test.order.order().mode == Mode::kUndo || !policy) return {};
  if (policy->dry_run >= Class::kRead && test.here.host.sandbox == model::SandboxLevel::kNone)
    return refuse(Reason::kSandbox, "the policy reads content, and the parser cannot be confined");
  return {};
}

Checked<void> is_consented(const Test& test) {
  return allows(test.here.host.consent, test.order.action_class(), test.here.host.jurisdiction,
                test.order.now());
}

Checked<void> can_undo(const Test& test) {
  const model::Order& order = test.order.order();
  if (order.mode != Mode::kUndo) return {};
  const auto begun = test.here.executed.lower_bound({order.undoes, 0});
  const bool executed = begun != test.here.executed.end() && begun->order == order.undoes;
  const auto undone = test.here.state.orders.find(order.undoes);
  const bool applied =
      undone == test.here.state.orders.end() || undone->second.order.mode == Mode::kApply;
  if (!executed || !applied)
    return refuse(Reason::kUndoUnknown, "this host never carried out apply order {}",
                  order.undoes.hex());
  return {};
}

Checked<void> has_policy(const Test& test) {
  if (test.order.order().mode != Mode::kUndo && !test.order.policy)
    return refuse(Reason::kPolicyMissing, "policy {} is not here yet",
                  test.order.order().policy.hex());
  return {};
}

Checked<void> has_dry_run(const Test& test) {
  const model::Order& order = test.order.order();
  const Class action_class = test.order.action_class();
  if (order.mode != Mode::kApply || action_class < Class::kContain || action_class > Class::kClean)
    return {};
  const auto& runs = test.here.dry_runs;
  const auto run = std::find_if(runs.begin(), runs.end(), [&](const DryRun& candidate) {
    return candidate.order == order.dry_run_order && candidate.policy == order.policy;
  });
  if (run == runs.end())
    return refuse(Reason::kDryRunMissing, "this host has no finished dry run {} of policy {}",
                  order.dry_run_order.hex(), order.policy.hex());
  const Seconds age = test.order.now() - run->finished;
  const Seconds age_max = test.order.root().policy.dry_run_age_max;
  if (age > age_max)
    return refuse(Reason::kDryRunOld, "the dry run is {} old, at most {}", to_human(age),
                  to_human(age_max));
  return {};
}

// What time alone does not mend comes first, so that a host that will never act says so at once;
// without the policy's bytes too, so that only hosts in scope fetch them.
constexpr Gate kStanding[] = {
    not_halted,
    not_forked,
    on_order<is_understood>,
    on_order<root_arrived>,
    not_executed,
    on_order<policy_matches>,
    on_order<class_matches>,
    on_order<not_stopped>,
    not_taken_back,
    on_order<has_quorum>,
    on_order<root_is_live>,
    on_order<lifetime_fits>,
    on_order<not_expired>,
    on_order<canary_fits>,
    is_for_us,
    fits_platform,
    is_capable,
    is_confined,
    is_consented,
    can_undo,
    has_policy,
    on_order<clock_is_sane>,  // before any waiting: a clock set back would wait for ever
};
std::optional<Refusal> first_refusal(const Test& test) {
  for (Gate gate : kStanding)
    if (auto passed = gate(test); !passed) return passed.error();
  return std::nullopt;
}

std::optional<Waiting> wait_for_time(const Test& test) {
  const auto& schedule = test.order.order().schedule;
  Due when = test.when;
  if (schedule.repeat > Seconds{0} && test.here.executed.contains({test.order.id, when.slot})) {
    const Seconds offset =
        schedule.clock == model::Clock::kHostLocal ? test.here.clock.utc_offset : Seconds{0};
    when.now = false;
    when.at =
        schedule.not_before - offset + schedule.repeat * static_cast<std::int64_t>(when.slot + 1);
  }
  if (when.now) return std::nullopt;
  Waiting waiting{WaitFor::kTime, when.at, test.wave, "not due"};
  if (when.at) waiting.detail = fmt::format("due {}", to_rfc3339(*when.at));
  return waiting;
}

// Two witnessed checkpoints that contain the order, so long apart: time enough for a Stop to
// arrive.
std::optional<Waiting> wait_for_cool_off(const Test& test) {
  const std::size_t index = test.order.index();
  const Seconds length = test.order.order().mode == Mode::kUndo
                             ? Seconds{0}
                             : test.order.root().policy.cool_off[index];
  const Timestamp until =
      std::max(test.order.entry.logged.seen + length, test.here.state.weakened_until[index]);
  if (test.here.floor.time >= until) return std::nullopt;
  return Waiting{WaitFor::kCoolOff, until, test.wave,
                 fmt::format("cools off until witnesses say {}", to_rfc3339(until))};
}

// When wave `k` was released for good, if it was: by people, or by the conductor where the gate is
// `auto`.
std::optional<Timestamp> released(const Test& test, std::uint16_t k) {
  const OrderUnderTest& order = test.order;
  const Keys stopped_now = stopped_keys(order.state);
  std::optional<Timestamp> result;
  for (bool conductor : {false, true}) {
    if (conductor && order.order().waves[k].gate != model::Gate::kAuto) continue;
    const auto entry = order.state.releases.find({order.id, k, conductor});
    if (entry == order.state.releases.end()) continue;
    const ReleaseEntry& release = entry->second;
    const auto role = conductor ? model::Role::kConductor : model::Role::kRelease;
    if (release.release.expires <= order.now() ||
        !meets(order.root(), role, release.signed_by, stopped_now))
      continue;
    result = std::min(result.value_or(release.logged.seen), release.logged.seen);
  }
  return result;
}

// Each wave behind the one before it: nobody overtakes the canaries.
std::optional<Waiting> wait_for_wave(const Test& test) {
  const auto& waves = test.order.order().waves;
  Timestamp base = test.order.entry.logged.seen;
  for (std::uint16_t k = 0; k <= test.wave; ++k) {
    const std::optional<Timestamp> release = released(test, k);
    if (waves[k].gate != model::Gate::kNone && !release)
      return Waiting{WaitFor::kRelease, std::nullopt, test.wave,
                     test.order.order().standing && k == 0
                         ? "a standing order: it sleeps until its first wave is released"
                         : fmt::format("wave {} of {} needs a release ({})", k + 1, waves.size(),
                                       name(waves[k].gate))};
    const Timestamp open = base + waves[k].delay_min;
    if (test.here.floor.time < open)
      return Waiting{WaitFor::kWaveDelay, open, test.wave,
                     fmt::format("wave {} of {} opens when witnesses say {}", k + 1, waves.size(),
                                 to_rfc3339(open))};
    base = std::max(base, release.value_or(base));
  }
  return std::nullopt;
}

}  // namespace

Verdict judge(const Situation& here, const DocumentId& id) {
  const auto found = here.state.orders.find(id);
  if (found == here.state.orders.end() || !here.state.root)
    return Refusal{Reason::kUntrusted, "the log has no such order that met its quorum"};
  // Before anything of it is read.
  if (here.poisoned.contains(id))
    return Refusal{Reason::kPoison, "reading it killed this agent twice"};
  const model::Order& order = found->second.order;
  const Test test{
      here,
      {here.state, id, found->second, here.policy, here.floor, here.clock, here.host.agent},
      due(order.schedule, id, here.host.agent, found->second.logged.seen, here.clock.local,
          here.clock.utc_offset),
      wave_of(order.waves, id, here.host.agent)};
  if (auto refusal = first_refusal(test)) return *refusal;
  if (auto waiting = wait_for_time(test)) return *waiting;
  // Asked when the order is due: until then a host without contact just waits.
  if (auto fresh = is_fresh(test.order); !fresh) return fresh.error();
  if (auto waiting = wait_for_cool_off(test)) return *waiting;
  if (auto waiting = wait_for_wave(test)) return *waiting;
  // Last, because the dry run may be under way while the order cools off.
  if (auto ran = has_dry_run(test); !ran) return ran.error();
  return Allowed{test.order.action_class(), test.wave, test.when.slot};
}

Checked<void> in_scope(const model::Scope& scope, const AgentId& agent,
                       std::string_view jurisdiction, const std::vector<std::string>& groups) {
  if (scope.jurisdictions.empty())
    return refuse(Reason::kJurisdiction, "the order names no jurisdiction, so it holds nowhere");
  if (!has(scope.jurisdictions, std::string(jurisdiction)))
    return refuse(Reason::kJurisdiction, "the order holds in {}, this host is in '{}'",
                  fmt::join(scope.jurisdictions, ", "), escaped(jurisdiction));
  if (has(scope.exclude, agent)) return refuse(Reason::kScope, "the order excludes this host");
  if (has(scope.include, agent)) return {};
  const bool in_group = std::any_of(groups.begin(), groups.end(),
                                    [&](const auto& group) { return has(scope.groups, group); });
  if (in_group || (scope.groups.empty() && scope.include.empty())) return {};
  return refuse(Reason::kScope,
                "the order is for {} group(s) and {} named host(s), not for this one",
                scope.groups.size(), scope.include.size());
}

std::uint32_t items_allowed(std::uint32_t policy_items, const model::Order& order,
                            const model::Root& root, const Consent& consent) {
  std::uint32_t result = policy_items ? policy_items : limits::kItemsDefault;
  for (std::uint32_t bound : {order.limits.items, root.policy.items_max})
    if (bound != 0) result = std::min(result, bound);
  if (consent.items_max) result = std::min(result, *consent.items_max);
  return std::min(result, limits::kItemsMax);
}

}  // namespace fleetsweep::trust
