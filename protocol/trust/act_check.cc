#include "protocol/trust/act_check.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/trust/log_view.h"
#include "protocol/trust/order_gates.h"
#include "protocol/trust/time_proof.h"

namespace fleetsweep::trust {

using model::Class;
using model::Mode;
using model::Reason;

namespace {

constexpr OrderGate kGates[] = {is_understood, root_arrived, policy_matches, class_matches,
                                not_stopped,   has_quorum,   root_is_live,   lifetime_fits,
                                not_expired,   canary_fits,  is_fresh,       clock_is_sane};

// The root chain, then every Stop and Resume remembered or given: folded like a small log. When a
// Stop was logged is not known here, so it stops if its signer could stop under any root: whoever
// left since does not free what he stopped. To lift one needs today's quorum.
Checked<void> fold_stops(Fold& fold, const ActAnchor& anchor, const model::ActRequest& request,
                         Timestamp seen) {
  std::vector<BytesView> untaken(anchor.stops.begin(), anchor.stops.end());
  untaken.insert(untaken.end(), request.stops.begin(), request.stops.end());
  for (const Bytes& root : request.root_chain) {
    const Notice notice = fold.append(root, seen);
    if (notice.taken == Taken::kRefused) return fail(notice.refusal);
    std::erase_if(untaken, [&](BytesView stop) {
      return fold.take_stop(stop, seen).taken != Taken::kRefused;
    });
  }
  if (!fold.state().root || fold.state().root->version() < anchor.root_version)
    return refuse(Reason::kRootVersion, "a root chain up to version {}, seen was {}",
                  fold.state().root ? fold.state().root->version() : 0, anchor.root_version);
  // What is left are Resumes, and what does not verify: that stops nobody.
  for (const BytesView resume : untaken) (void)fold.append(resume, seen);
  return {};
}

// And then the order.
Checked<Notice> fold_all(Fold& fold, const ActAnchor& anchor, const model::ActRequest& request,
                         Timestamp seen) {
  FS_CHECK(fold_stops(fold, anchor, request, seen));
  Notice order = fold.append(request.order, seen);
  if (order.taken == Taken::kRefused) return fail(order.refusal);
  if (!fold.state().orders.contains(order.id))
    return refuse(Reason::kMalformed, "'{}' where an order was expected", order.payload_type);
  return order;
}

std::vector<Bytes> stops_of(const State& state) {
  std::vector<Bytes> result;
  for (const auto& [id, entry] : state.stops) result.push_back(entry.envelope);
  for (const auto& [id, entry] : state.resumes) result.push_back(entry.envelope);
  return result;
}

Checked<Execution> execution_of(const OrderUnderTest& test, const ActAnchor& anchor,
                                const model::ActRequest& request) {
  const Execution execution{test.id, 0};
  const bool is_round = request.round > 0 && test.order().mode == Mode::kApply;
  if (!request.resume && !is_round && anchor.executed.contains(execution))
    return refuse(Reason::kExecuted, "this host has carried it out");
  if (test.order().mode == Mode::kUndo && !anchor.executed.contains({test.order().undoes, 0}))
    return refuse(Reason::kUndoUnknown, "this host never carried out apply order {}",
                  test.order().undoes.hex());
  return execution;
}

}  // namespace

Checked<ActAnchor> learn_stops(const ActAnchor& anchor, const model::ActRequest& request) {
  FS_TRY(const VerifiedRoot head, accept_root_chain(request.root_chain, anchor.tenant));
  Fold fold(anchor.tenant, Fold::Keep::kForHost);
  FS_CHECK(fold_stops(fold, anchor, request, anchor.newest));
  ActAnchor learned = anchor;
  learned.root_version = head.version();
  learned.stops = stops_of(fold.state());
  return learned;
}

Checked<VerifiedOrder> verify_for_act(const ActAnchor& anchor, const model::ActRequest& request,
                                      const ClockReading& host_clock) {
  FS_TRY(const VerifiedRoot head, accept_root_chain(request.root_chain, anchor.tenant));
  FS_TRY(TimeFloor floor, verify_note_time(request.checkpoint, head.root(), host_clock));
  floor.time = std::max(floor.time, anchor.newest);
  floor.boot = {};  // when core heard the note is not known here, only that it did
  std::optional<TimeFloor> told;
  if (!request.time.statement.empty()) {
    FS_TRY(told, verify_time(request.time, head.root(), anchor.tenant, host_clock));
  }
  const ClockReading clock = corrected(host_clock, floor, told);

  Fold fold(anchor.tenant, Fold::Keep::kForHost);
  FS_TRY(const Notice notice, fold_all(fold, anchor, request, floor.time));
  const OrderEntry& entry = fold.state().orders.at(notice.id);
  const model::Order& order = entry.order;
  if (order.mode == Mode::kDryRun)
    return refuse(Reason::kClassMismatch,
                  "a dry run changes nothing, so there is nothing to act on");

  VerifiedOrder result;
  std::optional<PolicyFacts> facts;
  if (order.mode == Mode::kApply) {
    FS_TRY(facts, policy_facts(request.policy));
    auto policy = codec::decode<model::Policy>(request.policy);
    if (!policy) return refuse(Reason::kMalformed, "policy: {}", policy.error().message);
    result.policy_ = std::move(*policy);
  }
  const OrderUnderTest test{fold.state(), notice.id, entry,       facts ? &*facts : nullptr,
                            floor,        clock,     std::nullopt};
  for (OrderGate gate : kGates) FS_CHECK(gate(test));
  if (order.mode == Mode::kApply && test.action_class() <= Class::kClean &&
      test.action_class() >= Class::kContain && request.dry_run.empty())
    return refuse(Reason::kDryRunMissing, "no finding of a dry run came with the order");
  FS_TRY(result.execution_, execution_of(test, anchor, request));

  result.id_ = notice.id;
  result.order_ = order;
  result.class_ = test.action_class();
  result.root_ = head.root();
  result.anchor_ = anchor;
  result.anchor_.root_version = head.version();
  result.anchor_.newest = floor.time;
  result.anchor_.executed.insert(result.execution_);
  result.anchor_.stops = stops_of(fold.state());
  return result;
}

}  // namespace fleetsweep::trust
