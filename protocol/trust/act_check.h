#pragma once

// What the process that changes the host verifies again, from bytes and its own anchor, without
// believing the process that has the network.

#include <set>
#include <vector>

#include "protocol/model/local.h"
#include "protocol/trust/gates.h"

namespace fleetsweep::trust {

// Root-owned, kept by act, written before it acts. Only ever grows: an older root, or a Stop left
// out, is noticed.
struct ActAnchor {
  TenantId tenant;
  std::uint64_t root_version = 1;
  Timestamp newest;  // witness time; never goes back
  std::set<Execution> executed;
  std::vector<Bytes> stops;  // encoded Stop and Resume envelopes seen so far
  bool operator==(const ActAnchor&) const = default;
};

// An order that act may carry out. Made only by verify_for_act().
class VerifiedOrder {
 public:
  const DocumentId& id() const { return id_; }
  const model::Order& order() const { return order_; }
  const model::Policy& policy() const { return policy_; }  // empty for undo
  model::Class action_class() const { return class_; }
  const Execution& execution() const { return execution_; }
  const model::Root& root() const { return root_; }
  // The anchor with what this request taught and this execution in it: persist it before the first
  // step.
  const ActAnchor& anchor() const { return anchor_; }

 private:
  friend Checked<VerifiedOrder> verify_for_act(const ActAnchor&, const model::ActRequest&,
                                               const ClockReading&);
  VerifiedOrder() = default;

  DocumentId id_;
  model::Order order_;
  model::Policy policy_;
  model::Class class_ = model::Class::kObserve;
  Execution execution_;
  model::Root root_;
  ActAnchor anchor_;
};

// Root chain from the anchor's tenant, at least the anchor's version; quorum under its head; Stops
// given and remembered, by whoever could stop under any root of the chain; policy by digest; class;
// lifetime, expiry; the checkpoint's signatures and age; the clock, or what a witness host told
// when that is in doubt; executed (unless request.resume, or another
// round, which act's journal knows); for class contain and clean a dry run
// that found something. Scope, waves, cool-off and consent are core's: they can only withhold.
Checked<VerifiedOrder> verify_for_act(const ActAnchor& anchor, const model::ActRequest& request,
                                      const ClockReading& clock);

// The anchor with the Stops and Resumes of a request that has no order; those that do not verify
// are left out. Stopping needs less evidence than acting: no checkpoint is asked for.
Checked<ActAnchor> learn_stops(const ActAnchor& anchor, const model::ActRequest& request);

}  // namespace fleetsweep::trust
