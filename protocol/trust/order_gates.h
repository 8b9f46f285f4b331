#pragma once

// The gates that need only the order and the log, shared by core's judge() and by act's own check.
// Not for others.

#include "protocol/trust/clock.h"
#include "protocol/trust/order_class.h"
#include "protocol/trust/state.h"

namespace fleetsweep::trust {

struct OrderUnderTest {
  const State& state;  // has a root
  const DocumentId& id;
  const OrderEntry& entry;
  const PolicyFacts* policy = nullptr;
  const TimeFloor& floor;
  const ClockReading& clock;
  std::optional<AgentId> agent;

  const model::Order& order() const { return entry.order; }
  const model::Root& root() const { return state.root->root(); }
  // Computed where the policy is known, claimed otherwise; class_matches() makes them equal.
  model::Class action_class() const;
  std::size_t index() const { return static_cast<std::size_t>(action_class()); }
  Timestamp now() const { return effective(floor, clock); }
};

using OrderGate = Checked<void> (*)(const OrderUnderTest&);

Checked<void> is_understood(const OrderUnderTest& test);  // kSchema
Checked<void> root_arrived(const OrderUnderTest& test);   // kRootVersion
Checked<void> policy_matches(
    const OrderUnderTest& test);  // kPolicyMismatch; an absent policy passes
Checked<void> class_matches(const OrderUnderTest& test);  // kClassMismatch
Checked<void> not_stopped(const OrderUnderTest& test);    // kStopped
Checked<void> has_quorum(const OrderUnderTest& test);     // kQuorum, under the current root
Checked<void> root_is_live(const OrderUnderTest& test);   // kRootExpired
Checked<void> lifetime_fits(const OrderUnderTest& test);  // kLifetime
Checked<void> not_expired(const OrderUnderTest& test);    // kExpired
Checked<void> canary_fits(const OrderUnderTest& test);    // kLimit
Checked<void> is_fresh(const OrderUnderTest& test);       // kStale
Checked<void> clock_is_sane(const OrderUnderTest& test);  // kClock

}  // namespace fleetsweep::trust
