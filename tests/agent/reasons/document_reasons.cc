#include "tests/agent/reasons/document_reasons.h"

#include <gtest/gtest.h>

#include "tests/agent/act/act_host.h"
#include "tests/agent/core/harness.h"

namespace fleetsweep {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;
using model::Order;
using model::Reason;
using std::chrono::hours;
using std::chrono::minutes;

using Change = std::function<void(Order&)>;

// An agent in contact with its edge. What it says is what its newest receipt says.
struct Agent : agent::Harness {
  Agent() { connect(); }
  Reason said() const { return receipts().empty() ? Reason::kNone : last().reason; }

  DocumentId dry_run(const Change& change = {}) {
    Order document = fixture::dry_run(policy);
    if (change) change(document);
    return order(document, {"alice", "bob"});
  }
  // Of a finished dry run, cooling off.
  DocumentId apply(const Change& change = {}) {
    Order document = fixture::apply(policy, dry_run());
    scan_answers(found());
    if (change) change(document);
    return order(document, {"alice", "bob"});
  }
  void cool_off() {
    for (int i = 0; i < 7; ++i) {
      pass(minutes(10));
      deliver();
    }
  }
  // The order comes, the policy not yet.
  void announce_dry_run() {
    log.append(tenant.sign(fixture::dry_run(policy), {"alice"}));
    run(core->on_message(model::Entries{0, log.entries()}, now()));
    run(core->on_message(model::Checkpoint{log.note(clock.local)}, now()));
  }
};

Reason refused_dry_run(const Change& change) {
  Agent host;
  host.dry_run(change);
  return host.said();
}

// Without authority no receipt answers it; the host's owner is told.
Reason refused_entry(const std::function<Bytes(const fixture::Tenant&)>& make) {
  Agent host;
  const Bytes envelope = make(host.tenant);
  host.document(envelope);
  EXPECT_TRUE(host.receipts().empty());
  const auto refused = host.core->status().refused;
  EXPECT_EQ(refused.size(), 1u);
  if (refused.empty()) return Reason::kNone;
  const Reason reason = refused.back().refusal.reason;
  EXPECT_EQ(refused.back().id, fixture::id_of(envelope));
  EXPECT_TRUE(
      host.core->why(refused.back().id).starts_with(fmt::format("refused: {}: ", name(reason))));
  return reason;
}

Reason order_that_does_not_decode() {
  return refused_entry([](const auto& tenant) {
    return tenant.sign_bytes(model::kPayloadOrder, to_bytes("no order"), {"alice"});
  });
}

Reason order_of_a_stranger() {
  return refused_entry([](const auto& tenant) {
    return tenant.sign(fixture::dry_run(fixture::hash_policy()), {"dave"});
  });
}

Reason order_of_another_tenant() {
  return refused_entry([](const auto& tenant) {
    Order order = fixture::dry_run(fixture::hash_policy());
    order.tenant.value.fill(9);
    return tenant.sign(order, {"alice"});
  });
}

Reason order_of_the_future() {
  return refused_dry_run([](Order& order) { order.agent_schema_min = 2; });
}

Reason order_ahead_of_the_root() {
  return refused_dry_run([](Order& order) { order.root_version_min = 2; });
}

Reason root_that_ended() {
  Agent host;
  host.apply();
  host.document(host.tenant.sign(
      host.tenant.next(host.tenant.verified(),
                       [&](model::Root& root) { root.expires = host.clock.local; }),
      {"alice", "bob"}));
  return host.said();
}

Reason policy_that_the_edge_lacks() {
  Agent host;
  host.announce_dry_run();
  host.run(host.core->on_message(model::Blob{.digest = host.digest}, host.now()));
  return host.said();
}

Reason policy_with_other_bytes() {
  Agent host;
  host.announce_dry_run();
  Bytes bytes = fixture::policy_bytes(host.policy);
  bytes.back() ^= 1;
  host.run(host.core->on_message(model::Blob{host.digest, 0, bytes.size(), bytes}, host.now()));
  return host.said();
}

Reason order_of_another_class_than_its_policy() {
  return refused_dry_run([](Order& order) { order.action_class = model::Class::kRead; });
}

Reason approver_whose_key_is_stopped() {
  Agent host;
  host.apply();
  model::Stop stop;
  stop.keys = {host.tenant.key("bob").public_key()};
  host.document(host.tenant.sign(stop, {"carol"}));
  return host.said();
}

Reason carried_out_before() {
  act::ActHost host;
  host.infect();
  const auto request = host.request();
  EXPECT_EQ(host.run(request).state(), model::HostState::kCleaned);
  return host.run(request).reason();
}

Reason stopped_while_it_cools_off() {
  Agent host;
  host.apply();
  host.document(host.tenant.sign(model::Stop{.halt_all = true}, {"carol"}));
  return host.said();
}

Reason order_with_a_long_life() {
  return refused_dry_run([](Order& order) { order.schedule.not_after = start() + 91 * kDay; });
}

Reason order_never_released() {
  Agent host;
  host.dry_run([](Order& order) { order.waves[0].gate = model::Gate::kManual; });
  host.pass(hours(25));
  return host.said();
}

Reason order_for_another_country() {
  return refused_dry_run([](Order& order) { order.scope.jurisdictions = {"FR"}; });
}

// Not this host's to answer: only its owner is told.
Reason order_for_others() {
  Agent host;
  const DocumentId id = host.dry_run([](Order& order) { order.scope.groups = {"db"}; });
  EXPECT_TRUE(host.receipts().empty());
  return host.core->why(id).starts_with("refused: scope: ") ? Reason::kScope : Reason::kNone;
}

Reason controller_that_is_gone() {
  Agent host;
  host.dry_run([](Order& order) {
    order.schedule.not_before = start() + 30 * kHour;
    order.schedule.not_after = start() + 60 * kHour;
  });
  host.disconnect();
  host.pass(hours(31));
  return host.said();
}

Reason clock_that_was_set_back() {
  Agent host;
  host.apply();
  host.clock.local -= kHour / 2;
  host.run(host.core->on_deadline(host.now()));
  host.pass(std::chrono::seconds(11));  // no witness host says what time it is
  return host.said();
}

Reason two_truths_about_the_log() {
  Agent host;
  host.apply();
  fixture::Log other;
  while (other.entries().size() < host.log.entries().size()) other.append(to_bytes("another"));
  host.run(host.core->on_message(model::Checkpoint{other.note(host.clock.local)}, host.now()));
  return host.said();
}

Reason dry_run_of_other_hosts() {
  Agent host;
  host.apply([](Order& order) { order.dry_run_order.value.fill(7); });
  host.cool_off();
  return host.said();
}

Reason dry_run_of_last_week() {
  Agent host;
  const DocumentId dry = host.dry_run();
  host.scan_answers(host.found());
  host.pass(hours(8 * 24));
  Order order = fixture::apply(host.policy, dry);
  order.schedule.not_before = host.clock.local;
  order.schedule.not_after = host.clock.local + kDay;
  host.order(order, {"alice", "bob"});
  host.cool_off();
  return host.said();
}

Reason undo_of_what_never_was() {
  Agent host;
  DocumentId never;
  never.value.fill(7);
  host.order(fixture::undo(never), {"alice", "bob"});
  return host.said();
}

Reason owner_who_does_not_want_it() {
  Agent host;
  trust::Consent consent;
  consent.max_class = model::Class::kContain;
  host.run(host.core->on_consent(consent, host.now()));
  host.apply();
  return host.said();
}

Reason owner_who_halted_it() {
  Agent host;
  host.run(host.core->on_halt(true, host.now()));
  host.dry_run();
  return host.said();
}

Reason policy_that_kills_its_reader() {
  Agent host;
  host.guard.poison.insert(host.digest);
  host.dry_run();
  return host.said();
}

}  // namespace

