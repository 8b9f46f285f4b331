#pragma once

// May this host carry out this order now? Each gate has its own Reason, and the first that says no
// gives it, in this order:
//   poison, halted, log_fork, schema, root_version, executed, policy_mismatch, class_mismatch,
//   stopped, quorum, root_expired, lifetime, expired, limit, jurisdiction, scope, platform,
//   capability, sandbox, consent, undo_unknown, policy_missing, clock;
//   then it waits for its time; stale; it waits for its cool-off and its wave; dry_run_missing,
//   dry_run_old.
// Judged when an order arrives, whenever something changed, and again just before the first side
// effect.

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/model/receipt.h"
#include "protocol/trust/clock.h"
#include "protocol/trust/consent.h"
#include "protocol/trust/order_class.h"
#include "protocol/trust/schedule.h"
#include "protocol/trust/state.h"

namespace fleetsweep::trust {

// One run of an order on a host: `slot` counts the repeats and is 0 for an order that runs once.
struct Execution {
  DocumentId order;
  std::uint64_t slot = 0;
  auto operator<=>(const Execution&) const = default;
};

// What this host has done. The owner of the record persists it before acting.
struct DryRun {
  DocumentId order;
  Digest policy;
  Timestamp finished;
  bool operator==(const DryRun&) const = default;
};

struct Host {
  AgentId agent;
  std::string jurisdiction;  // from its EnrolBatch, like the groups
  std::vector<std::string> groups;
  model::Platform platform = model::Platform::kLinux;
  std::vector<std::string>
      capabilities;  // Names<ActionKind>; Names<ObjectKind> where not on every platform
  model::SandboxLevel sandbox = model::SandboxLevel::kNone;
  Consent consent;
  bool halted = false;  // by its owner
};

// Everything a verdict depends on. Borrowed: nothing is kept.
struct Situation {
  const State& state;
  const Host& host;
  const TimeFloor& floor;
  const ClockReading& clock;
  bool forked = false;
  const PolicyFacts* policy = nullptr;  // of the bytes we hold under the digest the order names
  const std::set<Execution>&
      executed;  // finished or begun; the one that a crash interrupted is not judged again
  const std::vector<DryRun>& dry_runs;
  const std::set<DocumentId>& poisoned;
};

enum class WaitFor : std::uint8_t { kTime, kCoolOff, kWaveDelay, kRelease };

struct Allowed {
  model::Class action_class = model::Class::kObserve;
  std::uint16_t wave = 0;
  std::uint64_t slot = 0;
  bool operator==(const Allowed&) const = default;
};
struct Waiting {
  WaitFor what = WaitFor::kTime;
  std::optional<Timestamp> until;  // local clock for kTime, witness time otherwise; empty: an event
  std::uint16_t wave = 0;
  std::string detail;
  bool operator==(const Waiting&) const = default;
};
using Verdict = std::variant<Allowed, Waiting, Refusal>;

// An id that is not in the state is refused with kUntrusted.
Verdict judge(const Situation& situation, const DocumentId& order);

// Whether the order is for this host at all (tenant's jurisdictions, groups, include, exclude): the
// controller asks it for its registry, the agent before it fetches the policy.
Checked<void> in_scope(const model::Scope& scope, const AgentId& agent,
                       std::string_view jurisdiction, const std::vector<std::string>& groups);

// Objects an order may touch on one host: the least of policy, order, root, consent and the
// compiled ceiling.
std::uint32_t items_allowed(std::uint32_t policy_items, const model::Order& order,
                            const model::Root& root, const Consent& consent);

}  // namespace fleetsweep::trust

namespace fleetsweep {
template <>
struct Names<trust::WaitFor> {
  static constexpr std::string_view kAll[] = {"time", "cool-off", "wave-delay", "release"};
};
}  // namespace fleetsweep