const Producers& document_reasons() {
  static const Producers producers = {
      {Reason::kMalformed, order_that_does_not_decode},
      {Reason::kUntrusted, order_of_a_stranger},
      {Reason::kSchema, order_of_the_future},
      {Reason::kTenant, order_of_another_tenant},
      {Reason::kRootVersion, order_ahead_of_the_root},
      {Reason::kRootExpired, root_that_ended},
      {Reason::kPolicyMissing, policy_that_the_edge_lacks},
      {Reason::kPolicyMismatch, policy_with_other_bytes},
      {Reason::kClassMismatch, order_of_another_class_than_its_policy},
      {Reason::kQuorum, approver_whose_key_is_stopped},
      {Reason::kExecuted, carried_out_before},
      {Reason::kStopped, stopped_while_it_cools_off},
      {Reason::kLifetime, order_with_a_long_life},
      {Reason::kExpired, order_never_released},
      {Reason::kJurisdiction, order_for_another_country},
      {Reason::kScope, order_for_others},
      {Reason::kStale, controller_that_is_gone},
      {Reason::kClock, clock_that_was_set_back},
      {Reason::kLogFork, two_truths_about_the_log},
      {Reason::kDryRunMissing, dry_run_of_other_hosts},
      {Reason::kDryRunOld, dry_run_of_last_week},
      {Reason::kUndoUnknown, undo_of_what_never_was},
      {Reason::kConsent, owner_who_does_not_want_it},
      {Reason::kHalted, owner_who_halted_it},
      {Reason::kPoison, policy_that_kills_its_reader},
  };
  return producers;
}

}  // namespace fleetsweep
